import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList } from '../exchange.js';
import { lowerCase } from './node-headers.js';

export type HeaderValue = number | string | readonly string[];

const checkedNames = new Set<string>();
const checkedNamesMax = 1000;
const plainValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The fields of a response, in the order in which they were first set. Few fields: a scan beats a map, and one flat
 *  list is what the core takes.
 *
 *  Lifetime: made with the first field; that of its response. */
export class ResponseHeaders {
  /** Name and value in turn. */
  readonly #list: string[] = [];
  /** What was set where it is not a string, by lower-case name. */
  #given: Map<string, Exclude<HeaderValue, string>> | undefined;

  get size(): number {
    return this.#list.length >>> 1;
  }

  /** @throws {TypeError} ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR, ERR_HTTP_INVALID_HEADER_VALUE, as node:http. */
  set(name: string, value: HeaderValue): void {
    check(name, value);
    this.#put(name, value);
  }

  #put(name: string, value: HeaderValue): void {
    const at = this.#find(name);
    const text = typeof value === 'string' ? value : String(value);
    if (at < 0) {
      this.#list.push(name, text);
    } else {
      this.#list[at] = name;
      this.#list[at + 1] = text;
    }
    if (typeof value !== 'string') {
      this.#given ??= new Map();
      this.#given.set(lowerCase(name), value);
    } else if (this.#given !== undefined && at >= 0) {
      this.#given.delete(lowerCase(name));
    }
  }

  append(name: string, value: string | readonly string[]): void {
    check(name, value);
    const before = this.get(name);
    if (before === undefined) {
      this.#put(name, value);
      return;
    }
    const list: string[] = Array.isArray(before) ? [...before] : [String(before)];
    if (typeof value === 'string') list.push(value);
    else list.push(...value);
    this.#put(name, list);
  }

  /** @param name In any case. */
  get(name: string): HeaderValue | undefined {
    const at = this.#find(name);
    if (at < 0) return undefined;
    return this.#given?.get(lowerCase(name)) ?? this.#list[at + 1];
  }

  /** @param name In any case. */
  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** @param name In any case. */
  delete(name: string): void {
    const at = this.#find(name);
    if (at < 0) return;
    this.#list.splice(at, 2);
    this.#given?.delete(lowerCase(name));
  }

  /** As they were set. */
  names(): string[] {
    return this.#list.filter((_, i) => i % 2 === 0);
  }

  /** Name and value in turn; a list becomes several fields. */
  toList(): HeaderList {
    if (this.#given === undefined) return this.#list;
    const list: string[] = [];
    for (let i = 0; i < this.#list.length; i += 2) {
      const name = this.#list[i] as string;
      const given = this.#given.get(lowerCase(name));
      if (Array.isArray(given)) for (const one of given) list.push(name, String(one));
      else list.push(name, this.#list[i + 1] as string);
    }
    return list;
  }

  #find(name: string): number {
    const list = this.#list;
    for (let i = 0; i < list.length; i += 2) {
      const known = list[i] as string;
      if (known === name) return i;
      if (known.length === name.length && lowerCase(known) === lowerCase(name)) return i;
    }
    return -1;
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
