import { EventEmitter } from 'node:events';
import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { HeaderList } from '../exchange.js';
import { bareBase } from './base.js';
import type { NativeExchange } from './exchange.js';
import { abortedError } from './node-errors.js';
import { kExchange } from './request-head.js';
import { RequestSink } from './request-sink.js';
import type { NativeResponse } from './response.js';
import { closed, finished, kAborted, kState, nodesEmit } from './response-state.js';
import { openWithHandler } from './running.js';
import { afterImmediates } from './tick.js';

// IncomingMessage is slow to construct, not to inherit from. Objects of this class are made by a constructor of their
// own; their prototype chain ends in Node's, every member that is hot is overridden, and the state of the stream is
// made when somebody first treats the request as one.
//
// Express puts its own prototypes in front of ours (node-pair.ts), and the same Express may serve a request of
// node:http at the same time: so every member that Node does not keep as an own property must also work for such a
// foreign request. `kExchange` tells them apart.

export { kExchange };
export const kUrl = Symbol('url');
export const kMethod = Symbol('method');
export const kHeaders = Symbol('headers');
export const kHeadersDistinct = Symbol('headersDistinct');
export const kTrailers = Symbol('trailers');
/** The core has been told to bring the body. */
const kReading = Symbol('reading');
/** Somebody has asked the stream for it. */
export const kConsuming = Symbol('consuming');
/** It has been treated as a stream. */
export const kOpened = Symbol('opened');
/** It is read over, as node:http's `_dumped` says. */
export const kDumped = Symbol('dumped');
/** It has no body, its client has left, and there was nobody to tell. */
export const kLost = Symbol('lost');
/** Of `signal`, once somebody has asked for it. */
const kAborter = Symbol('aborter');

/** Node's own, taken before the preload or a program puts others in their place. */
const {
  on: onNodes,
  setTimeout: timeNodes,
  _read: readNodes,
  _dump: dumpNodes,
  _destroy: destroyNodes,
} = IncomingMessage.prototype as unknown as {
  on(this: unknown, event: string, listener: unknown): NativeRequest;
  setTimeout(this: unknown, ms: number, callback: unknown): NativeRequest;
  _read(this: unknown, size: number): void;
  _dump(this: unknown): void;
  _destroy(this: unknown, error: Error | null, callback: () => void): void;
};

/** What the application gets as `req`. */
export class NativeRequest extends bareBase<IncomingMessage>(IncomingMessage.prototype) {
  declare [kExchange]: NativeExchange;
  declare [kUrl]: string | undefined;
  declare [kMethod]: string | undefined;
  declare [kHeaders]: NodeJS.Dict<string | string[]> | undefined;
  declare [kHeadersDistinct]: NodeJS.Dict<string[]> | undefined;
  declare [kTrailers]: HeaderList;
  declare [kReading]: boolean;
  declare [kConsuming]: boolean;
  declare [kOpened]: boolean;
  declare [kDumped]: boolean;
  declare [kLost]: boolean;
  declare [kAborter]: AbortController | undefined;

  override on(event: string, listener: (...args: never[]) => void): this {
    // Readable's own on() looks at the state of the stream whatever the event is.
    if (this[kExchange] !== undefined && event !== 'data' && event !== 'readable' && !isOpen(this)) {
      EventEmitter.prototype.on.call(this, event, listener as () => void);
      return this;
    }
    return onNodes.call(this, event, listener) as this;
  }

  override addListener(event: string, listener: (...args: never[]) => void): this {
    return this.on(event, listener);
  }

  override _read(size: number): void {
    const exchange = this[kExchange];
    if (exchange === undefined) {
      readNodes.call(this, size);
    } else {
      if (!this[kConsuming]) setReadingMore(this, false);
      this[kConsuming] = true;
      if (this[kReading]) {
        if (exchange.resumeBody()) exchange.knownSocket?.emit('resume');
      } else openWithHandler(exchange, this);
    }
  }

