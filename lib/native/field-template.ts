import { commandWords as words } from './layout.js';

// Most responses of an application carry the same fields. Their lengths and bytes, as a command holds them, are kept
// from one response to the next and copied by words: a quarter of the cost of writing them letter by letter.

/** Name and value in turn, as a HeaderList, but numbers may be values: texts are not made of those that are kept. */
export type FieldList = readonly (string | number)[];

const wordsMax = 256;
const kept = new Uint32Array(wordsMax);
let list: FieldList = [];
let keptWords = 0;
let keptBytes = 0;
let misses = 0;

/** Whether these fields are those that are kept. */
export function isKept(headers: FieldList): boolean {
  const count = headers.length;
  if (count !== list.length || count === 0) return false;
  for (let i = 0; i < count; i++) if (headers[i] !== list[i]) return false;
  return true;
}

/** Bytes that they take, with their lengths and the word behind these. */
export function keptSize(): number {
  return keptWords * 4;
}

/** Write them.
 *  @param at Where lengths, and behind them the bytes, begin: index of a word.
 *  @returns The bytes of names and values. */
export function putKept(at: number): number {
  for (let i = 0; i < keptWords; i++) words[at + i] = kept[i] as number;
  return keptBytes;
}

/** Keep fields that were just written, if others than the kept ones come often enough.
 *  @param at As for `putKept`. @param bytes Of names and values. */
export function keep(headers: FieldList, at: number, bytes: number): void {
  if ((++misses & 7) !== 1) return;
  const length = headers.length + 1 + ((bytes + 3) >>> 2);
  if (length > wordsMax) return;
  for (let i = 0; i < length; i++) kept[i] = words[at + i] as number;
  list = [...headers];
  keptWords = length;
  keptBytes = bytes;
}
