import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList } from '../exchange.js';
import { lowerCase } from './node-headers.js';

export type HeaderValue = number | string | readonly string[];

const checkedNames = new Set<string>();
const checkedNamesMax = 1000;
const plainValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The fields of a response, in the order in which they were first set. Few fields: a scan beats a map.
 *
 *  Lifetime: made with the first field; that of its response. */
export class ResponseHeaders {
  /** In lower case. */
  readonly keys: string[] = [];
  readonly names: string[] = [];
  readonly values: HeaderValue[] = [];

  /** @throws {TypeError} ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR, ERR_HTTP_INVALID_HEADER_VALUE, as node:http. */
  set(name: string, value: HeaderValue): void {
    check(name, value);
    const key = lowerCase(name);
    const at = this.keys.indexOf(key);
    if (at < 0) {
      this.keys.push(key);
      this.names.push(name);
      this.values.push(value);
    } else {
      this.names[at] = name;
      this.values[at] = value;
    }
  }

  append(name: string, value: string | readonly string[]): void {
    check(name, value);
    const at = this.keys.indexOf(lowerCase(name));
    if (at < 0) {
      this.set(name, value);
      return;
    }
    const before = this.values[at] as HeaderValue;
    this.values[at] = [
      ...(Array.isArray(before) ? before : [String(before)]),
      ...(Array.isArray(value) ? value : [value]),
    ];
  }

  /** @param key In lower case. */
  get(key: string): HeaderValue | undefined {
    const at = this.keys.indexOf(key);
    return at < 0 ? undefined : this.values[at];
  }

  /** @param key In lower case. */
  delete(key: string): boolean {
    const at = this.keys.indexOf(key);
    if (at < 0) return false;
    this.keys.splice(at, 1);
    this.names.splice(at, 1);
    this.values.splice(at, 1);
    return true;
  }

  /** Name and value in turn; a list becomes several fields. */
  toList(): HeaderList {
    const list: string[] = [];
    for (let i = 0; i < this.names.length; i++) {
      const value = this.values[i];
      const name = this.names[i] as string;
      if (typeof value === 'string') list.push(name, value);
      else if (Array.isArray(value)) for (const one of value) list.push(name, String(one));
      else list.push(name, String(value));
    }
    return list;
  }
}

function check(name: string, value: unknown): void {
  if (!checkedNames.has(name)) {
    validateHeaderName(name);
    if (checkedNames.size < checkedNamesMax) checkedNames.add(name);
  }
  if (typeof value === 'string' && plainValue.test(value)) return;
  if (Array.isArray(value)) {
    for (const one of value) validateHeaderValue(name, one as string);
  } else {
    validateHeaderValue(name, value as string);
  }
}

/** A flat list from what writeHead and addTrailers take: an object, an array of pairs, or a flat array. */
export function toPairs(headers: object): [string, HeaderValue][] {
  if (!Array.isArray(headers)) {
    return Object.entries(headers as Record<string, HeaderValue>).filter(([, value]) => value !== undefined);
  }
  const list = headers as unknown[];
  if (list.length > 0 && Array.isArray(list[0])) return list as [string, HeaderValue][];
  const pairs: [string, HeaderValue][] = [];
  for (let i = 0; i + 1 < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as HeaderValue]);
  return pairs;
}
