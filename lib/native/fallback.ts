import type { EventEmitter } from 'node:events';
import * as http from 'node:http';
import { createRequire } from 'node:module';

// What the native core does not do. A server that asks for it is served by node:http, so that every program runs.

/** Node's own; the preload puts others in their place. */
const { IncomingMessage: NodeRequest, ServerResponse: NodeResponse } = http;

/** Whether node:http must serve.
 *  @param args Of listen(). */
export function nodeServes(
  server: EventEmitter,
  options: http.ServerOptions,
  args: readonly unknown[],
): boolean {
  return (
    hasOwnClasses(options) ||
    nodeEvents.some((name) => server.listenerCount(name) > 0) ||
    server.listenerCount('connection') > 1 ||
    (server as { maxHeadersCount?: unknown }).maxHeadersCount !== null ||
    (server as { maxRequestsPerSocket?: number }).maxRequestsPerSocket !== 0 ||
    (options as { highWaterMark?: unknown }).highWaterMark !== undefined ||
    (options as { uniqueHeaders?: unknown }).uniqueHeaders !== undefined ||
    (options as { rejectNonStandardBodyWrites?: unknown }).rejectNonStandardBodyWrites === true ||
    options.requireHostHeader === false ||
    (server as { httpAllowHalfOpen?: unknown }).httpAllowHalfOpen === true ||
    isAbstract(args[0]) ||
    isHandle(args[0]) ||
    isClusterWorker()
  );
}

/** Told of with a connection of node:net in hand. */
const nodeEvents = ['checkExpectation', 'clientError', 'dropRequest', 'timeout', 'drop'] as const;

/** Objects of them are made by their own constructors, on node:http's state. */
function hasOwnClasses(options: http.ServerOptions): boolean {
  return (
    !isOneOf(options.IncomingMessage, NodeRequest, http.IncomingMessage) ||
    !isOneOf(options.ServerResponse, NodeResponse, http.ServerResponse)
  );
}

function isOneOf(given: unknown, own: unknown, patched: unknown): boolean {
  return given === undefined || given === own || given === patched;
}

/** listen(server) and listen({ _handle }): a handle of libuv is shared. */
function isHandle(target: unknown): boolean {
  return (
    typeof target === 'object' &&
    target !== null &&
    (('_handle' in target && target._handle !== undefined) ||
      ('handle' in target && target.handle !== undefined) ||
      'onconnection' in target)
  );
}

/** A Unix socket without a file. */
function isAbstract(target: unknown): boolean {
  const path = typeof target === 'object' && target !== null && 'path' in target ? target.path : target;
  return typeof path === 'string' && path.startsWith('\0');
}

/** The primary process of a cluster owns the sockets of its workers, and hands out handles of libuv. */
function isClusterWorker(): boolean {
  const cluster = createRequire(import.meta.url)('node:cluster') as typeof import('node:cluster');
  return (cluster.default ?? cluster).isWorker;
}
