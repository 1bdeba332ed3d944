import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ParsedResponse, parseResponses } from './response-parser.js';

/** Longest wait for something that is expected: a test that reaches it has failed. */
export const waitMs = 60_000;

/** Wait for something that nobody announces, such as a counter: it is looked at after each round of the loop.
 *  @throws naming `what` when that takes too long. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + waitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${waitMs} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A promise that fails, with the name of what was waited for, instead of hanging.
 *  @param what Or what to say when the time is over. */
export async function within<T>(what: string | (() => string), promise: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not within ${waitMs} ms: ${typeof what === 'string' ? what : what()}`));
    }, waitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface ClientOptions {
  /** Take nothing from the kernel until `read()`. */
  readonly paused?: boolean;
  /** Keep only the number and the hash of what comes. */
  readonly hash?: boolean;
}

/** A client of raw bytes that can misbehave: reset, stop reading, shut down its side. */
export class Client {
  readonly socket: Socket;
  /** How the server ended its side. */
  ended: 'open' | 'fin' | 'reset' = 'open';
  bytes = 0;
  readonly #chunks: Buffer[] = [];
  readonly #hash: Hash | undefined;
  #wake: () => void = () => {};

  private constructor(socket: Socket, options: ClientOptions) {
    this.socket = socket;
    this.#hash = options.hash ? createHash('sha256') : undefined;
    socket.on('end', () => this.#end('fin'));
    socket.on('error', () => this.#end('reset'));
    socket.on('close', () => this.#end('reset'));
    if (options.paused !== true) this.read();
  }

  /** It is destroyed after the test. */
  static async open(t: TestContext, port: number, options: ClientOptions = {}): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    await within('the connection', once(socket, 'connect'));
    t.after(() => socket.destroy());
    return new Client(socket, options);
  }

  read(): void {
    if (this.socket.listenerCount('data') > 0) {
      this.socket.resume();
      return;
    }
    this.socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.#hash === undefined) this.#chunks.push(chunk);
      else this.#hash.update(chunk);
      this.#wake();
    });
  }

  pause(): void {
    this.socket.pause();
  }

  /** @returns Resolves when the kernel has the bytes, or the connection is gone. */
  write(bytes: string | Uint8Array): Promise<void> {
    if (this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.socket.write(bytes, () => resolve());
    });
  }

  /** FIN; the other direction stays open. */
  finish(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks));
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  /** Of all that came; once. */
  digest(): string {
    return this.#hash?.digest('hex') ?? '';
  }

  /** Wait for `condition`, looked at whenever something came. @throws when the server ends or time runs out. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const end = performance.now() + waitMs;
    while (!condition()) {
      const left = end - performance.now();
      if (this.ended !== 'open' || left <= 0) {
        const how = left <= 0 ? `not within ${waitMs} ms` : `the server ended (${this.ended})`;
        throw new Error(`${what}: ${how} after ${JSON.stringify(this.text.slice(0, 300))}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  has(text: string): Promise<void> {
    return this.until(`a client waits for ${JSON.stringify(text)}`, () => this.text.includes(text));
  }

  /** The end of the server's side. */
  end(): Promise<void> {
    return this.until('the end of the connection', () => this.ended !== 'open');
  }

  /** Responses as far as they are complete, interim ones too. @throws when they are not HTTP. */
  get responses(): readonly ParsedResponse[] {
    const { responses, problem } = parseResponses(this.received, [], this.ended !== 'open');
    if (problem !== undefined) throw new Error(`not HTTP: ${problem}`);
    return responses;
  }

  /** The response at `index`, when it is complete, or truncated by the end. */
  async response(index = 0): Promise<ParsedResponse> {
    await this.until(`response ${index}`, () => this.responses.length > index || this.ended !== 'open');
    const response = this.responses[index];
    if (response === undefined) throw new Error(`no response ${index}: the server ended (${this.ended})`);
    return response;
  }

  #end(how: 'fin' | 'reset'): void {
    if (this.ended === 'open') this.ended = how;
    this.#wake();
  }
}

/** A request as bytes. @param fields With CRLF behind each. */
export function get(path = '/', fields = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
}

/** The head of a POST with a Content-Length, and what comes of its body. */
export function post(path: string, length: number, body = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

/** Bytes without a pattern that a shift would hide. */
export function noise(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = 0x9e3779b9;
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 255;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
