import { IncomingMessage } from 'node:http';
import { defineValues, keepOwn } from './base.js';
import type { NativeExchange } from './exchange.js';
import { type JoinedHeaders, type Joining, joinHeaders, joinHeadersDistinct } from './node-headers.js';
import {
  isReadOver,
  kConsuming,
  kDumped,
  kExchange,
  kHeaders,
  kHeadersDistinct,
  kLost,
  kMethod,
  kOpened,
  kTrailers,
  kUrl,
  NativeRequest,
  openStream,
  signalOf,
} from './request.js';
import { headersKept } from './server-limits.js';
import type { NativeSocket } from './socket.js';

// What Node keeps as own properties of a request, or as accessors over them, is decoded here when it is asked for.

/** An accessor of Node's own prototype, for requests that are not ours. */
function inherited(name: 'headers' | 'headersDistinct' | 'trailers' | 'trailersDistinct' | 'connection') {
  const descriptor = Object.getOwnPropertyDescriptor(IncomingMessage.prototype, name);
  return {
    get: (self: object): unknown => descriptor?.get?.call(self),
    set: (self: object, value: unknown): void => descriptor?.set?.call(self, value),
  };
}
const nodeHeaders = inherited('headers');
const nodeHeadersDistinct = inherited('headersDistinct');
const nodeTrailers = inherited('trailers');
const nodeTrailersDistinct = inherited('trailersDistinct');
const nodeConnection = inherited('connection');

/** Define a member on the prototype that Node keeps as an own property, or as an accessor of its own. */
function define(name: string, descriptor: { get(): unknown; set(value: never): void }): void {
  Object.defineProperty(NativeRequest.prototype, name, {
    ...descriptor,
    configurable: true,
    enumerable: false,
  });
}

/** An accessor that decodes; assigning makes it an own property.
 *  @param keep Decode once: then it is an own property as well, which costs more than all that is decoded here but a
 *  list. */
function lazy(name: string, decode: (exchange: NativeExchange) => unknown, keep = false) {
  return {
    get(this: NativeRequest): unknown {
      if (this[kExchange] === undefined) return undefined;
      const value = decode(this[kExchange]);
      if (keep) keepOwn(this, name, value);
      return value;
    },
    set(this: NativeRequest, value: never): void {
      keepOwn(this, name, value);
    },
  };
}

/** As many as maxHeadersCount of the server lets through; rawHeaders has them all. */
function fieldsMax(exchange: NativeExchange): number {
  const { dropIn } = exchange.server;
  return dropIn === undefined ? Number.POSITIVE_INFINITY : headersKept(dropIn.settings);
}

const withoutPrototype: Joining = { plain: false, all: false };
const asNodes: Joining = { plain: true, all: false };
const asNodesAll: Joining = { plain: true, all: true };

/** In place of node:http's the maps are ordinary objects, as it has them; ours have no prototype. */
function joiningOf(exchange: NativeExchange): Joining {
  const { dropIn } = exchange.server;
  if (dropIn === undefined) return withoutPrototype;
  return dropIn.settings.joinDuplicateHeaders === true ? asNodesAll : asNodes;
}

function join(exchange: NativeExchange): JoinedHeaders {
  return exchange.headers.join(fieldsMax(exchange), joiningOf(exchange));
}

function joinDistinct(exchange: NativeExchange): NodeJS.Dict<string[]> {
  return joinHeadersDistinct(exchange.headers.first(fieldsMax(exchange)));
}

