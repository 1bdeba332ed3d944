import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList } from '../exchange.js';
import { invalidValue } from './node-errors.js';
import { lowerCase } from './node-headers.js';
import type { NativeServer } from './turn.js';

export type HeaderValue = number | string | readonly string[];

/** Names that are valid, each with the value that it came with first: most applications send the same. */
const checked = new Map<string, unknown>();
const checkedMax = 1000;

/** The fields of a response, in the order in which they were first set. Few fields: a scan beats a map, and one flat
 *  list is what the core takes.
 *
 *  Lifetime: made with the first field; that of its response. */
export class ResponseHeaders {
  /** Name and value in turn; values as they were given. */
  readonly #list: HeaderValue[] = [];
  /** They were given to writeHead() alone: as with node:http they are sent, and nobody is told of them. */
  isDirect = false;
  /** Whether all values are strings, and whether some are lists. */
  #plain = true;
  #lists = false;

  /** @throws {TypeError} ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR, ERR_HTTP_INVALID_HEADER_VALUE, as node:http. */
  set(name: string, value: HeaderValue): void {
    check(name, value);
    this.#put(name, value);
  }

  /** As it is, whatever was set under that name. @throws as set() */
  add(name: string, value: HeaderValue): void {
    check(name, value);
    this.#note(value);
    this.#list.push(name, value);
  }

  #note(value: HeaderValue): void {
    if (typeof value === 'string') return;
    this.#plain = false;
    if (Array.isArray(value)) this.#lists = true;
  }

  #put(name: string, value: HeaderValue): void {
    const at = this.#find(name);
    this.#note(value);
    if (at < 0) {
      this.#list.push(name, value);
    } else {
      this.#list[at] = name;
      this.#list[at + 1] = value;
    }
  }

  append(name: string, value: string | readonly string[]): void {
    check(name, value);
    const before = this.get(name);
    if (before === undefined) {
      this.#put(name, value);
      return;
    }
    const list = (Array.isArray(before) ? [...before] : [before]) as string[];
    if (isList(value)) list.push(...value);
    else list.push(value);
    this.#put(this.#list[this.#find(name)] as string, list);
  }

  /** @param name In any case. */
  get(name: string): HeaderValue | undefined {
    const at = this.#find(name);
    if (at < 0) return undefined;
    return this.#list[at + 1];
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
  }

  /** As they were set. */
  names(): string[] {
    return this.#list.filter((_, i) => i % 2 === 0) as string[];
  }

  /** Name and value in turn; a list becomes several fields.
   *  @param server Whose uniqueHeaders are to be one field each. */
  toList(server?: NativeServer): HeaderList {
    if (this.#plain) return this.#list as string[];
    if (!this.#lists) {
      // A copy costs less than a list that grows.
      const copy = this.#list.slice() as string[];
      for (let i = 1; i < copy.length; i += 2) copy[i] = String(copy[i]);
      return copy;
    }
    const unique = server?.dropIn?.settings.uniqueHeaders;
    const list: string[] = [];
    for (let i = 0; i < this.#list.length; i += 2) {
      const name = this.#list[i] as string;
      const value = this.#list[i + 1] as HeaderValue;
      if (isList(value) && isJoined(name, value, unique)) list.push(name, value.join('; '));
      else if (isList(value)) for (const one of value) list.push(name, String(one));
      else list.push(name, String(value));
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

/** Any other object is its text, as with node:http: a URL, a Date, a Buffer, null. */
function isList(value: HeaderValue): value is readonly string[] {
  return Array.isArray(value);
}

/** As node:http: cookies and those that uniqueHeaders names stand in one field. */
function isJoined(name: string, value: readonly string[], unique: ReadonlySet<string> | undefined): boolean {
  if (unique?.has(lowerCase(name)) === true) return true;
  return value.length > 1 && lowerCase(name) === 'cookie';
}

/** Printable ASCII, as nearly all values are; for others Node's own check decides. */
function isPlain(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < 32 || c > 126) return false;
  }
  return true;
}

function check(name: string, value: unknown): void {
  const known = checked.get(name);
  if (known === undefined) validateHeaderName(name);
  else if (known === value) return;
  if (typeof value === 'number' || (typeof value === 'string' && isPlain(value))) {
    if (known === undefined && checked.size < checkedMax) checked.set(name, value);
    return;
  }
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
  if (list.length % 2 !== 0) throw invalidValue('headers', headers);
  const pairs: [string, HeaderValue][] = [];
  for (let i = 0; i + 1 < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as HeaderValue]);
  return pairs;
}
