import type { HeaderList, HeaderView } from '../exchange.js';
import {
  arena,
  eventRequest,
  headerNameLength,
  headerNameOffset,
  headerTable,
  headerValueLength,
  headerValueOffset,
  headerWords,
  knownHeaders,
  recordHeaderCount,
  recordHeaderFirst,
  recordHeadLength,
  recordHeadOffset,
  recordKind,
  records,
  recordWords,
} from './layout.js';
import {
  type JoinedHeaders,
  type Joining,
  joinField,
  joinHeaders,
  lowerCase,
  noHeaders,
} from './node-headers.js';

/** Heads that are kept in one string; one that is longer has a string of its own. Who keeps a field for long keeps the
 *  whole string alive, so it is not longer than a page. */
const textBytesMax = 4096;

/** The heads of requests that came together, as one string: a crossing for all of them, made when somebody first reads
 *  one, or else before the arena is used again, since whether an application still holds one cannot be known.
 *
 *  Lifetime: as long as one of its requests is held by somebody. */
export class TurnText {
  /** The tables still hold what belongs to it. */
  live = true;
  /** Where it starts and ends in the arena. */
  readonly base: number;
  readonly end: number;
  #text = '';

  /** @param r Index of the first word of the first request record. @param last That of the last record of the call. */
  constructor(r: number, last: number) {
    this.base = records[r + recordHeadOffset] as number;
    let end = this.base + (records[r + recordHeadLength] as number);
    for (let next = r + recordWords; next <= last; next += recordWords) {
      if (records[next + recordKind] !== eventRequest) continue;
      const nextEnd =
        (records[next + recordHeadOffset] as number) + (records[next + recordHeadLength] as number);
      if (nextEnd - this.base > textBytesMax) break;
      end = nextEnd;
    }
    this.end = end;
  }

  /** Latin-1. */
  get text(): string {
    if (this.#text === '') this.#text = arena.latin1Slice(this.base, this.end);
    return this.#text;
  }

  /** The arena is about to be used again. */
  keep(): void {
    void this.text;
    this.live = false;
  }
}

/** The names of known fields, made at run time. V8 binds a store that has met one literal name only to that name, and
 *  then adds it to an object without prototype by way of its runtime: 0.5 us for each request of a client that sends
 *  nothing but Host. */
const madeNames = knownHeaders.map((name) => name.toUpperCase().toLowerCase());

/** The spelling in which each known name came last. */
const spellings = [...knownHeaders];

const numbers = new Map<string, number>();
for (let i = 1; i < knownHeaders.length; i++) numbers.set(knownHeaders[i] as string, i);

/** What nearly every format of an access log shows. */
const keptFields = ['authorization', 'referer', 'user-agent'];
const keptNumbers = keptFields.map((name) => numbers.get(name) ?? 0);

/** A request head in the arena, decoded when somebody asks. */
export class NativeHead implements HeaderView {
  readonly #turn: TurnText;
  /** In the text of the turn. */
  readonly #start: number;
  readonly #length: number;
  readonly #first: number;
  readonly #count: number;
  #raw: string[] | undefined;
  /** Values of `keptFields`, looked up while the tables held them. */
  #kept: readonly (string | undefined)[] | undefined;

  /** @param r Index of the first word of its record. */
  constructor(turn: TurnText, r: number) {
    this.#turn = turn;
    this.#start = (records[r + recordHeadOffset] as number) - turn.base;
    this.#length = records[r + recordHeadLength] as number;
    this.#first = records[r + recordHeaderFirst] as number;
    this.#count = records[r + recordHeaderCount] as number;
  }

  /** A part of the head, Latin-1. */
  part(offset: number, length: number): string {
    const start = this.#start + offset;
    return this.#turn.text.substring(start, start + length);
  }

  get raw(): HeaderList {
    this.#raw ??= this.#turn.live ? this.#fromTable() : parseFields(this.part(0, this.#length));
    return this.#raw;
  }

  get(name: string): string | undefined {
    if (this.#raw === undefined && this.#turn.live) {
      const number = numbers.get(name);
      if (number !== undefined) return this.#getKnown(number);
    } else if (this.#kept !== undefined) {
      const kept = keptFields.indexOf(name);
      if (kept >= 0) return this.#kept[kept];
    }
    return findField(this.raw, name);
  }

  /** Keep what the log of requests shows: parsing the head again would cost more. */
  keep(): void {
    if (this.#turn.live) this.#kept = keptNumbers.map(this.#getKnown, this);
  }

  /** The first fields on an object, without a list of all when nobody has asked for it.
   *  @param most Fields. */
  join(most: number, how: Joining): JoinedHeaders {
    if (this.#raw !== undefined || !this.#turn.live) return joinHeaders(this.first(most), how);
    const headers = noHeaders(how);
    const count = Math.min(this.#count, most);
    let w = this.#first * headerWords;
    for (let i = 0; i < count; i++, w += headerWords) {
      const word = headerTable[w + headerNameLength] as number;
      const number = word >>> 16;
      const name =
        number !== 0
          ? (madeNames[number] as string)
          : lowerCase(this.part(headerTable[w + headerNameOffset] as number, word & 0xffff));
      const offset = headerTable[w + headerValueOffset] as number;
      joinField(headers, name, this.part(offset, headerTable[w + headerValueLength] as number), how);
    }
    return headers;
  }

  /** @param most Fields. */
  first(most: number): HeaderList {
    const { raw } = this;
    return 2 * most < raw.length ? raw.slice(0, 2 * most) : raw;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  #fromTable(): string[] {
    const raw: string[] = [];
    let w = this.#first * headerWords;
    for (let i = 0; i < this.#count; i++, w += headerWords) {
      raw.push(
        this.#name(headerTable[w + headerNameOffset] as number, headerTable[w + headerNameLength] as number),
        this.part(headerTable[w + headerValueOffset] as number, headerTable[w + headerValueLength] as number),
      );
    }
    return raw;
  }

  /** A name as it came. Known ones mostly come in one spelling: then the string, and its hash, is there already. */
  #name(offset: number, word: number): string {
    const number = word >>> 16;
    const usual = spellings[number] as string;
    if (number !== 0 && this.#turn.text.startsWith(usual, this.#start + offset)) return usual;
    const name = this.part(offset, word & 0xffff);
    if (number !== 0) spellings[number] = name;
    return name;
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
    return this.part(value, headerTable[found + headerValueLength] as number);
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
