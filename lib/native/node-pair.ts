import { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Stream } from 'node:stream';
import type { Handler } from '../exchange.js';
import { defineValues, enumerableAs } from './base.js';
import type { NativeExchange } from './exchange.js';
import { quickenTags } from './express-tag.js';
import { inspectAs } from './inspected.js';
import { abortRequest, kExchange, kOpened, NativeRequest, peek, requestInit } from './request.js';
import './request-fields.js';
import { NativeResponse, responseInit } from './response.js';
import { emitClose } from './response-end.js';
import './response-fields.js';
import './response-info.js';
import './response-old-fields.js';
import './response-inherited.js';
import { kAborted, kFlushed } from './response-state.js';
import type { RequestConstructor, ResponseConstructor } from './server-options.js';
import type { PairFactory } from './turn.js';
import { unpublished } from './unpublished.js';

/** Node's own, taken before the preload puts others in their place. */
const NodeRequest = IncomingMessage;
const NodeResponse = ServerResponse;
const nodeRequest = NodeRequest.prototype;
const nodeResponse = NodeResponse.prototype;

// `constructor` and its name are looked at: by programs, by util.inspect and in stack traces.
defineValues(NativeRequest.prototype, { constructor: IncomingMessage });
defineValues(NativeResponse.prototype, { constructor: ServerResponse });

// `_events` is made for the first who listens, and Node's own looks into it.
const { eventNames: nodesEventNames } = Stream.prototype;
function eventNames(this: Stream & { readonly _events?: object }): (string | symbol)[] {
  return this._events === undefined ? [] : nodesEventNames.call(this);
}
defineValues(NativeRequest.prototype, { eventNames });
defineValues(NativeResponse.prototype, { eventNames });

function nodesRequest(): IncomingMessage {
  return new NodeRequest(null as never);
}

function nodesResponse(): ServerResponse {
  return unpublished(() => {
    const nodes = new NodeResponse({ method: 'GET' } as IncomingMessage);
    return Object.assign(nodes, { _maxRequestsPerSocket: 0 }); // what the server puts on it
  });
}

enumerableAs(NativeRequest.prototype, nodesRequest());
enumerableAs(NativeResponse.prototype, nodesResponse());
const isOurs = (message: object): boolean => (message as NativeRequest)[kExchange] !== undefined;
inspectAs(NativeRequest.prototype, nodesRequest, isOurs);
inspectAs(NativeResponse.prototype, nodesResponse, isOurs);

type RequestClass = new (exchange: NativeExchange) => NativeRequest;
type ResponseClass = new (exchange: NativeExchange, request: NativeRequest) => NativeResponse;

/** The pair of one exchange, and what the exchange tells it. One object, no closures. */
export class NativePair {
  readonly req: NativeRequest;
  readonly res: NativeResponse;

  constructor(req: NativeRequest, res: NativeResponse) {
    this.req = req;
    this.res = res;
  }

  /** Somebody has paused the socket: node:http reads on as far as the request has room. */
  peek(): void {
    peek(this.req);
  }

  /** Another protocol follows: what has come of the body lies in the stream. */
  fill(): void {
    peek(this.req);
    this.req.startBody();
  }

  drain(): void {
    this.res.emit('drain');
  }

  flushed(): void {
    this.res[kFlushed]();
  }

  aborted(): void {
    abortRequest(this.req);
  }

  /** Its connection has closed. */
  closed(): void {
    this.res[kAborted]();
  }

  halfClosed(): void {
    // The client has probably left: who waits for 'close' learns it; what is still written is sent.
    emitClose(this.res);
  }
}

/** Make the classes of a handler's requests and responses.
 *
 *  Express sets the prototype of every request and response to its own, which costs more than all the rest. So its
 *  base prototypes are re-rooted onto our classes once, and the objects are made with the prototype that Express is
 *  going to set: then there is nothing to change. */
