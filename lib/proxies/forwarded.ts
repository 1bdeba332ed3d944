import type { Endpoint, Exchange } from '../exchange.js';
import { type Hop, readHops } from './forwarded-fields.js';
import type { Peers } from './peers.js';

/** A request as its client has made it, before the proxies. */
export interface Origin {
  readonly remote: Endpoint;
  readonly scheme: 'http' | 'https';
  /** As the Host field says it. */
  readonly authority: string | undefined;
  /** The server that the client has asked: a name, or an address. */
  readonly local: Endpoint;
}

/** Find out who made a request, as far as proxies that are believed say so.
 *  @param trusted Who is believed.
 *  @returns undefined when the peer is not believed, or says nothing. */
export function originOf(exchange: Exchange, trusted: Peers): Origin | undefined {
  const hops = hopsOf(exchange, trusted);
  return hops === undefined ? undefined : describe(exchange, hops.client, hops.from);
}

/** The client alone, for a log. @returns The peer when nobody who is believed tells of another one. */
export function clientOf(request: Pick<Exchange, 'remote' | 'headers'>, trusted: Peers): Endpoint {
  return hopsOf(request, trusted)?.client ?? request.remote;
}

/** From the nearest proxy on: each that is believed says who asked it.
 *  @returns The first that is not believed, and what is said from there on. */
function hopsOf(
  { remote, headers }: Pick<Exchange, 'remote' | 'headers'>,
  trusted: Peers,
): { readonly client: Endpoint; readonly from: readonly Hop[] } | undefined {
  if (!trusted.has(remote)) return undefined;
  const hops = readHops(headers);
  if (hops.length === 0) return undefined;
  let index = hops.length - 1;
  let client = remote;
  for (; index >= 0; index -= 1) {
    const before = hops[index]?.client;
    if (before === undefined) break;
    client = before;
    if (!trusted.has(before)) break;
  }
  return { client, from: hops.slice(Math.max(0, index)) };
}

/** @param hops The one that the client has asked first; where it is silent, those behind it count. */
function describe(exchange: Exchange, remote: Endpoint, hops: readonly Hop[]): Origin {
  const told = <Key extends keyof Hop>(key: Key): Hop[Key] =>
    hops.find((hop) => hop[key] !== undefined)?.[key];
  const scheme = told('scheme') ?? exchange.scheme;
  const standard = scheme === 'https' ? 443 : 80;
  const port = told('port');
  const host = told('host');
  const hasServer = port !== undefined || host !== undefined || told('scheme') !== undefined;
  const asked = host ?? exchange.headers.get('host');
  if (!hasServer || asked === undefined) {
    return { remote, scheme, authority: asked, local: exchange.local };
  }
  const [, name = '', given] = /^(.*?)(?::(\d*))?$/.exec(asked) ?? [];
  const withPort = !given && port !== undefined && port !== standard;
  return {
    remote,
    scheme,
    authority: withPort ? `${name}:${port}` : asked,
    local: {
      address: name.replace(/^\[(.*)\]$/, '$1'),
      port: Number(given || port || standard),
      family: 'IPv4',
    },
  };
}
