import { close, open, readSync, unlink, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BodySink, Exchange } from '../exchange.js';

/** Up to here a request body stays in memory; a larger one goes to a temporary file. */
const memoryBytesMax = 1024 * 1024;

/** What one readSync of a temporary file asks for. */
const fileReadBytes = 64 * 1024;

const newline = 10;
const empty = new Uint8Array(0);
const openFile = promisify(open);
const removeFile = promisify(unlink);

/** A body that was collected: in memory, or in a file that has no name any more. */
export class CollectedBody {
  readonly byteLength: number;
  readonly #bytes: Uint8Array;
  /** -1 when the body is in memory. */
  #fd: number;

  constructor(bytes: Uint8Array, fd: number, byteLength: number) {
    this.#bytes = bytes;
    this.#fd = fd;
    this.byteLength = byteLength;
  }

  /** @returns What is there from `offset` on, at most `size` bytes; empty at the end. */
  slice(offset: number, size: number): Uint8Array {
    const wanted = Math.max(0, Math.min(size, this.byteLength - offset));
    if (this.#fd < 0) return this.#bytes.subarray(offset, offset + wanted);
    const buffer = Buffer.alloc(wanted);
    let filled = 0;
    while (filled < wanted) {
      const count = readSync(this.#fd, buffer, filled, wanted - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  }

  /** Give the file back. The body is empty then. */
  release(): void {
    if (this.#fd < 0) return;
    close(this.#fd, () => {});
    this.#fd = -1;
  }
}

const noBody = new CollectedBody(empty, -1, 0);

/** Read the whole body of a request before the application is called, so that reading it is synchronous then.
 *  @throws {Error} as a rejection when the client leaves first, or the file cannot be written. */
export function collect(exchange: Exchange): Promise<CollectedBody> {
  if (!exchange.hasBody) return Promise.resolve(noBody);
  return new Promise((resolve, reject) => {
    exchange.readBody(new BodyCollector(exchange, resolve, reject));
  });
}

class BodyCollector implements BodySink {
  readonly #exchange: Exchange;
  readonly #resolve: (body: CollectedBody) => void;
  readonly #reject: (error: unknown) => void;
  #chunks: Uint8Array[] = [];
  /** In memory, not yet in the file. */
  #bytes = 0;
  #total = 0;
  #fd = -1;
  #flushing: Promise<void> | undefined;

  constructor(exchange: Exchange, resolve: (body: CollectedBody) => void, reject: (error: unknown) => void) {
    this.#exchange = exchange;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  data(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    this.#total += chunk.byteLength;
    if (this.#bytes <= memoryBytesMax) return true;
    if (this.#flushing === undefined) {
      this.#flushing = this.#flush().then(() => {
        this.#flushing = undefined;
        this.#exchange.resumeBody();
      });
      this.#flushing.catch((error) => this.#fail(error));
    }
    return false;
  }

  end(): void {
    this.#finish().catch((error) => this.#fail(error));
  }

  error(error: Error): void {
    this.#fail(error);
  }

  async #finish(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#fd >= 0) await this.#flush();
    this.#resolve(
      new CollectedBody(this.#fd < 0 ? Buffer.concat(this.#chunks) : empty, this.#fd, this.#total),
    );
  }

  async #flush(): Promise<void> {
    if (this.#fd < 0) this.#fd = await openUnnamed();
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    for (let offset = 0; offset < bytes.length; ) offset += await writeSome(this.#fd, bytes, offset);
  }

  #fail(error: unknown): void {
    if (this.#fd >= 0) close(this.#fd, () => {});
    this.#fd = -1;
    this.#reject(error);
  }
}

/** A file that nobody else can open, and that is gone when it is closed. */
async function openUnnamed(): Promise<number> {
  const [{ randomUUID }, { tmpdir }] = await Promise.all([import('node:crypto'), import('node:os')]);
  const path = join(tmpdir(), `chaussette-${randomUUID()}`);
  const fd = await openFile(path, 'wx+', 0o600);
  await removeFile(path);
  return fd;
}

function writeSome(fd: number, bytes: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, offset, bytes.length - offset, null, (error, count) =>
      error ? reject(error) : resolve(count),
    );
  });
}

/** `wsgi.input`: the collected body as a file, read synchronously (PEP 3333, "Input and Error Streams"). */
export class WsgiInput implements Iterable<Uint8Array> {
  readonly #body: CollectedBody;
  #offset = 0;

  constructor(body: CollectedBody) {
    this.#body = body;
  }

  /** @param size Bytes at most; everything that is left when it is negative, null or missing. */
  read(size?: number | null): Uint8Array {
    const bytes = this.#body.slice(this.#offset, limitOf(size));
    this.#offset += bytes.byteLength;
    return bytes;
  }

  /** @param size Bytes at most. @returns One line with its newline; empty at the end. */
  readline(size?: number | null): Uint8Array {
    const limit = limitOf(size);
    let length = 0;
    while (length < limit) {
      const bytes = this.#body.slice(this.#offset + length, Math.min(fileReadBytes, limit - length));
      if (bytes.byteLength === 0) break;
      const at = bytes.indexOf(newline);
      length += at < 0 ? bytes.byteLength : at + 1;
      if (at >= 0) break;
    }
    return this.read(length);
  }

  /** @param hint Stop after the line that makes it so many bytes; 0 and missing: all lines. */
  readlines(hint?: number | null): Uint8Array[] {
    const enough = limitOf(hint === 0 ? null : hint);
    const lines: Uint8Array[] = [];
    let total = 0;
    for (const line of this) {
      lines.push(line);
      total += line.byteLength;
      if (total >= enough) break;
    }
    return lines;
  }

  *[Symbol.iterator](): IterableIterator<Uint8Array> {
    for (let line = this.readline(); line.byteLength > 0; line = this.readline()) yield line;
  }
}

function limitOf(size: number | null | undefined): number {
  return size === undefined || size === null || size < 0 ? Number.POSITIVE_INFINITY : Math.trunc(size);
}

/** The input of every request without a body. */
export const emptyInput = new WsgiInput(noBody);
