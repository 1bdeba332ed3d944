import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { NativeExchange } from './exchange.js';

/** `req.socket` and `res.socket`: what middleware reads of a connection, and the few things that it does to one.
 *  The connection itself is the core's.
 *
 *  Lifetime: made when somebody asks for it; lasts as long as somebody holds it. */
export class NativeSocket extends EventEmitter {
  readonly #exchange: NativeExchange;
  readonly encrypted: boolean;
  readable = true;
  writable = true;
  destroyed = false;
  connecting = false;
  pending = false;
  timeout = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(exchange: NativeExchange) {
    super();
    this.#exchange = exchange;
    this.encrypted = exchange.scheme === 'https';
  }

  get remoteAddress(): string | undefined {
    return this.#exchange.remote.address || undefined;
  }

  get remotePort(): number | undefined {
    return this.#exchange.remote.port || undefined;
  }

  get remoteFamily(): string | undefined {
    return familyName(this.#exchange.remote.family);
  }

  get localAddress(): string | undefined {
    return this.#exchange.local.address || undefined;
  }

  get localPort(): number | undefined {
    return this.#exchange.local.port || undefined;
  }

  get localFamily(): string | undefined {
    return familyName(this.#exchange.local.family);
  }

  get readyState(): string {
    return this.destroyed ? 'closed' : 'open';
  }

  get bytesRead(): number {
    return 0;
  }

  get bytesWritten(): number {
    return 0;
  }

  address(): { address?: string; port?: number; family?: string } {
    const { address, port, family } = this.#exchange.local;
    return family === 'unix' ? {} : { address, port, family };
  }

  /** Cut the connection. @param error Emitted as 'error' when somebody listens. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.#exchange.abort();
    this.closed(error);
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }

  /** The connection is gone. */
  closed(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    clearTimeout(this.#timer);
    process.nextTick(() => {
      if (error !== undefined && this.listenerCount('error') > 0) this.emit('error', error);
      this.emit('close', error !== undefined);
    });
  }

  /** 'timeout' after so long, in milliseconds; 0 for never. The core has the deadlines that close connections. */
  setTimeout(ms: number, callback?: () => void): this {
    clearTimeout(this.#timer);
    this.timeout = ms;
    if (callback !== undefined) this.once('timeout', callback);
    if (ms > 0 && !this.destroyed) {
      this.#timer = setTimeout(() => this.emit('timeout'), ms);
      this.#timer.unref();
    }
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  cork(): void {}

  uncork(): void {}

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }
}

/** A socket of Node's own over a connection that the core has let go. node:net is loaded here, since it takes 4 ms of
 *  the start of servers that never need it.
 *  @param fd The socket's own from here on. */
export function openSocket(fd: number): Socket {
  const net = createRequire(import.meta.url)('node:net') as typeof import('node:net');
  return new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}

function familyName(family: string): string | undefined {
  return family === 'unix' ? undefined : family;
}
