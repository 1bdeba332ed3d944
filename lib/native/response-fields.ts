import { EventEmitter } from 'node:events';
import { OutgoingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import { defineValues, keepOwn } from './base.js';
import { noChunked, noConnection, noLength } from './layout.js';
import { kExchange } from './request.js';
import { NativeResponse } from './response.js';
import { kClosedUnheard, kEndCallbacks, kPrefinished, listensTo } from './response-end.js';
import { headFacts, keepsAlive, mayHaveBody } from './response-head.js';
import { headWaits, joinedBytes, kJoined } from './response-join.js';
import {
  closed,
  ended,
  finished,
  headOf,
  kBytes,
  kCloseTold,
  kCorked,
  kEndContext,
  kHead,
  kHeadless,
  kHeadReason,
  kKeepAlive,
  kReason,
  kRemoved,
  kState,
  kStatus,
  kTrailers,
  kWritten,
  open,
  statusOf,
  streaming,
} from './response-state.js';
import { sendNow } from './sent.js';
import { isInRound } from './tick.js';

// What Node keeps as own properties of a response, or as accessors over them, is computed here when it is asked for.

/** Before Node 24 a response is finished when its end was handed over, from there on when 'finish' comes. */
const finishesInEnd = Object.assign(new OutgoingMessage(), { finished: true }).writableFinished;

/** What OutgoingMessage has of that name, for a response that is not ours. */
function ofNode(response: NativeResponse, name: string): unknown {
  return Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, name)?.get?.call(response);
}

/** Asked in each response: functions of their own, each with the whole way, which V8 puts where they are called. */
const hotAccessors: Record<string, (this: NativeResponse) => unknown> = {
  destroyed() {
    return this[kExchange] === undefined ? ofNode(this, 'destroyed') : this[kState] === closed;
  },
  headersSent() {
    return this[kExchange] === undefined
      ? ofNode(this, 'headersSent')
      : this[kState] !== open && !this[kHeadless];
  },
  useChunkedEncodingByDefault() {
    const exchange = this[kExchange];
    return exchange === undefined ? undefined : exchange.httpVersion !== '1.0';
  },
};

const accessors: Record<string, (this: NativeResponse) => unknown> = {
  _header() {
    if (this[kHeadless]) return null;
    return headFacts(this)?.text ?? null;
  },
  _headerSent() {
    if (this[kState] !== streaming) return this[kState] > streaming;
    return !headWaits(this) || headFacts(this)?.chunked !== true;
  },
  finished() {
    return this[kState] >= ended;
  },
  writableEnded() {
    return this[kState] >= ended;
  },
  writableFinished() {
    if (this[kState] !== ended || !finishesInEnd) return this[kState] > ended;
    return this.destroyed || this.writableLength === 0;
  },
  outputSize() {
    return this[kState] < streaming ? 0 : this.writableLength;
  },
  _closed() {
    return this.closed;
  },
  outputData() {
    return [];
  },
  _keepAliveTimeout() {
    return this[kExchange].server.dropIn?.settings.keepAliveTimeout ?? 0;
  },
  _maxRequestsPerSocket() {
    const { server } = this[kExchange];
    // node:https leaves it out.
    return server.dropIn?.settings.maxRequestsPerSocket || (server.secure ? undefined : 0);
  },
  writableLength() {
    if (this[kState] === open || this[kState] >= finished) return 0;
    // With node:http the end sends at once, and what is written before it in the next tick.
    if (this[kState] === ended || !this[kExchange].inThisTick) sendNow();
    return this[kExchange].unsentBytes + joinedBytes(this);
  },
  writableHighWaterMark() {
    return this[kExchange].server.highWaterMark;
  },
  writableNeedDrain() {
    return this[kState] === streaming && (this[kExchange].needDrain || this[kJoined]?.needDrain === true);
  },
  writableCorked() {
    return this[kCorked];
  },
  writableObjectMode() {
    return false;
  },
  closed() {
    return this[kState] === closed || this[kCloseTold];
  },
  _hasBody() {
    return mayHaveBody(this, this[kState] === open ? 200 : statusOf(this));
  },
  _last() {
    return headFacts(this)?.last ?? false;
  },
  _contentLength() {
    return headFacts(this)?.length ?? null;
  },
  chunkedEncoding() {
    return headFacts(this)?.chunked ?? false;
  },
  _removedConnection() {
    return (this[kRemoved] & noConnection) !== 0;
  },
  _removedContLen() {
    return (this[kRemoved] & noLength) !== 0;
  },
  _removedTE() {
    return (this[kRemoved] & noChunked) !== 0;
  },
  _trailer() {
    const list = this[kTrailers] ?? [];
    return list.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
  },
  _defaultKeepAlive() {
    return this[kState] === open || headOf(this)?.has('keep-alive') !== true;
  },
  _expect_continue() {
    return this[kExchange].expectsContinue;
  },
  _sent100() {
    return this[kExchange].continued;
  },
  socket() {
    // In the ticks behind its handler it is not finished yet, although it is closed when nobody listens.
    const isDetached = this[kState] >= finished && !isInRound(this[kClosedUnheard]);
    return isDetached ? null : this[kExchange].socket;
  },
  connection() {
    return this.socket;
  },
};

