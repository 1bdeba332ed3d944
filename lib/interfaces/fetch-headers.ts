import type { HeaderList, HeaderView } from '../exchange.js';
import { real } from './real.js';
import { standInFor } from './stand-in.js';

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110 §5.6.2
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/; // RFC 9110 §5.5

/** Names that were valid once, in lower case: an application has few of them. */
const knownNames = new Map<string, string>();
const knownNamesMax = 512;

/** @returns The name in lower case. @throws {TypeError} for what is no header name. */
export function normalizeName(name: unknown): string {
  const known = knownNames.get(name as string);
  if (known !== undefined) return known;
  const text = String(name);
  if (!token.test(text)) throw new TypeError(`${JSON.stringify(text)} is not a header name`);
  const lower = text.toLowerCase();
  if (knownNames.size < knownNamesMax) knownNames.set(text, lower);
  return lower;
}

/** @returns The value without white space around it. @throws {TypeError} for characters that HTTP does not allow. */
export function normalizeValue(name: string, value: unknown): string {
  let text = typeof value === 'string' ? value : String(value);
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  if (first <= 32 || last <= 32) text = text.replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, '');
  if (!isFieldValue(text)) {
    throw new TypeError(
      `the value of ${name} has characters that HTTP does not allow: ${JSON.stringify(text)}`,
    );
  }
  return text;
}

/** Most values are short: a call of the regular expression costs more than to look at each character. */
function isFieldValue(text: string): boolean {
  const { length } = text;
  if (length > 48) return fieldValue.test(text);
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c < 32 || c > 126) {
      if ((c < 32 && c !== 9) || c === 127 || c > 255) return false;
    }
  }
  return true;
}

/** What `new Headers`, `new Response` and `new Request` take for headers, as a list of our own.
 *  @throws {TypeError} for names and values that HTTP does not allow. */
export function toHeaderList(init: unknown): string[] {
  if (init === undefined || init === null) return [];
  if (typeof init !== 'object' && typeof init !== 'function')
    throw new TypeError('headers are an object or pairs');
  // `#list in init` is a call of 100 instructions; what is made by Object is mostly a record.
  if (init.constructor !== Object && isLight(init)) return listOf(init).slice();
  const list: string[] = [];
  if (typeof (init as Iterable<unknown>)[Symbol.iterator] === 'function') {
    for (const pair of init as Iterable<unknown>) {
      const [name, value, ...more] = [...(pair as Iterable<unknown>)];
      if (value === undefined || more.length > 0)
        throw new TypeError('each header is a pair of name and value');
      const lower = normalizeName(name);
      list.push(lower, normalizeValue(lower, value));
    }
    return list;
  }
  return fromRecord(init as Record<string, unknown>);
}

function fromRecord(record: Record<string, unknown>): string[] {
  let list: string[] | undefined;
  for (const name in record) {
    if (!Object.hasOwn(record, name)) continue;
    const lower = normalizeName(name);
    const value = normalizeValue(lower, record[name]);
    // The first push would make room for sixteen more.
    if (list === undefined) list = [lower, value];
    else list.push(lower, value);
  }
  return list ?? [];
}

let listOf: (headers: LightHeaders) => string[];
/** `instanceof` holds for the real ones as well. */
let isLight: (value: object) => value is LightHeaders;

/** The list behind light headers: names in lower case and values in turn. Not a copy. */
export function headerListOf(headers: LightHeaders): HeaderList {
  return listOf(headers);
}

/** `Headers` over a list of names and values, or over the head of a request until somebody changes it. The real ones
 *  cost 1 to 3 us to make. */
export class LightHeaders {
  #list: string[] | undefined;
  #view: HeaderView | undefined;

  static {
    listOf = (headers) => headers.#own();
    isLight = (value): value is LightHeaders => #list in value;
  }

  constructor(init?: unknown) {
    this.#list = toHeaderList(init);
    this.#view = undefined;
  }

  /** @param list Its own from now on; names in lower case. */
  static adopt(list: string[]): LightHeaders {
    const headers = new LightHeaders();
    headers.#list = list;
    return headers;
  }

  static over(view: HeaderView): LightHeaders {
    const headers = new LightHeaders();
    headers.#list = undefined;
    headers.#view = view;
    return headers;
  }

  get(name: string): string | null {
    const lower = normalizeName(name);
    if (this.#list === undefined) return this.#view?.get(lower) ?? null;
    const list = this.#list;
    let value: string | null = null;
    for (let index = 0; index < list.length; index += 2) {
      if (list[index] !== lower) continue;
      value = value === null ? (list[index + 1] ?? '') : `${value}${separator(lower)}${list[index + 1]}`;
    }
    return value;
  }

  has(name: string): boolean {
    const lower = normalizeName(name);
    if (this.#list === undefined) return this.#view?.has(lower) ?? false;
    const list = this.#list;
    for (let index = 0; index < list.length; index += 2) if (list[index] === lower) return true;
    return false;
  }

  append(name: string, value: string): void {
    const lower = normalizeName(name);
    this.#own().push(lower, normalizeValue(lower, value));
  }

  set(name: string, value: string): void {
    const lower = normalizeName(name);
    const text = normalizeValue(lower, value);
    const list = this.#own();
    for (let index = 0; index < list.length; index += 2) {
      if (list[index] !== lower) continue;
      list[index + 1] = text;
      removeFrom(list, lower, index + 2);
      return;
    }
    list.push(lower, text);
  }

  delete(name: string): void {
    removeFrom(this.#own(), normalizeName(name), 0);
  }

  getSetCookie(): string[] {
    const list = this.#own();
    return list.filter((_, index) => index % 2 === 1 && list[index - 1] === 'set-cookie');
  }

  forEach(callback: (value: string, name: string, headers: LightHeaders) => void, thisArg?: unknown): void {
    for (const [name, value] of this.#sorted()) callback.call(thisArg, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    yield* this.#sorted();
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.#sorted()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.#sorted()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return new (real().Headers)(this.#sorted());
  }

  #own(): string[] {
    if (this.#list !== undefined) return this.#list;
    const list = (this.#view?.raw ?? []).map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text));
    this.#list = list;
    this.#view = undefined;
    return list;
  }

  /** Sorted by name, repeated fields joined, but for set-cookie (Fetch, "sort and combine"). */
  #sorted(): [string, string][] {
    const list = this.#own();
    const names = new Set(list.filter((_, index) => index % 2 === 0));
    const pairs: [string, string][] = [];
    for (const name of [...names].sort()) {
      if (name !== 'set-cookie') pairs.push([name, this.get(name) ?? '']);
      else for (const value of this.getSetCookie()) pairs.push([name, value]);
    }
    return pairs;
  }
}

function separator(name: string): string {
  return name === 'cookie' ? '; ' : ', ';
}

function removeFrom(list: string[], name: string, from: number): void {
  for (let index = list.length - 2; index >= from; index -= 2) {
    if (list[index] === name) list.splice(index, 2);
  }
}

standInFor('Headers', LightHeaders);
