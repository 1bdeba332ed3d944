import { ChaussetteError } from '../errors.js';
import type { HeaderList } from '../exchange.js';
import { type FieldList, isKept, keep, keptSize, putKept } from './field-template.js';
import {
  addon,
  commandBytesView as bytes,
  commandA,
  commandB,
  commandBytesMax,
  commandC,
  commandD,
  commandGeneration,
  commandHead,
  commandIndex,
  commandOp,
  commandSize,
  control,
  controlCommandBytes,
  copyBytesMax,
  hasBodyFlag,
  opEnd,
  opFile,
  withReference,
  commandWords as words,
} from './layout.js';

// Appends commands to the memory that the core reads at the end of the turn. Nothing here crosses into C++, but when
// the memory is full. The format stands in native/core/layout.h.

/** Bodies that the core references, by slot; it takes them out. */
export const slots: (Uint8Array | undefined)[] = [];
let slotCount = 0;
const slotsMax = 65_535;

/** A command has 32 bits for the length of a body. Longer chunks go in pieces of this size. */
const pieceBytesMax = 1024 * 1024 * 1024;

/** Strings up to this length are written byte by byte: cheaper than a crossing into Buffer's own writer. */
const shortString = 48;

/** Characters of the longest number: `-0.0000012345678901234567`. */
const numberLengthMax = 25;

const badValuePattern = /[^\t\x20-\x7e\x80-\xff]/;

function invalid(what: string, value: string): ChaussetteError {
  return new ChaussetteError(
    'CHAUSSETTE_ERR_RESPONSE',
    `${what} ${JSON.stringify(value)} is not valid in HTTP`,
    {
      hint: 'Field names are tokens; values and reason phrases have no control characters and fit Latin-1.',
    },
  );
}

/** By character code: 1 where it may stand in a field name (RFC 9110 §5.6.2). */
const tokenChars = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  tokenChars[c.charCodeAt(0)] = 1;
}

/** Where the next command begins, after making room for `size` bytes. */
function reserve(size: number): number {
  if (size > commandBytesMax) {
    throw new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', `a response head of ${size} bytes is too large`, {
      hint: `All fields together may take ${commandBytesMax} bytes.`,
    });
  }
  let at = control[controlCommandBytes] as number;
  if (at === 0) slotCount = 0;
  if (at + size > words.length * 4 || slotCount >= slotsMax) {
    addon.runCommands();
    at = 0;
    slotCount = 0;
  }
  return at;
}

function commit(at: number, end: number): void {
  const next = (end + 3) & ~3;
  words[(at >>> 2) + commandSize] = next - at;
  control[controlCommandBytes] = next;
}

/** Latin-1, validated as a field value. @returns The byte behind the last. */
function putText(text: string, at: number, what: string): number {
  const length = text.length;
  if (length > shortString) {
    if (badValuePattern.test(text)) throw invalid(what, text);
    return at + bytes.latin1Write(text, at, length);
  }
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c < 32 || c > 126) {
      if ((c < 32 && c !== 9) || c === 127 || c > 255) throw invalid(what, text);
    }
    bytes[at + i] = c;
  }
  return at + length;
}

/** A field name. @returns The byte behind the last. */
function putName(text: string, at: number): number {
  const length = text.length;
  if (length === 0) throw invalid('the header name', text);
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (tokenChars[c] !== 1) throw invalid('the header name', text);
    bytes[at + i] = c;
  }
  return at + length;
}

/** UTF-8. @returns The byte behind the last. */
function putBody(text: string, at: number): number {
  const length = text.length;
  if (length > shortString) return at + bytes.utf8Write(text, at);
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c > 127) return at + i + bytes.utf8Write(text.slice(i), at + i);
    bytes[at + i] = c;
  }
  return at + length;
}

function putHead(op: number, at: number, index: number, generation: number): number {
  const w = at >>> 2;
  words[w + commandOp] = op;
  words[w + commandIndex] = index;
  words[w + commandGeneration] = generation;
  words[w + commandA] = 0;
  words[w + commandB] = 0;
  words[w + commandC] = 0;
  words[w + commandD] = 0;
  return w;
}

/** Lengths from word `w`, then the bytes from `at`. @returns The byte behind the last. */
function putFields(headers: FieldList, w: number, at: number): number {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const given = headers[i + 1] as string | number;
    const value = typeof given === 'number' ? String(given) : given;
    words[w + i] = name.length;
    words[w + i + 1] = value.length;
    at = putText(value, putName(name, at), 'the header value');
  }
  return at;
}

function fieldBytes(headers: FieldList): number {
  let size = headers.length * 4;
  for (let i = 0; i < headers.length; i++) {
    const text = headers[i];
    size += typeof text === 'string' ? text.length : numberLengthMax;
  }
  return size;
}

function tooLong(size: number): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', `a response body of ${size} bytes is too large`, {
    hint: `Stream it: a body that is given as one may have ${pieceBytesMax} bytes.`,
  });
}

