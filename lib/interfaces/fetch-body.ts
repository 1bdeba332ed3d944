import { createRequire } from 'node:module';
import { ChaussetteError } from '../errors.js';
import type { BodySink, Exchange } from '../exchange.js';

const empty = new Uint8Array(0);

/** Read the whole body of a request. @throws {Error} when the client leaves first. */
export function collectBody(exchange: Exchange): Promise<Uint8Array> {
  if (!exchange.hasBody) return Promise.resolve(empty);
  return new Promise((resolve, reject) => {
    exchange.readBody(new Collector(resolve, reject));
  });
}

class Collector implements BodySink {
  readonly #chunks: Uint8Array[] = [];
  readonly #resolve: (bytes: Uint8Array) => void;
  readonly #reject: (error: Error) => void;

  constructor(resolve: (bytes: Uint8Array) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  data(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    return true;
  }

  end(): void {
    const [first = empty, second] = this.#chunks;
    this.#resolve(second === undefined ? first : Buffer.concat(this.#chunks));
  }

  error(error: Error): void {
    this.#reject(error);
  }
}

/** The body of a request as a stream, read as fast as somebody reads it. */
export function streamBody(exchange: Exchange): ReadableStream<Uint8Array> {
  return new ReadableStream(new BodySource(exchange), { highWaterMark: 0 });
}

type Controller = ReadableStreamDefaultController<Uint8Array>;

class BodySource implements BodySink {
  readonly #exchange: Exchange;
  #controller: Controller | undefined;
  #done = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  pull(controller: Controller): void {
    const first = this.#controller === undefined;
    this.#controller = controller;
    if (first) this.#exchange.readBody(this);
    else this.#exchange.resumeBody();
  }

  /** What is left is the backend's to throw away. */
  cancel(): void {
    this.#done = true;
    this.#exchange.discardBody();
  }

  data(chunk: Uint8Array): boolean {
    if (this.#done) return true;
    this.#controller?.enqueue(chunk);
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  end(): void {
    if (this.#done) return;
    this.#done = true;
    this.#controller?.close();
  }

  error(error: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#controller?.error(error);
  }
}

let nodeStream: typeof import('node:stream') | undefined;

/** Whether somebody has read or cancelled a stream. node:stream is loaded here, since few ask. */
export function isDisturbed(stream: ReadableStream): boolean {
  nodeStream ??= createRequire(import.meta.url)('node:stream') as typeof import('node:stream');
  return nodeStream.Readable.isDisturbed(stream as unknown as import('node:stream').Readable);
}

/** UTF-8 decode, as `text()` does it: without the byte order mark. */
export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf ? 3 : 0;
  return buffer.toString('utf8', start);
}

/** Bytes with an ArrayBuffer of their own. */
export function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

/** The error of a second reader. */
export function bodyUsedError(): TypeError {
  const cause = new ChaussetteError('CHAUSSETTE_ERR_BODY', 'the body was read already');
  return new TypeError('the body was read already: keep what the first reader got, or clone() before', {
    cause,
  });
}
