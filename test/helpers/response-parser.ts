/** A strict reader of HTTP/1 responses. It accepts what RFC 9112 lets a server send and nothing else, so that a
 *  response that a lenient client would repair is a failure here. */

export type Framing = 'none' | 'length' | 'chunked' | 'close';

export interface ParsedResponse {
  readonly version: '1.0' | '1.1';
  readonly status: number;
  readonly reason: string;
  /** Name (as sent) and value. */
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: Framing;
  readonly body: Buffer;
  readonly trailers: readonly (readonly [string, string])[];
  /** The connection ended before the body did. */
  readonly truncated: boolean;
}

export interface ParsedStream {
  /** Interim and final ones, in order. A response that is not complete yet is not among them. */
  readonly responses: readonly ParsedResponse[];
  /** Offset of the first byte that belongs to no response of the list. */
  readonly consumed: number;
  /** The first breach of the grammar, with its offset. */
  readonly problem: string | undefined;
}

/** One breach of the grammar. */
class Breach extends Error {}
/** More bytes are needed. */
class Incomplete extends Error {}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)$/;
const fieldValue = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
const imfDate =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const chunkHead = /^([0-9A-Fa-f]{1,8})((?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=[^\r\n]*)?)*)$/;

/** All values of a field.
 *  @param name In lower case. */
export function fieldValues(response: ParsedResponse, name: string): string[] {
  return response.fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

/** Read the responses of one connection from its first byte.
 *  @param bytes All that was received so far.
 *  @param heads For the final responses in order: whether it answers a HEAD request. Missing entries are false.
 *  @param ended Whether the server has closed: then what is not complete is truncated or a breach. */
export function parseResponses(bytes: Buffer, heads: readonly boolean[], ended: boolean): ParsedStream {
  const responses: ParsedResponse[] = [];
  const cursor = new Cursor(bytes, ended);
  let consumed = 0;
  let finals = 0;
  try {
    while (cursor.offset < bytes.length) {
      const response = parseOne(cursor, heads[finals] === true);
      responses.push(response);
      consumed = cursor.offset;
      if (response.status >= 200) finals += 1;
    }
  } catch (error) {
    if (error instanceof Incomplete) {
      const problem = ended ? `byte ${consumed}: the connection ended inside a response head` : undefined;
      return { responses, consumed, problem };
    }
    if (!(error instanceof Breach)) throw error;
    return { responses, consumed, problem: `byte ${cursor.offset}: ${error.message}` };
  }
  return { responses, consumed, problem: undefined };
}

/** A position in the received bytes. */
class Cursor {
  offset = 0;
  readonly bytes: Buffer;
  readonly ended: boolean;

  constructor(bytes: Buffer, ended: boolean) {
    this.bytes = bytes;
    this.ended = ended;
  }

  get left(): number {
    return this.bytes.length - this.offset;
  }

  /** One line without its CRLF; a bare CR or LF is a breach. */
  line(): string {
    const end = this.bytes.indexOf('\r\n', this.offset, 'latin1');
    const text = this.bytes.toString('latin1', this.offset, end < 0 ? this.bytes.length : end);
    const bare = text.search(end < 0 ? /\n|\r./s : /[\r\n]/);
    if (bare >= 0) throw new Breach(`bare ${text[bare] === '\r' ? 'CR' : 'LF'} in a line`);
    if (end < 0) throw new Incomplete();
    this.offset = end + 2;
    return text;
  }

  take(length: number): Buffer {
    const taken = this.bytes.subarray(this.offset, this.offset + length);
    this.offset += taken.length;
    return taken;
  }
}

function parseOne(cursor: Cursor, toHead: boolean): ParsedResponse {
  const line = cursor.line();
  const match = statusLine.exec(line);
  if (match === null) throw new Breach(`bad status line ${JSON.stringify(line)}`);
  const status = Number(match[2]);
  const fields = parseFields(cursor);
  const head = {
    version: match[1] === '0' ? ('1.0' as const) : ('1.1' as const),
    status,
    reason: match[3] ?? '',
    fields,
  };
  checkDate(status, fields);
  const framing = framingOf(status, fields, toHead);
  const rest = parseBody(cursor, framing);
  return { ...head, ...rest, framing: framing.kind };
}

function parseFields(cursor: Cursor): [string, string][] {
  const fields: [string, string][] = [];
  for (;;) {
    const line = cursor.line();
    if (line === '') return fields;
    const colon = line.indexOf(':');
    if (colon < 1) throw new Breach(`field line without a name: ${JSON.stringify(line)}`);
    const name = line.slice(0, colon);
    if (!token.test(name)) throw new Breach(`field name ${JSON.stringify(name)} is no token`);
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '');
    if (!fieldValue.test(value))
      throw new Breach(`value of ${name} has a forbidden octet: ${JSON.stringify(value)}`);
    fields.push([name, value]);
  }
}

