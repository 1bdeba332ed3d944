import type { HeaderList } from '../exchange.js';

// node:http's rules for repeated request fields (documentation of message.headers).

/** Of these the first counts. */
const firstOnly = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

const lowerNames = new Map<string, string>();
const lowerNamesMax = 1000;

/** In lower case; the names of most requests are the same few. */
export function lowerCase(name: string): string {
  const known = lowerNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (lowerNames.size < lowerNamesMax) lowerNames.set(name, lower);
  return lower;
}

export type JoinedHeaders = NodeJS.Dict<string | string[]>;

/** How the fields of a request are put on an object. */
export interface Joining {
  /** On an ordinary object, as node:http has it; else on one without a prototype. */
  readonly plain: boolean;
  /** Of the fields whose first value counts, join the others as well (joinDuplicateHeaders). */
  readonly all: boolean;
}

export function noHeaders({ plain }: Joining): JoinedHeaders {
  return (plain ? {} : Object.create(null)) as JoinedHeaders;
}

/** Put one more field on an object: set-cookie as a list, the others joined.
 *  @param name In lower case. */
export function joinField(headers: JoinedHeaders, name: string, value: string, how: Joining): void {
  let before = headers[name];
  // What an ordinary object inherits is no field.
  if (how.plain && before !== undefined && !Object.hasOwn(headers, name)) before = undefined;
  if (name === 'set-cookie') {
    if (Array.isArray(before)) before.push(value);
    else headers[name] = [value];
  } else if (before === undefined) {
    headers[name] = value;
  } else if (how.all || !firstOnly.has(name)) {
    headers[name] = `${String(before)}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
}

/** By lower-case name. */
export function joinHeaders(raw: HeaderList, how: Joining): JoinedHeaders {
  const headers = noHeaders(how);
  for (let i = 0; i < raw.length; i += 2) {
    joinField(headers, lowerCase(raw[i] as string), raw[i + 1] as string, how);
  }
  return headers;
}

/** By lower-case name, every value in a list of its own. */
export function joinHeadersDistinct(raw: HeaderList): NodeJS.Dict<string[]> {
  const headers = Object.create(null) as NodeJS.Dict<string[]>;
  for (let i = 0; i < raw.length; i += 2) {
    const name = lowerCase(raw[i] as string);
    const list = headers[name];
    if (list === undefined) headers[name] = [raw[i + 1] as string];
    else list.push(raw[i + 1] as string);
  }
  return headers;
}
