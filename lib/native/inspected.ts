import type { IncomingMessage, ServerResponse } from 'node:http';
import { keepOwn } from './base.js';

// What util.inspect(), and so console.log(), shows of a request, a response or a socket: the members that are own
// properties with node:http, in its order. Here they are accessors, which it would not show.

const custom = Symbol.for('nodejs.util.inspect.custom');

/** What was shown of each: shown again within it, it is known for the same. */
const shown = new WeakMap<object, object>();

type Member = (message: object) => unknown;

/** What Node keeps under symbols, by their names. */
const bySymbol: Readonly<Record<string, Member>> = {
  kHeaders: (message) => (message as IncomingMessage).headers,
  kHeadersCount: (message) => (message as IncomingMessage).rawHeaders.length,
  kTrailers: (message) => (message as IncomingMessage).trailers,
  kTrailersCount: (message) => (message as IncomingMessage).rawTrailers.length,
  kOutHeaders: (message) => (message as ServerResponse).getHeaders(),
};

/** Let Node's inspect show the members of ours as those of Node's.
 *  @param prototype Of ours. @param sample One of Node's, made when it is needed.
 *  @param isOurs Another one may have our prototype behind it. */
export function inspectAs(
  prototype: object,
  sample: () => object,
  isOurs: (object: object) => boolean,
): void {
  let nodes: object | undefined;
  function show(this: object): object {
    nodes ??= sample();
    return likeness(this, nodes);
  }
  Object.defineProperty(prototype, custom, {
    // Others have none, as with Node: not every inspector minds that it gets the same object again (chai's does not).
    get(this: object): typeof show | undefined {
      return isOurs(this) ? show : undefined;
    },
    set(this: object, value: unknown): void {
      keepOwn(this, custom, value);
    },
    configurable: true,
  });
}

function likeness(object: object, nodes: object): object {
  const view = shown.get(object) ?? (Object.create(Object.getPrototypeOf(nodes) as object) as object);
  shown.set(object, view);
  for (const name of [...Object.keys(nodes), ...Object.keys(object)])
    keepOwn(view, name, (object as Record<string, unknown>)[name]);
  for (const symbol of Object.getOwnPropertySymbols(nodes)) {
    const member = bySymbol[symbol.description ?? ''];
    const value: unknown = member === undefined ? (nodes as Record<symbol, unknown>)[symbol] : member(object);
    keepOwn(view, symbol, value);
  }
  return view;
}
