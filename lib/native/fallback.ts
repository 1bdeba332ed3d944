import { createRequire } from 'node:module';
import { currentOffer } from './offer.js';

// What the native core does not do: it has no handles of libuv. A server that listens on one is served by node:http.

/** Whether node:http must serve.
 *  @param args Of listen(). */
export function nodeServes(args: readonly unknown[]): boolean {
  return isAbstract(args[0]) || isHandle(args[0]) || sharesPort(args[0]) || isClusterWorker();
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

/** A socket of its own on a port of others, from Node 22 on; under the command the socket is there already. */
function sharesPort(target: unknown): boolean {
  const asks =
    typeof target === 'object' && target !== null && 'reusePort' in target && target.reusePort === true;
  return asks && currentOffer() === undefined;
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