define('url', {
  get(this: NativeRequest) {
    // Of one that has our prototype only, as of Node's, there is none.
    if (this[kUrl] === undefined && this[kExchange] !== undefined) this[kUrl] = this[kExchange].target;
    return this[kUrl];
  },
  set(this: NativeRequest, value: string | undefined) {
    if (this[kExchange] === undefined || value === undefined) keepOwn(this, 'url', value);
    else this[kUrl] = value;
  },
});
define('method', {
  get(this: NativeRequest) {
    if (this[kMethod] === undefined && this[kExchange] !== undefined) this[kMethod] = this[kExchange].method;
    return this[kMethod];
  },
  set(this: NativeRequest, value: string | undefined) {
    if (this[kExchange] === undefined || value === undefined) keepOwn(this, 'method', value);
    else this[kMethod] = value;
  },
});
define('headers', {
  get(this: NativeRequest) {
    if (this[kExchange] === undefined) return nodeHeaders.get(this);
    this[kHeaders] ??= join(this[kExchange]);
    return this[kHeaders];
  },
  set(this: NativeRequest, value: NodeJS.Dict<string | string[]>) {
    if (this[kExchange] === undefined) nodeHeaders.set(this, value);
    else this[kHeaders] = value;
  },
});
define('headersDistinct', {
  get(this: NativeRequest) {
    if (this[kExchange] === undefined) return nodeHeadersDistinct.get(this);
    this[kHeadersDistinct] ??= joinDistinct(this[kExchange]);
    return this[kHeadersDistinct];
  },
  set(this: NativeRequest, value: NodeJS.Dict<string[]>) {
    if (this[kExchange] === undefined) nodeHeadersDistinct.set(this, value);
    else this[kHeadersDistinct] = value;
  },
});
define(
  'rawHeaders',
  lazy('rawHeaders', (exchange) => [...exchange.headers.raw], true),
);
define('trailers', {
  get(this: NativeRequest) {
    return this[kExchange] === undefined
      ? nodeTrailers.get(this)
      : joinHeaders(this[kTrailers], joiningOf(this[kExchange]));
  },
  set(this: NativeRequest, value: unknown) {
    if (this[kExchange] === undefined) nodeTrailers.set(this, value);
    else keepOwn(this, 'trailers', value);
  },
});
define('trailersDistinct', {
  get(this: NativeRequest) {
    return this[kExchange] === undefined
      ? nodeTrailersDistinct.get(this)
      : joinHeadersDistinct(this[kTrailers]);
  },
  set(this: NativeRequest, value: unknown) {
    if (this[kExchange] === undefined) nodeTrailersDistinct.set(this, value);
    else keepOwn(this, 'trailersDistinct', value);
  },
});
define('rawTrailers', {
  get(this: NativeRequest) {
    return this[kExchange] === undefined ? undefined : [...this[kTrailers]];
  },
  set(this: NativeRequest, value: unknown) {
    keepOwn(this, 'rawTrailers', value);
  },
});
define(
  'socket',
  lazy('socket', (exchange) => exchange.socket),
);
define(
  'client',
  lazy('client', (exchange) => exchange.socket),
);
define('connection', {
  get(this: NativeRequest) {
    return this[kExchange] === undefined ? nodeConnection.get(this) : this.socket;
  },
  set(this: NativeRequest, value: NativeSocket) {
    if (this[kExchange] === undefined) nodeConnection.set(this, value);
    else keepOwn(this, 'socket', value);
  },
});
define(
  'httpVersion',
  lazy('httpVersion', (exchange) => exchange.httpVersion),
);
define(
  'httpVersionMajor',
  lazy('httpVersionMajor', () => 1),
);
define(
  'httpVersionMinor',
  lazy('httpVersionMinor', (exchange) => (exchange.httpVersion === '1.0' ? 0 : 1)),
);
define(
  'complete',
  lazy('complete', (exchange) => exchange.bodyTold),
);
define(
  'joinDuplicateHeaders',
  lazy('joinDuplicateHeaders', ({ server }) => server.dropIn?.settings.joinDuplicateHeaders || null),
);
if ('signal' in IncomingMessage.prototype) {
  // Newer Nodes have it: aborted when the request or its connection is destroyed before the response has finished.
  define(
    'signal',
    lazy('signal', (exchange) => signalOf(exchange.node().req as NativeRequest), true),
  );
}
define('_dumped', {
  get(this: NativeRequest) {
    return this[kExchange] === undefined ? this[kDumped] : this[kDumped] || isReadOver(this);
  },
  set(this: NativeRequest, value: boolean) {
    this[kDumped] = value;
  },
});
define('_consuming', {
  get(this: NativeRequest) {
    return this[kExchange] === undefined ? undefined : this[kConsuming] || isReadOver(this);
  },
  set(this: NativeRequest, value: unknown) {
    keepOwn(this, '_consuming', value);
  },
});
define('_readableState', {
  get(this: NativeRequest) {
    if (this[kExchange] === undefined) return undefined;
    openStream(this);
    return Object.getOwnPropertyDescriptor(this, '_readableState')?.value;
  },
  set(this: NativeRequest, value: unknown) {
    this[kOpened] = true;
    keepOwn(this, '_readableState', value);
  },
});

// What Node keeps as own properties with a constant start value.
defineValues(NativeRequest.prototype, {
  aborted: false,
  upgrade: false,
  statusCode: null,
  statusMessage: null,
  [kDumped]: false,
  [kLost]: false,
});
