import { ChaussetteError } from '../errors.js';
import type { BodySink, HeaderList } from '../exchange.js';
import { putShort } from './commands.js';
import {
  arena,
  bodyWindowBytes,
  eventBody,
  flagBodyComplete,
  flagBodyInBlock,
  headerNameLength,
  headerNameOffset,
  headerTable,
  headerValueLength,
  headerValueOffset,
  headerWords,
  opConsume,
  opDiscardBody,
  opReadBody,
  recordBodyLength,
  recordBodyOffset,
  recordCode,
  recordFlags,
  recordHeaderCount,
  recordHeaderFirst,
  recordHeadLength,
  recordHeadOffset,
  recordKind,
  records,
} from './layout.js';
import { thisRound } from './tick.js';

const noTrailers: HeaderList = [];

/** Blocks that the core receives large bodies into, by slot; it puts them there and takes them out. */
export const bodyBlocks: (Buffer | undefined)[] = [];
/** The reader of a body that was given up before anybody read. */
const nobody: BodySink = { data: () => true, end: () => {}, error: () => {} };

/** The body of one request: what has come and nobody has taken yet, and who takes it. The core stops reading when more
 *  than a window of it lies here.
 *
 *  Lifetime: that of its exchange. */
export class RequestBody {
  readonly #index: number;
  readonly #generation: number;
  readonly #chunks: Buffer[] = [];
  #trailers: HeaderList = noTrailers;
  #error: Error | undefined;
  #sink: BodySink | undefined;
  #paused = false;
  #done = false;
  #complete: boolean;
  #bytesIn = -1;
  #waiting: (() => void) | undefined;

  /** @param index The exchange. @param complete Whether there is nothing more to come. */
  constructor(index: number, generation: number, complete: boolean) {
    this.#index = index;
    this.#generation = generation;
    this.#complete = complete;
  }

  /** Every byte was received. */
  get complete(): boolean {
    return this.#complete;
  }

  /** ... the last bytes in this round of the event loop. */
  get isFresh(): boolean {
    return this.#complete && this.#bytesIn === thisRound();
  }

  /** Somebody reads it, or has given it up. */
  get isTaken(): boolean {
    return this.#sink !== undefined;
  }

  /** The program is told that it is complete. */
  told(): void {
    this.#bytesIn = -1;
  }

  /** What a record brings: bytes, the end, trailers.
   *  @param r Index of its first word. */
  take(r: number): void {
    const length = records[r + recordBodyLength] as number;
    const flags = records[r + recordFlags] as number;
    if (length > 0) this.#bytesIn = thisRound();
    if (length > 0 && !this.#done) {
      this.#chunks.push(bytesOf(r, flags, records[r + recordBodyOffset] as number, length));
    }
    if ((flags & flagBodyComplete) !== 0) {
      this.#complete = true;
      // The fields of a request record are those of the head.
      const count = records[r + recordKind] === eventBody ? (records[r + recordHeaderCount] as number) : 0;
      if (count > 0) this.#trailers = readTrailers(r, count);
    }
  }

  /** Call when all of it lies here, or as much as the core brings to somebody who does not read. */
  whenHere(callback: () => void): void {
    this.#waiting = callback;
  }

  #tellWaiting(): void {
    const held = this.#chunks.reduce((sum, { length }) => sum + length, 0);
    if (!this.#complete && held <= bodyWindowBytes) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  /** The client went away before the end. */
  fail(error: Error): void {
    this.#error = error;
    this.#waiting = undefined;
    this.flow();
  }

  read(sink: BodySink): void {
    if (this.#sink !== undefined) {
      throw new ChaussetteError('CHAUSSETTE_ERR_BODY', 'the request body is being read already', {
        hint: 'Read it once and keep what is needed.',
      });
    }
    this.#sink = sink;
    if (!this.#complete) putShort(opReadBody, this.#index, this.#generation, 0);
    this.flow();
  }

  /** @returns Whether it was stopped. */
  resume(): boolean {
    if (!this.#paused) return false;
    this.#paused = false;
    this.flow();
    return true;
  }

  /** Take no more of it. */
  discard(): void {
    if (this.#done) return;
    this.#done = true;
    this.#sink ??= nobody;
    this.#chunks.length = 0;
    if (!this.#complete) putShort(opDiscardBody, this.#index, this.#generation, 0);
  }

  /** Hand on what there is, as far as it is taken. */
  flow(): void {
    if (this.#waiting !== undefined) this.#tellWaiting();
    const sink = this.#sink;
    if (sink === undefined || this.#done) return;
    let taken = 0;
    while (!this.#paused && this.#chunks.length > 0) {
      const chunk = this.#chunks.shift() as Buffer;
      taken += chunk.length;
      if (!sink.data(chunk)) this.#paused = true;
    }
    if (taken > 0 && !this.#complete) putShort(opConsume, this.#index, this.#generation, taken);
    if (this.#paused || this.#chunks.length > 0 || this.#done) return;
    if (this.#error !== undefined) {
      this.#done = true;
      sink.error(this.#error);
    } else if (this.#complete) {
      this.#done = true;
      sink.end(this.#trailers);
    }
  }
}

/** A block is never used again, but a small part of it must not keep it alive; the arena is used again. */
function bytesOf(r: number, flags: number, offset: number, length: number): Buffer {
  const block = (flags & flagBodyInBlock) === 0 ? undefined : bodyBlocks[records[r + recordCode] as number];
  if (block !== undefined && length > 4096) return block.subarray(offset, offset + length);
  const copy = length > 4096 ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
  (block ?? arena).copy(copy, 0, offset, offset + length);
  return copy;
}

function readTrailers(r: number, count: number): string[] {
  const offset = records[r + recordHeadOffset] as number;
  const text = arena.latin1Slice(offset, offset + (records[r + recordHeadLength] as number));
  const trailers: string[] = [];
  let w = (records[r + recordHeaderFirst] as number) * headerWords;
  for (let i = 0; i < count; i++, w += headerWords) {
    const name = headerTable[w + headerNameOffset] as number;
    const value = headerTable[w + headerValueOffset] as number;
    trailers.push(
      text.substring(name, name + (headerTable[w + headerNameLength] as number)),
      text.substring(value, value + (headerTable[w + headerValueLength] as number)),
    );
  }
  return trailers;
}
