import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { defineValues } from './base.js';
import type { NativeExchange } from './exchange.js';
import { addon } from './layout.js';
import { socketEncoding } from './node-errors.js';

/** Those that somebody has asked for, by the number of their connection. */
const sockets = new Map<number, NativeSocket>();

/** The socket of the connection of an exchange: one for all exchanges of it. */
export function socketOf(exchange: NativeExchange): NativeSocket {
  let socket = sockets.get(exchange.connection);
  if (socket === undefined) {
    becomeSocket();
    socket = new NativeSocket(exchange);
    if (exchange.live) {
      sockets.set(exchange.connection, socket);
      exchange.watchEnd();
    }
  } else {
    socket.carries(exchange);
  }
  return socket;
}

let isSocket = false;

/** Make ours instances of net.Socket. Not when this file is loaded: node:net takes 4 ms of the start of servers that
 *  never need it. */
function becomeSocket(): void {
  if (isSocket) return;
  isSocket = true;
  const { Socket } = loadNet();
  Object.setPrototypeOf(NativeSocket.prototype, Socket.prototype);
  defineValues(NativeSocket.prototype, { constructor: Socket });
}

function loadNet(): typeof import('node:net') {
  return createRequire(import.meta.url)('node:net') as typeof import('node:net');
}

/** @internal The core tells that a connection has ended. */
export function connectionClosed(connection: number): void {
  const socket = sockets.get(connection);
  sockets.delete(connection);
  socket?.ended();
}

/** `req.socket` and `res.socket`: what middleware reads of a connection, and the few things that it does to one.
 *  The connection itself is the core's.
 *
 *  Lifetime: made when somebody asks for it; the core tells when its connection ends. */
export class NativeSocket extends EventEmitter {
  #exchange: NativeExchange;
  readonly #connection: number;
  readonly encrypted: boolean;
  readable = true;
  writable = true;
  destroyed = false;
  connecting = false;
  pending = false;
  timeout = 0;
  readonly writableHighWaterMark = 64 * 1024;
  readonly writableLength = 0;
  readonly allowHalfOpen = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(exchange: NativeExchange) {
    super();
    this.#exchange = exchange;
    this.#connection = exchange.connection;
    this.encrypted = exchange.scheme === 'https';
  }

  /** @internal Another request has come on the same connection. */
  carries(exchange: NativeExchange): void {
    this.#exchange = exchange;
    this.#timer?.refresh();
  }

  override on(event: string, listener: (...args: unknown[]) => void): this {
    return EventEmitter.prototype.on.call(this, event, listener) as this;
  }

  override addListener(event: string, listener: (...args: unknown[]) => void): this {
    return this.on(event, listener);
  }

  get server(): unknown {
    return this.#exchange.server.dropIn?.server;
  }

  get _httpMessage(): unknown {
    return this.#exchange.ended ? null : this.#exchange.node().res;
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

  get writableEnded(): boolean {
    return !this.writable;
  }

  get readableEnded(): boolean {
    return !this.readable;
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

  /** Bytes for the client, past the responses. @returns Whether more may be written at once. */
  write(chunk: string | Uint8Array, encoding?: unknown, callback?: () => void): boolean {
    if (!this.writable) return false;
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : chunk;
    if (bytes.length > 0) addon.writeConnection(this.#connection, bytes);
    this.#timer?.refresh();
    const written = typeof encoding === 'function' ? (encoding as () => void) : callback;
    if (written !== undefined) process.nextTick(written);
    return true;
  }

  /** Close the connection when what is written is sent. */
  end(chunk?: unknown, encoding?: unknown, callback?: () => void): this {
    const last = [chunk, encoding, callback].find((each) => typeof each === 'function');
    if (last !== undefined) this.once('finish', last as () => void);
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.write(chunk, encoding);
    if (!this.writable) return this;
    this.writable = false;
    addon.endConnection(this.#connection, false);
    process.nextTick(() => this.emit('finish'));
    return this;
  }

  /** Cut the connection. @param error Emitted as 'error' when somebody listens. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    if (this.#exchange.ended) addon.endConnection(this.#connection, true);
    else this.#exchange.abort();
    this.#end(error);
    return this;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroySoon(): void {
    this.end();
  }

  /** @internal The connection is gone. */
  ended(): void {
    this.#end(undefined);
  }

  #end(error: Error | undefined): void {
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
    this.#timer = undefined;
    this.timeout = ms;
    if (callback !== undefined) {
      if (ms === 0) this.removeListener('timeout', callback);
      else this.once('timeout', callback);
    }
    if (ms > 0 && !this.destroyed) {
      this.#timer = setTimeout(() => this.#timedOut(), ms);
      this.#timer.unref();
    }
    return this;
  }

  /** As node:http: the request, the response and the server are told; when none of them listens, it is cut. */
  #timedOut(): void {
    const exchange = this.#exchange;
    const open = !exchange.ended;
    const pair = open ? exchange.node() : undefined;
    this.emit('timeout');
    const told = [
      pair !== undefined && !pair.req.complete && pair.req.emit('timeout', this),
      pair?.res.emit('timeout', this) === true,
      exchange.server.dropIn?.server.emit('timeout', this) === true,
    ];
    if (!told.includes(true)) this.destroy();
  }

  setEncoding(): never {
    throw socketEncoding();
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
  const net = loadNet();
  return new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}

function familyName(family: string): string | undefined {
  return family === 'unix' ? undefined : family;
}
