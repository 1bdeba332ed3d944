import { isIP, SocketAddress } from 'node:net';
import type { Endpoint, HeaderView } from '../exchange.js';

/** What one proxy says of the request that it was asked. */
export interface Hop {
  /** Who asked it; undefined when it does not say, or not by an address (`unknown`, `_hidden`). */
  readonly client: Endpoint | undefined;
  readonly scheme?: 'http' | 'https' | undefined;
  /** An authority. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

const none: readonly Hop[] = [];

/** What the proxies in front say, the nearest one last. `X-Forwarded-*` count when there is any of them; `Forwarded`
 *  counts alone: a proxy that writes the one lets the other of a client pass. */
export function readHops(headers: HeaderView): readonly Hop[] {
  const client = headers.get('x-forwarded-for');
  const scheme = headers.get('x-forwarded-proto');
  const host = headers.get('x-forwarded-host');
  const port = headers.get('x-forwarded-port');
  if (client !== undefined || scheme !== undefined || host !== undefined || port !== undefined) {
    return readLists(listOf(client), listOf(scheme), listOf(host), listOf(port));
  }
  const forwarded = headers.get('forwarded');
  return forwarded === undefined ? none : readForwarded(forwarded);
}

function listOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : value.split(',').map((item) => item.trim());
}

/** Lists of the same length belong together; of a shorter or longer one only the end is surely the nearest proxy's. */
function readLists(
  clients: readonly string[],
  schemes: readonly string[],
  hosts: readonly string[],
  ports: readonly string[],
): readonly Hop[] {
  const count = Math.max(1, clients.length);
  const pick = (list: readonly string[], index: number): string | undefined =>
    list.length === count ? list[index] : list.at(-1);
  return Array.from(
    { length: count },
    (_, index) => new TextHop(clients[index], pick(schemes, index), pick(hosts, index), pick(ports, index)),
  );
}

/** Parsed where somebody asks: a client may write thousands of hops, of which few are looked at (100 ms for 24 KB). */
class TextHop implements Hop {
  readonly #client: string | undefined;
  readonly #scheme: string | undefined;
  readonly #host: string | undefined;
  readonly #port: string | undefined;

  constructor(client?: string, scheme?: string, host?: string, port?: string) {
    this.#client = client;
    this.#scheme = scheme;
    this.#host = host;
    this.#port = port;
  }

  get client(): Endpoint | undefined {
    return parseNode(this.#client);
  }

  get scheme(): 'http' | 'https' | undefined {
    return parseScheme(this.#scheme);
  }

  get host(): string | undefined {
    return parseHost(this.#host);
  }

  get port(): number | undefined {
    return parsePort(this.#port);
  }
}

const token = "[!#$%&'*+\\-.^_`|~\\w]+";
/** One parameter and what follows it. Colons and brackets are let pass without quotes, as some proxies write them. */
const parameter = new RegExp(`[ \\t]*(${token})=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;,"]+))[ \\t]*(;|,|$)`, 'y');

/** What is not the grammar of RFC 7239 §4 does not count, and nothing in front of it: a client must not hide behind what
 *  it writes before the proxy's own words. */
export function readForwarded(value: string): readonly Hop[] {
  let hops: Hop[] = [];
  let element = new Map<string, string>();
  parameter.lastIndex = 0;
  while (parameter.lastIndex < value.length) {
    const start = parameter.lastIndex;
    const [, name = '', quoted, plain = '', after] = parameter.exec(value) ?? [];
    const key = name.toLowerCase();
    if (key === '' || element.has(key)) {
      const comma = value.indexOf(',', start);
      if (comma < 0) return none;
      hops = [];
      element = new Map();
      parameter.lastIndex = comma + 1;
      continue;
    }
    element.set(key, quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'));
    if (after === ';') continue;
    hops.push(new TextHop(element.get('for'), element.get('proto'), element.get('host')));
    element = new Map();
  }
  return element.size > 0 ? none : hops;
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711` (RFC 7239 §6). */
function parseNode(text: string | undefined): Endpoint | undefined {
  if (text === undefined) return undefined;
  const bare = isIP(text) > 0;
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\w+))?$/.exec(text) ?? [];
  const address = bare ? text : (six ?? four ?? '');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || (six !== undefined && family !== 6)) return undefined;
  const number = bare ? 0 : (parsePort(port) ?? 0);
  if (family === 4) return { address, port: number, family: 'IPv4' };
  return { address: new SocketAddress({ address, family: 'ipv6' }).address, port: number, family: 'IPv6' };
}

function parseScheme(text: string | undefined): 'http' | 'https' | undefined {
  const scheme = text?.toLowerCase();
  if (scheme === 'https' || scheme === 'wss') return 'https';
  return scheme === 'http' || scheme === 'ws' ? 'http' : undefined;
}

/** A host, with a port or without (RFC 9110 §7.2); nothing that a URL would read differently. */
function parseHost(text: string | undefined): string | undefined {
  return text !== undefined && /^(?:\[[\da-f:.]+\]|[\w\-.~!$&'()*+;=%]+)(?::\d{0,5})?$/i.test(text)
    ? text
    : undefined;
}

function parsePort(text: string | undefined): number | undefined {
  const port = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port < 65_536 ? port : undefined;
}
