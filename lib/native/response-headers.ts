import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList } from '../exchange.js';
import type { FieldList } from './field-template.js';
import { invalidValue } from './node-errors.js';
import { lowerCase } from './node-headers.js';
import type { NativeServer } from './turn.js';

export type HeaderValue = number | string | readonly string[];

/** Names that are known to be valid. */
const checked = new Set<string>();
const checkedMax = 1000;

/** The fields that came last at each place, name and value in turn, found valid and of ASCII: the next response mostly
 *  sets the same. */
const lastFields: HeaderValue[] = [];
const lastMax = 64;

/** The fields of a response, in the order in which they were first set. Few fields: a scan beats a map, and one flat
 *  list is what the core takes.
 *
 *  Lifetime: made with the first field; that of its response. */
export class ResponseHeaders {
  /** Name and value in turn; values as they were given. */
  readonly #list: HeaderValue[] = [];
  /** Whether all values are strings or numbers, and whether some are lists. */
  #plain = true;
  #lists = false;
  /** Some value has octets beyond ASCII. */
  #high = false;
  /** A `Trailer` was set; it may be gone again. */
  #trailer = false;

  /** @throws {TypeError} ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR, ERR_HTTP_INVALID_HEADER_VALUE, as node:http. */
  set(name: string, given: HeaderValue): void {
    let value = given;
    const at = typeof name === 'string' ? this.#find(name) : -1;
    const place = at < 0 ? this.#list.length : at;
    if (lastFields[place] === name && lastFields[place + 1] === value && typeof name === 'string') {
      // The string of before: then who compares the list with that of before compares no letters.
      value = lastFields[place + 1] as HeaderValue;
    } else if (!check(name, value)) {
      this.#high = true;
    } else if (place < lastMax && typeof value !== 'object') {
      lastFields[place] = name;
      lastFields[place + 1] = value;
    }
    if (at < 0) this.#add(name, value);
    else this.#replace(at, name, value);
  }

  /** One more field, whether there is one of that name or not. */
  push(name: string, value: HeaderValue): void {
    if (!check(name, value, true)) this.#high = true;
    this.#add(name, value);
  }

  #add(name: string, value: HeaderValue): void {
    this.#note(value);
    if (name.length === 7 && lowerCase(name) === 'trailer') this.#trailer = true;
    this.#list.push(name, value);
  }

  #note(value: HeaderValue): void {
    if (typeof value === 'string' || typeof value === 'number') return;
    this.#plain = false;
    if (Array.isArray(value)) this.#lists = true;
  }

  #replace(at: number, name: string, value: HeaderValue): void {
    this.#note(value);
    this.#list[at] = name;
    this.#list[at + 1] = value;
  }

  /** One more value of a field that there is. */
  append(name: string, value: string | readonly string[]): void {
    if (!check(name, value)) this.#high = true;
    const before = this.get(name);
    const list = (Array.isArray(before) ? [...before] : [before]) as string[];
    if (isList(value)) list.push(...value);
    else list.push(value);
    const at = this.#find(name);
    this.#replace(at, this.#list[at] as string, list);
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

  /** Whether some value may have octets beyond ASCII. */
  get hasHigh(): boolean {
    return this.#high;
  }

  /** Whether there is a `Trailer`: asked at each end. */
  get hasTrailer(): boolean {
    return this.#trailer && String(this.get('trailer') ?? '') !== '';
  }

  /** The same fields, whatever becomes of the lists that were given. */
  settled(): ResponseHeaders {
    if (!this.#lists) return this;
    const copy = new ResponseHeaders();
    for (const value of this.#list) copy.#list.push(isList(value) ? [...value] : value);
    copy.#plain = false;
    copy.#lists = true;
    copy.#high = this.#high;
    copy.#trailer = this.#trailer;
    return copy;
  }

  /** As they were set. */
  names(): string[] {
    return this.#list.filter((_, i) => i % 2 === 0) as string[];
  }

  /** As a command takes them.
   *  @param server Whose uniqueHeaders are to be one field each. */
  toFields(server: NativeServer): FieldList {
    return this.#plain ? (this.#list as FieldList) : this.toList(server);
  }

  /** Name and value in turn; a list becomes several fields.
   *  @param server Whose uniqueHeaders are to be one field each. */
  toList(server?: NativeServer): HeaderList {
    if (!this.#lists) return this.#list.map(String);
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
      if (known.length === name.length && haveSameStart(known, name) && lowerCase(known) === lowerCase(name))
        return i;
    }
    return -1;
  }
}

/** Whether two names begin with the same letter, in whatever case: few names of one length do. */
function haveSameStart(known: string, name: string): boolean {
  return (known.charCodeAt(0) | 32) === (name.charCodeAt(0) | 32);
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

/** @param each Of a list each value by itself, else their text.
 *  @returns Whether it is ASCII, as far as is known without looking at lists. */
function check(name: string, value: unknown, each = false): boolean {
  if (!checked.has(name)) {
    validateHeaderName(name);
    if (checked.size < checkedMax) checked.add(name);
  }
  if (typeof value === 'number' || (typeof value === 'string' && isPlain(value))) return true;
  if (each && Array.isArray(value)) {
    for (const one of value) validateHeaderValue(name, one as string);
  } else {
    validateHeaderValue(name, value as string);
  }
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string' && isPlain(one));
  return false;
}

/** Bytes of UTF-8 as the characters that stand for them in Latin-1. */
export function utf8InLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** What writeHead gives to setHeader(), one after the other. */
export function toSettings(headers: object): [string, HeaderValue][] {
  return Array.isArray(headers) ? flatPairs(headers) : Object.entries(headers as Record<string, HeaderValue>);
}

function flatPairs(list: readonly unknown[]): [string, HeaderValue][] {
  if (list.length % 2 !== 0) throw invalidValue('headers', list);
  const pairs: [string, HeaderValue][] = [];
  for (let i = 0; i < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as HeaderValue]);
  return pairs;
}

/** A list of pairs from what writeHead takes: an object, an array of pairs, or a flat array. */
export function toPairs(headers: object): [string, HeaderValue][] {
  if (!Array.isArray(headers)) return Object.entries(headers as Record<string, HeaderValue>);
  return Array.isArray(headers[0]) ? (headers as [string, HeaderValue][]) : flatPairs(headers);
}
