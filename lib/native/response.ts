import { AsyncResource } from 'node:async_hooks';
import { ServerResponse } from 'node:http';
import { bareBase, defineValues } from './base.js';
import type { NativeExchange } from './exchange.js';
import { noLength } from './layout.js';
import * as nodeErrors from './node-errors.js';
import { lowerCase } from './node-headers.js';
import { sendPipedFile } from './piped-file.js';
import { kExchange, type NativeRequest } from './request.js';
import {
  destroyResponse,
  emitClose,
  emitFinish,
  emitPrefinish,
  endUnsent,
  failEnd,
  justEnded,
  kClosedUnheard,
  kEndCallbacks,
  kNextEnd,
  kPrefinished,
  onEnd,
  onSecondEnd,
  prefinishesNow,
} from './response-end.js';
import { headFacts, keepWhole, mayHaveBody } from './response-head.js';
import { type HeaderValue, ResponseHeaders } from './response-headers.js';
import { flushJoined, type Joined, kJoined, writeJoined } from './response-join.js';
import { encode, setHeaders, writeHead } from './response-set.js';
import {
  type Callback,
  checkBodyAllowed,
  checkLength,
  checkUnsent,
  ended,
  failWrite,
  fieldsOf,
  finished,
  flagsOf,
  headOf,
  headSet,
  kAborted,
  kBytes,
  kCloseTold,
  kCorked,
  kEndContext,
  kFlushed,
  kHead,
  kHeaders,
  kHeadless,
  kHeadReason,
  kKeepAlive,
  kOwn,
  kReason,
  kRemoved,
  kState,
  kStatus,
  kTrailers,
  kWhole,
  kWritten,
  noteRemoved,
  type OwnMethods,
  open,
  reasonOf,
  setHead,
  startStream,
  statusOf,
  tellAllWritten,
  watched,
} from './response-state.js';
import { addTrailers } from './response-trailers.js';
import { sendSoon } from './sent.js';

// As with the request (see request.ts): a constructor of our own, Node's prototypes behind it, every hot member
// overridden, and each override passes on to Node's for a response that is not ours.

type Chunk = string | Uint8Array;

const node = ServerResponse.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;

/** Node's own method, for a response that is not ours. */
function pass<R>(self: object, name: string, args: unknown[]): R {
  return (node[name] as (...args: unknown[]) => R).apply(self, args);
}

/** What the application gets as `res`. */
export class NativeResponse extends bareBase<ServerResponse>(ServerResponse.prototype) {
  declare [kExchange]: NativeExchange;
  declare [kHeaders]: ResponseHeaders | undefined;
  declare [kState]: number;
  declare [kTrailers]: string[] | undefined;
  declare [kHead]: ResponseHeaders | undefined;
  declare [kReason]: string | undefined;
  declare [kKeepAlive]: boolean | undefined;
  declare [kWritten]: Callback[] | undefined;
  declare [kWhole]: Chunk | number | null | undefined;
  declare [kCorked]: number;
  declare [kJoined]: Joined | undefined;
  declare [kBytes]: number;
  declare [kStatus]: number | undefined;
  declare [kHeadReason]: string | undefined;
  declare [kRemoved]: number;
  declare strictContentLength: boolean;
  declare [kCloseTold]: boolean;
  declare [kEndContext]: AsyncResource | undefined;
  declare [kNextEnd]: NativeResponse | undefined;
  declare [kClosedUnheard]: number;
  declare [kEndCallbacks]: Callback[] | undefined;
  declare [kPrefinished]: boolean;
  declare [kHeadless]: boolean;
  declare readonly [kOwn]: OwnMethods;

  // Fields.

  override setHeader(name: string, value: HeaderValue): this {
    if (this[kExchange] === undefined) return pass(this, 'setHeader', [name, value]);
    if (this[kState] !== open) checkUnsent(this, 'set');
    const headers = this[kHeaders] ?? new ResponseHeaders();
    headers.set(name, value);
    this[kHeaders] = headers;
    return this;
  }

  override setHeaders(headers: Headers | Map<string, HeaderValue>): this {
    if (this[kExchange] === undefined) return pass(this, 'setHeaders', [headers]);
    if (this[kState] !== open) checkUnsent(this, 'set');
    setHeaders(this, headers);
    return this;
  }

  override appendHeader(name: string, value: string | readonly string[]): this {
    if (this[kExchange] === undefined) return pass(this, 'appendHeader', [name, value]);
    if (this[kState] !== open) checkUnsent(this, 'append');
    const headers = this[kHeaders];
    if (headers?.has(name) !== true) return this.setHeader(name, value);
    headers.append(name, value);
    return this;
  }

  override getHeader(name: string): number | string | string[] | undefined {
    if (this[kExchange] === undefined) return pass(this, 'getHeader', [name]);
    if (typeof name !== 'string') throw nodeErrors.invalidType('name', 'of type string', name);
    return this[kHeaders]?.get(name) as number | string | string[] | undefined;
  }

