import { OutgoingMessage } from 'node:http';
import * as nodeErrors from './node-errors.js';
import { lowerCase } from './node-headers.js';
import { kExchange } from './request.js';
import { NativeResponse } from './response.js';
import { type HeaderValue, ResponseHeaders } from './response-headers.js';
import { kHeaders, kState, open } from './response-state.js';

// The members with which programs of Node's first years reach for the fields of a response (DEP0066): still there in
// the Nodes that have them, and used by what nobody has changed since.

interface OldField {
  get(response: NativeResponse): unknown;
  set(response: NativeResponse, value: Record<string, HeaderValue>): void;
}

const oldFields: Record<string, OldField> = {
  _headers: {
    get: (response) => response.getHeaders(),
    set(response, values) {
      response[kHeaders] = new ResponseHeaders();
      for (const [name, value] of Object.entries(values)) response[kHeaders].set(name, value);
    },
  },
  _headerNames: {
    get(response) {
      const names = response[kHeaders]?.names();
      if (names === undefined) return null;
      return Object.assign(
        Object.create(null),
        Object.fromEntries(names.map((name) => [lowerCase(name), name])),
      );
    },
    set(response, names) {
      for (const [key, name] of Object.entries(names)) {
        const value = response[kHeaders]?.get(key);
        if (value !== undefined) response[kHeaders]?.set(String(name), value);
      }
    },
  },
};

for (const [name, field] of Object.entries(oldFields)) {
  const own = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, name);
  if (own?.get === undefined || own.set === undefined) continue;
  const { get, set } = own;
  Object.defineProperty(NativeResponse.prototype, name, {
    configurable: true,
    enumerable: false,
    get(this: NativeResponse) {
      const nodes: unknown = get.call(this); // Warns that it is deprecated, as it does there.
      return this[kExchange] === undefined ? nodes : field.get(this);
    },
    set(this: NativeResponse, value: unknown) {
      set.call(this, value);
      if (this[kExchange] === undefined) return;
      if (typeof value === 'object' && value !== null) {
        field.set(this, value as Record<string, HeaderValue>);
      } else if (name === '_headers') {
        this[kHeaders] = undefined;
      }
    },
  });
}

const { _renderHeaders: nodeRender } = OutgoingMessage.prototype as unknown as {
  _renderHeaders?: () => object;
};

if (nodeRender !== undefined) {
  Object.defineProperty(NativeResponse.prototype, '_renderHeaders', {
    configurable: true,
    writable: true,
    value(this: NativeResponse) {
      if (this[kExchange] === undefined) return nodeRender.call(this);
      if (this[kState] !== open) throw nodeErrors.headersSent('render');
      const names = this[kHeaders]?.names() ?? [];
      return Object.fromEntries(names.map((name) => [name, this[kHeaders]?.get(name)]));
    },
  });
}
