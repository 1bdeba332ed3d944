import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { type IncomingMessage, type RequestListener, Server, ServerResponse, STATUS_CODES } from 'node:http';
import { createRequire } from 'node:module';
import type { Exchange, Handler } from '../exchange.js';
import type { NativeExchange } from './exchange.js';
import { kExchange, type NativeRequest } from './request.js';
import { unpublished } from './unpublished.js';

// What node:http tells of its requests to those who watch the process: diagnostics_channel, perf_hooks, and
// instrumentation that wraps the emit() of a server. Nothing is done for a request that nobody watches.

const createdChannel = channel('http.server.response.created');
const startChannel = channel('http.server.request.start');
const finishChannel = channel('http.server.response.finish');

/** Node's own, taken before the preload puts another in its place. */
const NodeResponse = ServerResponse;
const finishNodes = (ServerResponse.prototype as unknown as { _finish(): void })._finish;
const serverPrototype: object = Server.prototype;

/** Somebody observes entries of the type 'http' with perf_hooks, as far as is known. */
let isObserved = false;
let isHooked = false;

/** Whether somebody wants to know of the next request. */
export function isWatched(): boolean {
  if (!isHooked) hookObservers();
  return (
    isObserved || startChannel.hasSubscribers || finishChannel.hasSubscribers || createdChannel.hasSubscribers
  );
}

/** Tell of a request, before its listener is called. */
export function watch(exchange: NativeExchange, server: object): void {
  const { req: request, res: response } = exchange.node();
  const record = isObserved ? recordOf(request) : undefined;
  if (createdChannel.hasSubscribers) createdChannel.publish({ request, response });
  const message =
    startChannel.hasSubscribers || finishChannel.hasSubscribers
      ? { request, response, socket: exchange.socket, server }
      : undefined;
  if (message !== undefined || record !== undefined) {
    response.once('finish', () => {
      if (record !== undefined) finishRecord(record, response);
      finishChannel.publish(message);
    });
  }
  startChannel.publish(message);
}

type Recorded = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

/** Node tells nobody whether 'http' is observed, and lets nobody add an entry. But a response of its own, made for
 *  nothing else, keeps a record of its start when somebody observes, and adds the entry when it is finished.
 *  @returns undefined when nobody observes any more. */
function recordOf({ method, url, headers }: Recorded): ServerResponse | undefined {
  const record = unpublished(() => new NodeResponse({ method, url, headers } as IncomingMessage));
  const symbols = Object.getOwnPropertySymbols(record);
  isObserved = symbols.some(({ description }) => description === 'ServerResponseStatistics');
  return isObserved ? record : undefined;
}

function finishRecord(record: ServerResponse, response: ServerResponse): void {
  const { statusCode } = response;
  const statusMessage = response.statusMessage || STATUS_CODES[statusCode];
  const headers = response.getHeaders();
  Object.assign(record, { statusCode, statusMessage, getHeaders: () => headers, socket: {} });
  finishNodes.call(record);
}

const nobody: Recorded = { method: 'GET', url: '/', headers: {} };

/** See who observes, now and from now on. With the first request, since node:perf_hooks takes milliseconds to load; an
 *  observer that is made in the turn of that request is seen behind it. */
function hookObservers(): void {
  isHooked = true;
  recordOf(nobody);
  setImmediate(() => {
    const { prototype } = globalThis.PerformanceObserver;
    const { observe } = prototype;
    prototype.observe = function (options) {
      observe.call(this, options);
      recordOf(nobody);
    };
    recordOf(nobody);
  }).unref();
}

/** The handler of an application that has no server of node:http, with one for those who look for it: what wraps its
 *  emit() (OpenTelemetry does it for the class, others for the object) sees every request. */
export function watchedHandler(handler: Handler): Handler {
  // Instrumentation waits for a require() of it, which an application need not make.
  createRequire(import.meta.url)('node:http');
  const server = Object.create(serverPrototype) as EventEmitter;
  (EventEmitter as unknown as (this: object) => void).call(server);
  const listener = ((req: IncomingMessage) =>
    handler.handle((req as NativeRequest)[kExchange])) as RequestListener;
  server.on('request', listener);
  const handle = (exchange: Exchange): void => {
    if (isWatched()) watch(exchange as NativeExchange, server);
    if (server.emit === EventEmitter.prototype.emit) {
      handler.handle(exchange);
      return;
    }
    const { req, res } = exchange.node();
    try {
      server.emit('request', req, res);
    } catch (error) {
      exchange.fail(error);
    }
  };
  const { nodePrototypes } = handler;
  return { interface: 'node', handle, ...(nodePrototypes === undefined ? {} : { nodePrototypes }) };
}