  override hasHeader(name: string): boolean {
    if (this[kExchange] === undefined) return pass(this, 'hasHeader', [name]);
    if (typeof name !== 'string') throw nodeErrors.invalidType('name', 'of type string', name);
    return this[kHeaders]?.has(name) === true;
  }

  override removeHeader(name: string): void {
    if (this[kExchange] === undefined) return pass(this, 'removeHeader', [name]);
    if (typeof name !== 'string') throw nodeErrors.invalidType('name', 'of type string', name);
    if (this[kState] !== open) checkUnsent(this, 'remove');
    this[kHeaders]?.delete(name);
    noteRemoved(this, lowerCase(name));
  }

  override getHeaderNames(): string[] {
    if (this[kExchange] === undefined) return pass(this, 'getHeaderNames', []);
    return this[kHeaders]?.names().map(lowerCase) ?? [];
  }

  getRawHeaderNames(): string[] {
    if (this[kExchange] === undefined) return pass(this, 'getRawHeaderNames', []);
    return this[kHeaders]?.names() ?? [];
  }

  override getHeaders(): NodeJS.Dict<number | string | string[]> {
    if (this[kExchange] === undefined) return pass(this, 'getHeaders', []);
    const all = Object.create(null) as NodeJS.Dict<number | string | string[]>;
    const fields = this[kHeaders];
    for (const name of fields?.names() ?? []) {
      all[lowerCase(name)] = fields?.get(name) as number | string | string[];
    }
    return all;
  }

  // The head.

  override writeHead(status: number, reason?: unknown, headers?: unknown): this {
    if (this[kExchange] === undefined) return pass(this, 'writeHead', [status, reason, headers]);
    if (this[kState] !== open) return checkUnsent(this, 'write');
    writeHead(this, status, reason, headers);
    return this;
  }

  _implicitHeader(): void {
    if (this[kExchange] === undefined) pass(this, '_implicitHeader', []);
    else this.writeHead(this.statusCode);
  }

  override flushHeaders(): void {
    if (this[kExchange] === undefined) return pass(this, 'flushHeaders', []);
    startStream(this, '');
    this[kExchange].keepHead();
  }

  // The body.

