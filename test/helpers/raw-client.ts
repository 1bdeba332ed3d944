import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { testAuthority } from './certificates.js';

/** How the server ended its side: not yet, with FIN, or with RST. */
export type ServerEnd = 'open' | 'fin' | 'reset';

/** Wait for `count` rounds of the event loop. A server in the same thread has polled its sockets at least
 *  `count - 1` times in between. */
export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** A client connection of raw bytes.
 *  Lifetime: from `open` until `destroy`; the received bytes stay readable after that. */
export class RawClient {
  serverEnd: ServerEnd = 'open';
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.localPort = socket.localPort ?? 0;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#notify();
    });
    socket.on('end', () => this.#ended('fin'));
    // Writing into a connection that the server has reset gives EPIPE; what came before it was read already.
    socket.on('error', () => this.#ended('reset'));
    socket.on('close', () => this.#ended('reset'));
  }

  /** @param secure Speak TLS, with a server whose certificate is one of the tests'.
   *  @returns Resolves when the connection is established; rejects when it is refused. */
  static open(port: number, secure = false): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const to = { port, host: '127.0.0.1', allowHalfOpen: true };
      const socket = secure
        ? connectTls({ ...to, ca: testAuthority().cert, servername: 'localhost' })
        : connect(to);
      socket.once('error', reject);
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** All that was received so far. */
  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks));
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** @returns Resolves when the kernel has the bytes, or at once when the server is gone. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }

  /** Send FIN; the other direction stays open. */
  finish(): void {
    this.#socket.end();
  }

  /** Wait for `condition`, which is asked again whenever something was received.
   *  @returns false when the server ended, or `deadlineMs` passed, before it came true. */
  async until(condition: () => boolean, deadlineMs: number): Promise<boolean> {
    const deadline = Date.now() + deadlineMs;
    while (!condition()) {
      const left = deadline - Date.now();
      if (this.serverEnd !== 'open' || left <= 0) return condition();
      await this.#change(left);
    }
    return true;
  }

  /** Let go of the socket. */
  destroy(): void {
    this.#socket.destroy();
  }

  #change(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#notify(), deadlineMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #ended(how: ServerEnd): void {
    if (this.serverEnd === 'open') this.serverEnd = how;
    this.#notify();
  }
}
