import { OutgoingMessage, ServerResponse } from 'node:http';
import { defineValues, keepOwn } from './base.js';
import { kExchange } from './request.js';
import { NativeResponse } from './response.js';
import { type HeaderValue, ResponseHeaders } from './response-headers.js';
import { kHeaders } from './response-state.js';

// Some call the methods of Node's prototype on our responses (`cookies` calls OutgoingMessage.prototype.setHeader).
// Those work on what node:http keeps under a symbol of its own: a map from each lower-case name to name and value. Under
// that symbol our responses have a view of their own fields.

type Field = readonly [name: string, value: HeaderValue];

const symbols = Object.getOwnPropertySymbols(new OutgoingMessage());
const kOutHeaders = symbols.find(({ description }) => description === 'kOutHeaders');
const kHighWaterMark = symbols.find(({ description }) => description === 'kHighWaterMark');

const view: ProxyHandler<{ readonly response: NativeResponse }> = {
  get({ response }, name) {
    const value = typeof name === 'string' ? response[kHeaders]?.get(name) : undefined;
    return value === undefined ? undefined : [nameOf(response, String(name)), value];
  },
  set({ response }, _, field: Field) {
    response[kHeaders] ??= new ResponseHeaders();
    response[kHeaders].set(field[0], field[1]);
    return true;
  },
  has({ response }, name) {
    return typeof name === 'string' && response[kHeaders]?.has(name) === true;
  },
  deleteProperty({ response }, name) {
    response[kHeaders]?.delete(String(name));
    return true;
  },
  ownKeys({ response }) {
    return response.getHeaderNames();
  },
  getOwnPropertyDescriptor(target, name) {
    const value: unknown = view.get?.(target, name, undefined);
    return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
  },
};

/** As it was set. */
function nameOf(response: NativeResponse, key: string): string {
  return response[kHeaders]?.names().find((name) => name.toLowerCase() === key) ?? key;
}

if (kOutHeaders !== undefined) {
  Object.defineProperty(NativeResponse.prototype, kOutHeaders, {
    configurable: true,
    get(this: NativeResponse) {
      return this[kExchange] === undefined ? undefined : new Proxy({ response: this }, view);
    },
    // A response of node:http with our prototype behind it keeps its own.
    set(this: object, value: unknown) {
      Object.defineProperty(this, kOutHeaders, { value, writable: true, configurable: true });
    },
  });
}

if (kHighWaterMark !== undefined) {
  Object.defineProperty(NativeResponse.prototype, kHighWaterMark, {
    configurable: true,
    get(this: NativeResponse) {
      return this[kExchange]?.server.highWaterMark;
    },
    set(this: object, value: unknown) {
      Object.defineProperty(this, kHighWaterMark, { value, writable: true, configurable: true });
    },
  });
}

const { detachSocket } = ServerResponse.prototype;

defineValues(NativeResponse.prototype, {
  /** Nothing of the response is sent any more; the socket is whose who has taken it. */
  detachSocket(this: NativeResponse, socket: Parameters<typeof detachSocket>[0]): void {
    if (this[kExchange] === undefined) return detachSocket.call(this, socket);
    this[kExchange].abort(false);
    keepOwn(this, 'socket', null);
    keepOwn(this, 'connection', null);
  },
});