export function createPairFactory(handler: Handler, classes?: OwnClasses): PairFactory {
  const prototypes = handler.nodePrototypes;
  if (prototypes === undefined) rerootModules();
  else quickenTags(prototypes.response);
  const Request = withPrototype<RequestClass>(
    requestInit(),
    root(prototypes?.request, nodeRequest, NativeRequest.prototype),
  );
  const Response = withPrototype<ResponseClass>(
    responseInit(),
    root(prototypes?.response, nodeResponse, NativeResponse.prototype),
  );
  const ownRequest = ownRequests(classes?.Request);
  const ownResponse = ownResponses(classes?.Response);
  if (ownRequest === undefined && ownResponse === undefined) {
    return (exchange) => {
      const req = new Request(exchange);
      return new NativePair(req, new Response(exchange, req));
    };
  }
  const makeRequest = ownRequest ?? ((exchange: NativeExchange) => new Request(exchange));
  const makeResponse =
    ownResponse ?? ((exchange: NativeExchange, req: NativeRequest) => new Response(exchange, req));
  return (exchange) => {
    const req = makeRequest(exchange);
    return new NativePair(req, makeResponse(exchange, req));
  };
}

/** Classes of the application's own, that extend Node's: the options IncomingMessage and ServerResponse. */
export interface OwnClasses {
  readonly Request: RequestConstructor | undefined;
  readonly Response: ResponseConstructor | undefined;
}

/** Their constructors run, on a state of node:http's that is then put away: what it keeps as own properties would hide
 *  our members. */
function ownRequests(Own: RequestConstructor | undefined) {
  if (Own === undefined) return undefined;
  root(Own.prototype as object, nodeRequest, NativeRequest.prototype);
  const init = requestInit();
  return (exchange: NativeExchange): NativeRequest => {
    const request = new Own(exchange.socket) as unknown as NativeRequest;
    uncover(request, NativeRequest.prototype, '_readableState');
    init.call(request, exchange);
    request[kOpened] = true;
    return request;
  };
}

function ownResponses(Own: ResponseConstructor | undefined) {
  if (Own === undefined) return undefined;
  root(Own.prototype as object, nodeResponse, NativeResponse.prototype);
  const init = responseInit();
  return (exchange: NativeExchange, req: NativeRequest): NativeResponse => {
    const options = { highWaterMark: exchange.server.highWaterMark };
    const response = new Own(req, options) as unknown as NativeResponse;
    uncover(response, NativeResponse.prototype, undefined);
    init.call(response, exchange, req);
    return response;
  };
}

/** @param keep An own property to leave. */
function uncover(message: object, ours: object, keep: string | undefined): void {
  for (const name of Object.keys(message)) {
    if (name !== keep && Object.hasOwn(ours, name)) Reflect.deleteProperty(message, name);
  }
}

/** Put `ours` between the application's prototype and Node's.
 *  @returns The prototype to make objects with. */
function root(prototype: object | undefined, nodes: object, ours: object): object {
  if (prototype === undefined) return ours;
  let base = prototype;
  for (;;) {
    const next: object | null = Object.getPrototypeOf(base);
    if (next === ours) return prototype;
    if (next === null) return ours; // made of something else: our own class, and Express changes it
    if (next === nodes) break;
    base = next;
  }
  Object.setPrototypeOf(base, ours);
  return prototype;
}

/** Re-root the bases that loaded CommonJS modules export. Behind a listener of somebody else's, `(req, res) =>
 *  app(req, res)`, an Express application is not to be seen, and yet it sets its own prototypes: without ours behind
 *  them our objects would lose every member. */
function rerootModules(): void {
  for (const module of Object.values(createRequire(import.meta.url).cache)) {
    const exported: unknown = module?.loaded === true ? module.exports : undefined;
    if (typeof exported !== 'object' || exported === null) continue;
    const base: object | null = Object.getPrototypeOf(exported);
    if (base === nodeRequest) Object.setPrototypeOf(exported, NativeRequest.prototype);
    else if (base === nodeResponse) Object.setPrototypeOf(exported, NativeResponse.prototype);
  }
}

/** A class of such a function: the prototype of one that is declared cannot be chosen. */
function withPrototype<Class>(construct: { prototype: object }, prototype: object): Class {
  construct.prototype = prototype;
  return construct as Class;
}