function checkPairs(headers: FieldList): void {
  if (headers.length % 2 === 0) return;
  throw new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', 'a header list has a name without a value');
}

/** opRespond or opInfo.
 *  @param body Sent with the head; null for none. @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE; nothing is sent. */
export function putResponse(
  op: number,
  index: number,
  generation: number,
  status: number,
  reason: string,
  headers: FieldList,
  body: string | Uint8Array | null,
  flags: number,
): void {
  checkPairs(headers);
  let content = body;
  let bodyRoom = 0;
  if (typeof content === 'string') {
    // A UTF-16 code unit takes at most three bytes.
    bodyRoom = content.length * 3;
    if (bodyRoom > copyBytesMax) {
      content = Buffer.from(content, 'utf8');
      bodyRoom = content.length;
    }
  } else if (content !== null) {
    bodyRoom = content.length;
  }
  const references = typeof content !== 'string' && bodyRoom > copyBytesMax;
  if (references && bodyRoom > pieceBytesMax) throw tooLong(bodyRoom);
  // Without a reason phrase the fields begin at a word.
  const same = reason.length === 0 && isKept(headers);
  const room = same ? keptSize() : reason.length + fieldBytes(headers);
  const at = reserve(commandHead * 4 + 4 + room + (references ? 0 : bodyRoom) + 4);
  const w = putHead(op, at, index, generation);
  const lengths = w + commandHead;
  let p = (lengths + headers.length + 1) * 4;
  words[lengths + headers.length] = reason.length;
  if (same) {
    p += putKept(lengths);
  } else {
    if (reason.length > 0) p = putText(reason, p, 'the reason phrase');
    const start = p;
    p = putFields(headers, lengths, p);
    if (reason.length === 0) keep(headers, lengths, p - start);
  }
  words[w + commandA] = status;
  words[w + commandB] = headers.length >>> 1;
  if (content === null) {
    words[w + commandD] = flags;
  } else if (references) {
    words[w + commandC] = bodyRoom;
    words[w + commandD] = flags | hasBodyFlag | withReference | (takeSlot(content as Uint8Array) << 16);
  } else {
    const start = p;
    p = typeof content === 'string' ? putBody(content, p) : putBytes(content, p);
    words[w + commandC] = p - start;
    words[w + commandD] = flags | hasBodyFlag;
  }
  commit(at, p);
}

function putBytes(content: Uint8Array, at: number): number {
  bytes.set(content, at);
  return at + content.length;
}

function takeSlot(content: Uint8Array): number {
  slots[slotCount] = content;
  return slotCount++;
}

/** opChunk. @returns The bytes of the chunk. */
export function putChunk(
  op: number,
  index: number,
  generation: number,
  chunk: Uint8Array,
  flags: number,
): number {
  const length = chunk.length;
  const references = length > copyBytesMax;
  if (references && length > pieceBytesMax) {
    for (let from = 0; from < length; from += pieceBytesMax) {
      putChunk(op, index, generation, chunk.subarray(from, from + pieceBytesMax), flags);
    }
    return length;
  }
  const at = reserve(commandHead * 4 + (references ? 0 : length) + 4);
  const w = putHead(op, at, index, generation);
  let p = (w + commandHead) * 4;
  words[w + commandC] = length;
  if (references) {
    words[w + commandD] = flags | withReference | (takeSlot(chunk) << 16);
  } else {
    words[w + commandD] = flags;
    p = putBytes(chunk, p);
  }
  commit(at, p);
  return length;
}

/** opEnd. @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE for trailers that HTTP does not allow. */
export function putEnd(index: number, generation: number, trailers: HeaderList, flags: number): void {
  checkPairs(trailers);
  const at = reserve(commandHead * 4 + fieldBytes(trailers) + 4);
  const w = putHead(opEnd, at, index, generation);
  const lengths = w + commandHead;
  const p = putFields(trailers, lengths, (lengths + trailers.length) * 4);
  words[w + commandB] = trailers.length >>> 1;
  words[w + commandD] = flags;
  commit(at, p);
}

/** opFile. @param start -1 for the position of the descriptor; then `length` has no meaning. */
export function putFile(index: number, generation: number, fd: number, start: number, length: number): void {
  const size = (commandHead + 4) * 4;
  const at = reserve(size);
  const w = putHead(opFile, at, index, generation);
  words[w + commandA] = fd;
  words[w + commandHead] = start; // The low 32 bits.
  words[w + commandHead + 1] = Math.floor(start / 2 ** 32);
  words[w + commandHead + 2] = length;
  words[w + commandHead + 3] = Math.floor(length / 2 ** 32);
  commit(at, at + size);
}

/** opAbort, opConsume, opReadBody or opDiscardBody. */
export function putShort(op: number, index: number, generation: number, a: number): void {
  const at = reserve(commandHead * 4);
  const w = putHead(op, at, index, generation);
  words[w + commandA] = a;
  commit(at, at + commandHead * 4);
}