function define(name: string, get: (this: NativeResponse) => unknown): void {
  const own = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, name);
  Object.defineProperty(NativeResponse.prototype, name, {
    configurable: true,
    enumerable: false,
    get,
    set(this: NativeResponse, value: unknown) {
      if (this[kExchange] === undefined && own?.set !== undefined) own.set.call(this, value);
      else keepOwn(this, name, value);
    },
  });
}

for (const [name, get] of Object.entries(hotAccessors)) define(name, get);
for (const [name, get] of Object.entries(accessors)) {
  define(name, function () {
    return this[kExchange] === undefined ? ofNode(this, name) : get.call(this);
  });
}

/** Kept under a symbol, where the way of a response finds what was set without an accessor. */
function keepUnder(
  name: 'statusMessage' | 'shouldKeepAlive',
  key: typeof kReason | typeof kKeepAlive,
  get: (response: NativeResponse) => unknown,
  beforeSet: (response: NativeResponse) => void = () => {},
): void {
  Object.defineProperty(NativeResponse.prototype, name, {
    configurable: true,
    enumerable: false,
    get(this: NativeResponse) {
      return this[kExchange] === undefined ? undefined : get(this);
    },
    set(this: NativeResponse, value: unknown) {
      if (this[kExchange] === undefined) return keepOwn(this, name, value);
      beforeSet(this);
      (this as unknown as Record<symbol, unknown>)[key] = value;
    },
  });
}

function reasonPhrase(response: NativeResponse): unknown {
  const given = response[kReason];
  const isGiven =
    response[kState] === open || response[kStatus] !== undefined || response[kHeadReason] !== undefined;
  return given || isGiven ? given : (STATUS_CODES[statusOf(response)] ?? 'unknown');
}

keepUnder('statusMessage', kReason, reasonPhrase, (response) => {
  if (response[kState] !== open) response[kHeadReason] ??= String(reasonPhrase(response));
});
keepUnder(
  'shouldKeepAlive',
  kKeepAlive,
  (response) => headFacts(response)?.keepsAlive ?? keepsAlive(response),
);

// Node 26 has it no more (DEP0063).
if ('writeHeader' in ServerResponse.prototype)
  defineValues(NativeResponse.prototype, { writeHeader: NativeResponse.prototype.writeHead });

for (const name of ['on', 'addListener', 'prependListener'] as const) {
  const listen = EventEmitter.prototype[name];
  defineValues(NativeResponse.prototype, {
    [name](this: NativeResponse, event: string, listener: () => void): NativeResponse {
      listensTo(this);
      return listen.call(this, event, listener) as NativeResponse;
    },
  });
}

// What Node keeps as own properties with a constant start value.
defineValues(NativeResponse.prototype, {
  writable: true,
  sendDate: true,
  strictContentLength: false,
  maxRequestsOnConnectionReached: false,
  errored: null,
  _onPendingData() {},
  [kHead]: undefined,
  [kReason]: undefined,
  [kWritten]: undefined,
  [kKeepAlive]: undefined,
  [kBytes]: 0,
  [kRemoved]: 0,
  [kStatus]: undefined,
  [kHeadReason]: undefined,
  [kCloseTold]: false,
  [kEndContext]: undefined,
  [kEndCallbacks]: undefined,
  [kPrefinished]: false,
  [kHeadless]: false,
  [kJoined]: undefined,
});
