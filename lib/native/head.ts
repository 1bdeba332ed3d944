import type { HeaderList, HeaderView } from '../exchange.js';
import {
  arena,
  headerNameLength,
  headerNameOffset,
  headerTable,
  headerValueLength,
  headerValueOffset,
  headerWords,
  knownHeaders,
} from './layout.js';

/** Heads that are kept in one string; one that is longer has a string of its own. */
const textBytesMax = 32 * 1024;

/** The heads of requests that came together. While the core's call runs they are read from the arena; before it ends
 *  they are copied out in one piece, because the arena is used again. Whether an application still holds one cannot be
 *  known, and a piece costs a few nanoseconds a request.
 *
 *  Lifetime: as long as one of its requests is held by somebody. */
export class TurnText {
  live = true;
  /** Copied from the arena, from `base` on. */
  text = '';
  base = -1;
  #end = 0;

  /** Whether a head that ends at `end` may join. */
  hasRoom(end: number): boolean {
    return this.base < 0 || end - this.base <= textBytesMax;
  }

  add(start: number, end: number): void {
    if (this.base < 0) this.base = start;
    this.#end = end;
  }

  /** The arena is about to be used again. */
  keep(): void {
    if (this.base >= 0) this.text = arena.latin1Slice(this.base, this.#end);
    this.live = false;
  }
}

const numbers = new Map<string, number>();
for (let i = 1; i < knownHeaders.length; i++) numbers.set(knownHeaders[i] as string, i);

/** A request head in the arena, decoded when somebody asks. */
export class NativeHead implements HeaderView {
  readonly #turn: TurnText;
  readonly #offset: number;
  readonly #length: number;
  readonly #first: number;
  readonly #count: number;
  #text = '';
  #raw: string[] | undefined;

  constructor(turn: TurnText, offset: number, length: number, first: number, count: number) {
    this.#turn = turn;
    this.#offset = offset;
    this.#length = length;
    this.#first = first;
    this.#count = count;
    turn.add(offset, offset + length);
  }

  /** The whole head, Latin-1. */
  get text(): string {
    if (this.#text === '') {
      const turn = this.#turn;
      const start = turn.live ? this.#offset : this.#offset - turn.base;
      this.#text = turn.live
        ? arena.latin1Slice(start, start + this.#length)
        : turn.text.substring(start, start + this.#length);
    }
    return this.#text;
  }

  get raw(): HeaderList {
    this.#raw ??= this.#turn.live ? this.#fromTable() : parseFields(this.text);
    return this.#raw;
  }

  get(name: string): string | undefined {
    if (this.#raw === undefined && this.#turn.live) {
      const number = numbers.get(name);
      if (number !== undefined) return this.#getKnown(number);
    }
    return findField(this.raw, name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  #fromTable(): string[] {
    const text = this.text;
    const raw: string[] = [];
    let w = this.#first * headerWords;
    for (let i = 0; i < this.#count; i++, w += headerWords) {
      const name = headerTable[w + headerNameOffset] as number;
      const value = headerTable[w + headerValueOffset] as number;
      raw.push(
        text.substring(name, name + ((headerTable[w + headerNameLength] as number) & 0xffff)),
        text.substring(value, value + (headerTable[w + headerValueLength] as number)),
      );
    }
    return raw;
  }

  /** One field without decoding the others. Repeated ones take the general way. */
  #getKnown(number: number): string | undefined {
    let found = -1;
    let w = this.#first * headerWords;
    for (let i = 0; i < this.#count; i++, w += headerWords) {
      if ((headerTable[w + headerNameLength] as number) >>> 16 !== number) continue;
      if (found >= 0) return findField(this.raw, knownHeaders[number] as string);
      found = w;
    }
    if (found < 0) return undefined;
    const value = headerTable[found + headerValueOffset] as number;
    return this.text.substring(value, value + (headerTable[found + headerValueLength] as number));
  }
}

/** All values of a field, joined as HTTP allows (RFC 9110 §5.3, RFC 6265 §5.4). */
function findField(raw: HeaderList, name: string): string | undefined {
  let found: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const candidate = raw[i] as string;
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    const value = raw[i + 1] as string;
    found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return found;
}

/** Name and value in turn, from a head that the core has validated: "name:" OWS value OWS CRLF. */
function parseFields(text: string): string[] {
  const raw: string[] = [];
  let line = text.indexOf('\r\n') + 2;
  for (;;) {
    const end = text.indexOf('\r\n', line);
    if (end <= line) return raw;
    const colon = text.indexOf(':', line);
    raw.push(text.substring(line, colon), trimBlanks(text, colon + 1, end));
    line = end + 2;
  }
}

function trimBlanks(text: string, start: number, end: number): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.substring(start, end);
}

function isBlank(c: number): boolean {
  return c === 32 || c === 9;
}