  override write(chunk: Chunk, encoding?: unknown, callback?: Callback): boolean {
    if (this[kExchange] === undefined) return pass(this, 'write', [chunk, encoding, callback]);
    if (typeof encoding === 'function') {
      callback = encoding as Callback;
      encoding = undefined;
    } else if (typeof callback !== 'function') {
      callback = undefined;
    }
    if (chunk === null) throw nodeErrors.nullChunk();
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) throw nodeErrors.invalidChunk(chunk);
    if (this[kState] >= ended) {
      failWrite(this, nodeErrors.writeAfterEnd(), callback);
      return false;
    }
    if (this.destroyed) {
      failWrite(this, nodeErrors.destroyed('write'), callback);
      return false;
    }
    if (this.strictContentLength) checkLength(this, chunk, false);
    setHead(this);
    if (!mayHaveBody(this, statusOf(this))) {
      checkBodyAllowed(this);
      if (callback !== undefined) process.nextTick(callback);
      return true;
    }
    return writeJoined(this, encode(chunk, encoding), callback);
  }

  override end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    if (this[kExchange] === undefined) return pass(this, 'end', [chunk, encoding, callback]);
    if (typeof chunk === 'function') {
      callback = chunk;
      chunk = undefined;
      encoding = undefined;
    } else if (typeof encoding === 'function') {
      callback = encoding;
      encoding = undefined;
    }
    if (this[kState] >= ended) {
      if (chunk && this.destroyed) return this;
      if (chunk) failWrite(this, nodeErrors.writeAfterEnd(), callback as Callback | undefined);
      else if (typeof callback === 'function') onSecondEnd(this, callback as Callback);
      return this;
    }
    if (chunk && typeof chunk !== 'string' && !(chunk instanceof Uint8Array))
      throw nodeErrors.invalidChunk(chunk);
    if (chunk && this.destroyed && this[kExchange].ended && this[kState] === open)
      return endUnsent(this, callback);
    this[kCorked] = 0;
    const body = chunk ? encode(chunk as Chunk, encoding) : null;
    if (this.strictContentLength) checkLength(this, body, true);
    if (body !== null) checkBodyAllowed(this);
    if (this[kState] === open) keepWhole(this, body);
    // As node:http, whose head is final with writeHead, unless _contentLength tells of it (as @hono/node-server does).
    const lengthUnknown =
      (this[kState] === headSet && !Object.hasOwn(this, '_contentLength')) ||
      headOf(this)?.hasTrailer === true
        ? noLength
        : 0;
    setHead(this);
    if (this[kWritten] !== undefined) tellAllWritten(this);
    if (typeof callback === 'function') onEnd(this, callback as Callback);
    const isWatched = typeof callback === 'function' || watched(this);
    const exchange = this[kExchange];
    if (isWatched) {
      exchange.watchFlush = true;
      // As with node:http, 'finish' comes in the async context of the end; only who listens pays for it.
      this[kEndContext] = new AsyncResource('HTTPSERVERRESPONSE', {
        triggerAsyncId: exchange.resource.asyncId(),
        requireManualDestroy: true,
      });
    }
    const prefinishes = isWatched && prefinishesNow(this);
    // Trailers have their place behind chunks only.
    const hasTrailers = this[kTrailers] !== undefined && headFacts(this)?.chunked === true;
    if (this[kState] === headSet && !hasTrailers) {
      this[kState] = ended;
      const flags = flagsOf(this) | lengthUnknown;
      exchange.respondNode(statusOf(this), reasonOf(this, body), fieldsOf(this, body), body, flags);
    } else {
      startStream(this, body);
      flushJoined(this, body);
      this[kState] = ended;
      exchange.end(this[kTrailers]);
    }
    if (isWatched) {
      sendSoon();
      if (prefinishes) emitPrefinish(this);
    } else if (!this.destroyed) {
      justEnded(this); // Nothing more becomes of one that was cut.
    }
    return this;
  }

  override addTrailers(headers: object): void {
    if (this[kExchange] === undefined) return pass(this, 'addTrailers', [headers]);
    addTrailers(this, headers);
  }

  override cork(): void {
    if (this[kExchange] === undefined) return pass(this, 'cork', []);
    this[kCorked]++;
  }

  override uncork(): void {
    if (this[kExchange] === undefined) return pass(this, 'uncork', []);
    if (this[kCorked] > 0 && --this[kCorked] === 0) flushJoined(this);
  }

  /** Bytes for the connection as they are: undocumented, and used for informational responses of one's own. */
  _writeRaw(data: Chunk, encoding?: unknown, callback?: () => void): boolean {
    if (this[kExchange] === undefined) return pass(this, '_writeRaw', [data, encoding, callback]);
    return this[kExchange].socket.write(data, encoding, callback);
  }

  _send(data: Chunk, encoding?: unknown, callback?: () => void): boolean {
    if (this[kExchange] === undefined) return pass(this, '_send', [data, encoding, callback]);
    startStream(this);
    return data.length === 0 || this._writeRaw(data, encoding, callback);
  }

  // The stream.

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const told = super.emit(event, ...args);
    if (event === 'pipe' && this[kExchange] !== undefined) sendPipedFile(this, args[0], ownWrite, ownEnd);
    return told;
  }

  override destroy(error?: Error): this {
    if (this[kExchange] === undefined) return pass(this, 'destroy', [error]);
    if (!this.destroyed) destroyResponse(this, error);
    return this;
  }

  override setTimeout(ms: number, callback?: () => void): this {
    if (this[kExchange] === undefined) return pass(this, 'setTimeout', [ms, callback]);
    if (callback !== undefined) this.on('timeout', callback);
    this.socket?.setTimeout(ms);
    return this;
  }

  override pipe(): never {
    if (this[kExchange] === undefined) return pass(this, 'pipe', []);
    this.emit('error', nodeErrors.cannotPipe());
    return undefined as never;
  }

  override assignSocket(socket: never): void {
    if (this[kExchange] === undefined) pass(this, 'assignSocket', [socket]);
  }

  /** @internal The last byte was handed to the kernel. */
  [kFlushed](): void {
    if (this[kState] !== ended || this.destroyed) return;
    this[kState] = finished;
    (this[kEndContext] ?? this[kExchange].resource).runInAsyncScope(emitFinish, undefined, this);
    this[kEndContext]?.emitDestroy();
  }

  /** @internal The client is gone before the response was complete. */
  [kAborted](): void {
    this.destroyed = true;
    failEnd(this, nodeErrors.destroyed('write'));
    emitClose(this);
  }
}

const {
  write: ownWrite,
  end: ownEnd,
  writeHead: ownHead,
  _implicitHeader,
  emit: ownEmit,
} = NativeResponse.prototype;
defineValues(NativeResponse.prototype, { [kOwn]: { writeHead: ownHead, _implicitHeader, emit: ownEmit } });

/** As `requestInit`, for responses. */
export function responseInit(): (this: NativeResponse, exchange: NativeExchange, req: NativeRequest) => void {
  return function (exchange, req) {
    this[kExchange] = exchange;
    this[kHeaders] = undefined;
    this[kState] = open;
    this[kTrailers] = undefined;
    this[kWhole] = undefined;
    this[kCorked] = 0;
    this[kNextEnd] = undefined;
    this[kClosedUnheard] = -1;
    this.statusCode = 200;
    (this as { req: unknown }).req = req;
  };
}
