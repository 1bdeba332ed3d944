import { OutgoingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import { defineValues } from './base.js';
import { kExchange } from './request.js';
import { NativeResponse } from './response.js';
import { kEndCallbacks, kPrefinished } from './response-end.js';
import { joinedBytes, kJoined } from './response-join.js';
import {
  closed,
  ended,
  finished,
  headSet,
  isBodiless,
  kBytes,
  kCloses,
  kCloseTold,
  kCorked,
  kEndContext,
  kHeaders,
  kRemoved,
  kState,
  kStatus,
  open,
  statusOf,
  streaming,
} from './response-state.js';

// What Node keeps as own properties of a response, or as accessors over them, is computed here when it is asked for.

/** Before Node 24 a response is finished when its end was handed over, from there on when 'finish' comes. */
const finishesInEnd = Object.assign(new OutgoingMessage(), { finished: true }).writableFinished;

const accessors: Record<string, (this: NativeResponse) => unknown> = {
  headersSent() {
    return this[kState] !== open;
  },
  _header() {
    return this[kState] === open ? null : headText(this);
  },
  _headerSent() {
    return this[kState] >= streaming;
  },
  finished() {
    return this[kState] >= ended;
  },
  writableEnded() {
    return this[kState] >= ended;
  },
  writableFinished() {
    if (this[kState] !== ended || !finishesInEnd) return this[kState] > ended;
    return this.destroyed || unsent(this) === 0;
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
    return this[kExchange].server.dropIn?.settings.maxRequestsPerSocket ?? 0;
  },
  writableLength() {
    if (this[kState] === open || this[kState] >= finished) return 0;
    return unsent(this) + joinedBytes(this);
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
    return this.req.method !== 'HEAD' && (this[kState] === open || !isBodiless(statusOf(this)));
  },
  chunkedEncoding() {
    const isKnown = this[kState] === headSet || this[kState] === streaming;
    if (!isKnown || this[kHeaders]?.has('content-length') === true) return false;
    return this.req.method !== 'HEAD' && !isBodiless(statusOf(this)) && this.useChunkedEncodingByDefault;
  },
  _contentLength() {
    const length = this[kState] === open ? undefined : this[kHeaders]?.get('content-length');
    return length === undefined ? null : Number(length);
  },
  useChunkedEncodingByDefault() {
    return this.req.httpVersion !== '1.0';
  },
  socket() {
    return this[kState] >= finished ? null : this[kExchange].socket;
  },
  connection() {
    return this.socket;
  },
};

/** Bytes that wait. With node:http what the socket takes has left within end(); here it leaves with the tick. */
function unsent(response: NativeResponse): number {
  const exchange = response[kExchange];
  const { unsentBytes } = exchange;
  const isLeaving = response[kState] === ended && (exchange.inThisTick || !exchange.watchFlush);
  return isLeaving && unsentBytes <= exchange.server.highWaterMark ? 0 : unsentBytes;
}

/** For those who look into `_header`: the text of the head, as far as it is known here. */
function headText(response: NativeResponse): string {
  const list = response[kHeaders]?.toList() ?? [];
  let text = `HTTP/1.1 ${response.statusCode} ${response.statusMessage || (STATUS_CODES[response.statusCode] ?? 'unknown')}\r\n`;
  for (let i = 0; i < list.length; i += 2) text += `${list[i]}: ${list[i + 1]}\r\n`;
  return `${text}\r\n`;
}

for (const [name, get] of Object.entries(accessors)) {
  const own = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, name);
  Object.defineProperty(NativeResponse.prototype, name, {
    configurable: true,
    enumerable: false,
    get(this: NativeResponse) {
      return this[kExchange] === undefined ? own?.get?.call(this) : get.call(this);
    },
    set(this: NativeResponse, value: unknown) {
      if (this[kExchange] === undefined && own?.set !== undefined) own.set.call(this, value);
      else Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
  });
}

// Node 26 has it no more (DEP0063).
if ('writeHeader' in ServerResponse.prototype)
  defineValues(NativeResponse.prototype, { writeHeader: NativeResponse.prototype.writeHead });

// What Node keeps as own properties with a constant start value.
Object.defineProperty(NativeResponse.prototype, 'shouldKeepAlive', {
  configurable: true,
  get(this: NativeResponse) {
    return !this[kCloses] && this[kExchange]?.keepAlive !== false;
  },
  set(this: NativeResponse, value: unknown) {
    if (this[kExchange] !== undefined) this[kCloses] = !value;
    else
      Object.defineProperty(this, 'shouldKeepAlive', {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
  },
});

defineValues(NativeResponse.prototype, {
  statusMessage: undefined,
  writable: true,
  destroyed: false,
  _last: false,
  sendDate: true,
  strictContentLength: false,
  _defaultKeepAlive: true,
  _expect_continue: false,
  _removedConnection: false,
  _removedTE: false,
  _sent100: false,
  maxRequestsOnConnectionReached: false,
  _removedContLen: false,
  _trailer: '',
  errored: null,
  [kBytes]: 0,
  [kRemoved]: 0,
  [kCloses]: false,
  [kStatus]: undefined,
  [kCloseTold]: false,
  [kEndContext]: undefined,
  [kEndCallbacks]: undefined,
  [kPrefinished]: false,
  [kJoined]: undefined,
});