/** RFC 9110 §6.6.1: a server with a clock sends exactly one Date with every 2xx, 3xx and 4xx; ours with 5xx too. */
function checkDate(status: number, fields: readonly [string, string][]): void {
  const dates = valuesOf(fields, 'date');
  if (dates.length > 1) throw new Breach('date is repeated');
  if (status >= 200 && dates.length === 0) throw new Breach(`no date in a ${status}`);
  const date = dates[0];
  if (date !== undefined && !imfDate.test(date))
    throw new Breach(`date is no IMF-fixdate: ${JSON.stringify(date)}`);
}

type FramingRule =
  | { readonly kind: 'none' | 'chunked' | 'close' }
  | { readonly kind: 'length'; readonly length: number };

/** RFC 9112 §6.3, with the sender's rules of §6.1 and §6.2 and RFC 9110 §8.6. */
function framingOf(status: number, fields: readonly [string, string][], toHead: boolean): FramingRule {
  const lengths = valuesOf(fields, 'content-length');
  const codings = valuesOf(fields, 'transfer-encoding');
  if (lengths.length > 1) throw new Breach('content-length is repeated');
  if (codings.length > 1) throw new Breach('transfer-encoding is repeated');
  if (lengths.length + codings.length > 1) throw new Breach('content-length and transfer-encoding together');
  const length = lengths[0];
  const coding = codings[0];
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw new Breach(`content-length ${JSON.stringify(length)}`);
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    throw new Breach(`transfer-encoding ${coding}`);
  if ((status < 200 || status === 204) && lengths.length + codings.length > 0) {
    throw new Breach(`a ${status} with ${length === undefined ? 'transfer-encoding' : 'content-length'}`);
  }
  if (toHead || status < 200 || status === 204 || status === 304) return { kind: 'none' };
  if (coding !== undefined) return { kind: 'chunked' };
  if (length !== undefined) return { kind: 'length', length: Number(length) };
  return { kind: 'close' };
}

interface ParsedBody {
  readonly body: Buffer;
  readonly trailers: readonly (readonly [string, string])[];
  readonly truncated: boolean;
}

function parseBody(cursor: Cursor, framing: FramingRule): ParsedBody {
  switch (framing.kind) {
    case 'none':
      return { body: Buffer.alloc(0), trailers: [], truncated: false };
    case 'length': {
      const truncated = cursor.left < framing.length;
      if (truncated && !cursor.ended) throw new Incomplete();
      return { body: cursor.take(framing.length), trailers: [], truncated };
    }
    case 'close':
      if (!cursor.ended) throw new Incomplete();
      return { body: cursor.take(cursor.left), trailers: [], truncated: false };
    case 'chunked':
      return parseChunked(cursor);
  }
}

function parseChunked(cursor: Cursor): ParsedBody {
  const chunks: Buffer[] = [];
  try {
    for (;;) {
      const line = cursor.line();
      const match = chunkHead.exec(line);
      if (match === null) throw new Breach(`bad chunk size line ${JSON.stringify(line)}`);
      const size = Number.parseInt(match[1] ?? '', 16);
      if (size === 0) return { body: Buffer.concat(chunks), trailers: parseFields(cursor), truncated: false };
      if (cursor.left < size + 2) {
        chunks.push(cursor.take(size));
        throw new Incomplete();
      }
      chunks.push(cursor.take(size));
      const end = cursor.take(2).toString('latin1');
      if (end !== '\r\n') throw new Breach(`chunk data is followed by ${JSON.stringify(end)}`);
    }
  } catch (error) {
    if (!(error instanceof Incomplete) || !cursor.ended) throw error;
    cursor.take(cursor.left);
    return { body: Buffer.concat(chunks), trailers: [], truncated: true };
  }
}

function valuesOf(fields: readonly [string, string][], name: string): string[] {
  return fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}