  /** @internal */
  startBody(): void {
    const exchange = this[kExchange];
    if (!exchange.hasBody) {
      this.push(null);
    } else if (
      !this[kReading] &&
      exchange.body?.isTaken !== true &&
      (this[kConsuming] || !exchange.expectsContinue)
    ) {
      this[kReading] = true;
      exchange.readBody(new RequestSink(this));
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const exchange = this[kExchange];
    if (exchange === undefined) {
      destroyNodes.call(this, error, callback);
      return;
    }
    const isCut = !isOver(this) && (!this.readableEnded || !this.complete);
    if (isCut) {
      this[kAborter]?.abort();
      this.aborted = true;
      this.emit('aborted');
    }
    // Without a listener an aborted request is no reason for an uncaught error, as with node:http.
    const tell = (): void => callback(error !== null && this.listenerCount('error') > 0 ? error : null);
    // pipeline() takes the socket away from a request before it destroys it, so that it can be answered.
    // One that was taken over is one of Node's own.
    const own = Object.hasOwn(this, 'socket') ? (this.socket as Socket | null) : undefined;
    if (isCut && own !== undefined) {
      if (own === null) exchange.discardBody();
      else if (!exchange.aborted) own.destroy(error ?? undefined);
      process.nextTick(tell);
    } else if (isCut && !exchange.ended) {
      cutConnection(exchange, error, tell);
    } else if (error === null && !isCut && !this.aborted && destroysAtOnce()) {
      callback();
    } else {
      process.nextTick(tell);
      if (isCut && !exchange.aborted) exchange.socket.destroy(error ?? undefined);
    }
  }

  override setTimeout(ms: number, callback?: () => void): this {
    if (this[kExchange] === undefined) return timeNodes.call(this, ms, callback) as this;
    if (callback !== undefined) this.on('timeout', callback);
    this.socket.setTimeout(ms);
    return this;
  }

  /** Read and forget the body, as node:http does after the response, unless somebody has begun to read it. */
  _dump(): void {
    if (this[kExchange] === undefined) {
      dumpNodes.call(this);
    } else if (!this[kConsuming]) {
      // Who begins to read only now gets nothing of what is still to come.
      const isSeen = isOpen(this) || isAwaited(this);
      if (isSeen || !this[kExchange].bodyComplete) this[kDumped] = true;
      if (!isSeen) return;
      this.removeAllListeners('data');
      const isEmpty = !this[kExchange].hasBody && !this.destroyed;
      if (isEmpty && endsEmpty()) this.read(0);
      else this.resume();
    }
  }
}

/** Its response has finished: what nobody reads is read over. Who listens to 'data' since then reads it, although nothing
 *  of it was read so far. */
export function dumpUnread(request: NativeRequest): void {
  if (!isOpen(request) || stateOf(request)['resumeScheduled'] !== true) request._dump();
}

let goesToEnd: boolean | undefined;

/** Whether the running Node goes straight to the end of a request that nobody reads and that has no body, and does not
 *  resume it: from Node 24 on. Asked of a request that goes nowhere. */
function endsEmpty(): boolean {
  if (goesToEnd === undefined) {
    goesToEnd = true;
    const resume = (): void => {
      goesToEnd = false;
    };
    dumpNodes.call(Object.assign(new IncomingMessage(null as never), { complete: true, resume, read() {} }));
  }
  return goesToEnd;
}

let isAtOnce: boolean | undefined;

/** Whether the running Node destroys a request that is complete without a tick in between: from Node 24 on. Asked of one
 *  that goes nowhere. */
function destroysAtOnce(): boolean {
  if (isAtOnce === undefined) {
    const probe = { readableEnded: true, complete: true, aborted: false, listenerCount: () => 0 };
    let called = false;
    destroyNodes.call(probe, null, () => {
      called = true;
    });
    isAtOnce = called;
  }
  return isAtOnce;
}

/** The program gives its request up, and with it the connection. As with node:http the request is told a few ticks
 *  later, and the response when the connection is gone. */
function cutConnection(exchange: NativeExchange, error: Error | null, tell: () => void): void {
  exchange.abort();
  process.nextTick(() => process.nextTick(tell));
  afterImmediates(() => (exchange.node().res as unknown as NativeResponse)[kAborted]());
  exchange.socket.destroy(error ?? undefined); // With all that is in front of it.
}

/** Whether it was answered and received, and nobody reads it: node:http has read it to its end by then. */
function isOver(request: NativeRequest): boolean {
  return request[kExchange].bodyComplete && isReadOver(request);
}

/** Whether it was answered, and nobody reads it: what has come and is to come of its body is dropped. */
export function isReadOver(request: NativeRequest): boolean {
  const exchange = request[kExchange];
  return !request[kConsuming] && exchange.ended && (exchange.node().res as NativeResponse)[kState] === closed;
}

/** Whether somebody has treated the request as a stream. */
export function isOpen(request: NativeRequest): boolean {
  return request[kOpened];
}

const awaited = ['close', 'end', 'resume'];

/** Whether somebody waits for the end of a request that nobody reads, or hears all that it emits. */
export function isAwaited(request: NativeRequest): boolean {
  if (isOverheard(request)) return true;
  const events = (request as unknown as { _events?: Record<string, unknown> })._events;
  return events !== undefined && awaited.some((name) => events[name] !== undefined);
}

function isOverheard(request: NativeRequest): boolean {
  return request.emit !== nodesEmit;
}

/** What `signal` is in the Nodes that have it. */
export function signalOf(request: NativeRequest): AbortSignal {
  const aborter = new AbortController();
  request[kAborter] = aborter;
  const { socket } = request;
  const isCut = request.destroyed && (!request.readableEnded || !request.complete);
  if (isCut || (socket?.destroyed === true && !request[kExchange].node().res.writableFinished))
    aborter.abort();
  return aborter.signal;
}

export function openStream(request: NativeRequest): void {
  const exchange = request[kExchange];
  const { highWaterMark } = exchange.server;
  const isAnswered = isReadOver(request);
  Readable.call(request as unknown as Readable, { highWaterMark });
  if (isAnswered) dumpUnseen(request);
  if (request[kLost] || (isAnswered && exchange.bodyComplete)) {
    closeUnseen(request);
    return;
  }
  // As with node:http: bytes that come do not make the stream ask for more before somebody has asked it.
  setReadingMore(request, true);
  // Some look into the state of the stream for whether there is more to come.
  openWithHandler(exchange, request);
}

// The stream of a request may be looked at for the first time when all is over: what nobody has listened to has happened
// nevertheless.

function stateOf(request: NativeRequest): Record<string, unknown> {
  return (request as unknown as { _readableState: Record<string, unknown> })._readableState;
}

/** It was answered. */
function dumpUnseen(request: NativeRequest): void {
  const state = stateOf(request);
  const { hasBody, bodyComplete } = request[kExchange];
  request[kDumped] = request[kConsuming] = true;
  if (hasBody || !endsEmpty()) state['flowing'] = true;
  state['dataEmitted'] = hasBody;
  state['ended'] = state['endEmitted'] = bodyComplete;
}

/** It has come to its end, or its client has left. */
function closeUnseen(request: NativeRequest): void {
  const state = stateOf(request);
  if (request[kLost]) state['errored'] = abortedError();
  state['destroyed'] = state['closed'] = state['closeEmitted'] = true;
}

function setReadingMore(request: NativeRequest, value: boolean): void {
  stateOf(request)['readingMore'] = value;
}

/** Take the body as far as there is room for it, as node:http does whether somebody reads it or not. */
export function peek(request: NativeRequest): void {
  if (!request[kExchange].hasBody) return;
  if (isOpen(request)) request.startBody();
  else openStream(request);
}

/** The client is gone: 'aborted', 'error' where somebody listens, 'close'. In place of node:http nothing once the
 *  response has finished, as there. */
export function abortRequest(request: NativeRequest): void {
  const { server } = request[kExchange];
  const isFinished = (request[kExchange].node().res as NativeResponse)[kState] >= finished;
  if (isFinished && server.dropIn !== undefined) return;
  request[kAborter]?.abort();
  if (!isOpen(request)) {
    request.aborted = true;
    const isHeard = ['aborted', 'error', 'close'].some((event) => request.listenerCount(event) > 0);
    if (!isHeard && !isOverheard(request)) {
      // A body can still be read: with node:http, which reads no more than there is room for, it may be that the end of the
      // connection is not seen before somebody has.
      request[kLost] = !request[kExchange].hasBody;
      return;
    }
  }
  if (request.readableEnded && request.complete) return;
  // What came before can still be read, as with node:http.
  if (!request[kReading]) request._read(0);
  request.destroy(abortedError());
}

const noTrailers: HeaderList = [];

/** A function to construct requests with, or to call on what another has constructed. It sets the fields that every
 *  request has from the start; their order is that of the hidden class. They stand in the function itself, since V8
 *  reserves room in an object for as many as it sees assigned there, and eight more: Express' own then fit as well.
 *  It has no name of its own: then a stack trace shows that of the `constructor`. */
export function requestInit(): (this: NativeRequest, exchange: NativeExchange) => void {
  return function (exchange) {
    this[kExchange] = exchange;
    this[kUrl] = undefined;
    this[kMethod] = undefined;
    this[kHeaders] = undefined;
    this[kTrailers] = noTrailers;
    this[kReading] = false;
    this[kConsuming] = false;
    this[kOpened] = false;
  };
}
