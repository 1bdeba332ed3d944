import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { defineValues } from './base.js';
import { exchanges, type NativeExchange } from './exchange.js';
import { addon } from './layout.js';
import { socketEncoding } from './node-errors.js';
import { kConnection, kLast, kMeasure, kServer, SocketFacts } from './socket-facts.js';
import type { NativeServer } from './turn.js';

/** Those that somebody has asked for, by the number of their connection. */
const sockets = new Map<number, NativeSocket>();

/** The socket of the connection of an exchange: one for all exchanges of it. */
export function socketOf(exchange: NativeExchange): NativeSocket {
  let socket = sockets.get(exchange.connection);
  if (socket === undefined) {
    becomeSocket();
    const { connection, server } = exchange;
    socket = new (server.SecureSocket ?? NativeSocket)(connection, server);
    if (exchange.live) exchange.watchEnd();
    if (exchange.live || addon.watchConnection(exchange.connection)) {
      sockets.set(exchange.connection, socket);
    }
    if (exchange.aborted) socket.left();
  }
  socket.carries(exchange);
  return socket;
}

/** The socket of a connection of which the core has told.
 *  @param connection Its number. */
export function socketAt(connection: number, server: NativeServer): NativeSocket {
  let socket = sockets.get(connection);
  if (socket === undefined) {
    becomeSocket();
    socket = new (server.SecureSocket ?? NativeSocket)(connection, server);
    if (addon.watchConnection(connection)) sockets.set(connection, socket);
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
  Object.setPrototypeOf(SocketFacts.prototype, Socket.prototype);
  defineValues(NativeSocket.prototype, { constructor: Socket });
}

/** node:http is loaded by now in all but servers that have no use for sockets. */
function reasonOf(status: number): string {
  const { STATUS_CODES } = createRequire(import.meta.url)('node:http') as typeof import('node:http');
  return STATUS_CODES[status] ?? '';
}

function loadNet(): typeof import('node:net') {
  return createRequire(import.meta.url)('node:net') as typeof import('node:net');
}

/** @internal The core tells that a connection has ended. */
export function connectionClosed(connection: number): void {
  const socket = sockets.get(connection);
  socket?.ended();
  sockets.delete(connection);
}

/** @internal What was received on a connection that is read by somebody. */
export function connectionRead(connection: number, bytes: Buffer): void {
  sockets.get(connection)?.emit('data', bytes);
}

/** A socket of Node's own over a connection that the core has let go. One that the application has already becomes it.
 *  node:net is loaded here, since it takes 4 ms of the start of servers that never need it.
 *  @param connection The number that it had. @param fd The socket's own from here on. */
export function openSocket(connection: number, fd: number): Socket {
  const options = { fd, readable: true, writable: true, allowHalfOpen: true };
  const known = sockets.get(connection);
  const net = loadNet();
  if (known === undefined) return new net.Socket(options);
  sockets.delete(connection);
  const { timeout } = known;
  known.forget();
  for (const name of ownFields) Reflect.deleteProperty(known, name);
  const socket = Object.setPrototypeOf(known, net.Socket.prototype) as Socket;
  (net.Socket as unknown as (this: Socket, given: object) => void).call(socket, options);
  if (timeout > 0) socket.setTimeout(timeout);
  return socket;
}

/** What Node keeps elsewhere. */
const ownFields = ['readable', 'writable', 'destroyed', 'connecting', 'pending', 'timeout', 'encrypted'];

/** `req.socket`, `res.socket`, and what 'connection' brings: what middleware reads of a connection, and the few things
 *  that it does to one. The connection itself is the core's. An application that reads or pauses a connection before
 *  its first request gets it whole: then this object becomes a socket of node:net.
 *
 *  Lifetime: made when somebody asks for it; the core tells when its connection ends. */
export class NativeSocket extends SocketFacts {
  /** Those that were handed out with it and are not answered, in their order. */
  readonly #exchanges: NativeExchange[] = [];
  #used = false;
  #timer: NodeJS.Timeout | undefined;
  #timerSet = 0;
  #failed = false;
  #told = false;
  /** 'end' and 'close' are still to come. */
  #left = false;
  timeout = 0;

  /** @internal A request has come on it. */
  carries(exchange: NativeExchange): void {
    this.#used = true;
    if (this.#front === undefined || !this.#exchanges.includes(exchange)) this.#exchanges.push(exchange);
  }

  /** @internal Those that are answered are not held here while the connection waits for another request. */
  answered(): void {
    while (this.#exchanges[0]?.ended === true) this.#exchanges.shift();
  }

  get #front(): NativeExchange | undefined {
    this.answered();
    return this.#exchanges[0];
  }

  // Who reads it.

  override on(event: string, listener: (...args: unknown[]) => void): this {
    if ((event === 'data' || event === 'readable') && this.#detach()) return this.on(event, listener);
    if (event === 'data') addon.tapConnection(this[kConnection]);
    return EventEmitter.prototype.on.call(this, event, listener) as this;
  }

  override addListener(event: string, listener: (...args: unknown[]) => void): this {
    return this.on(event, listener);
  }

  override prependListener(event: string, listener: (...args: unknown[]) => void): this {
    if ((event === 'data' || event === 'readable') && this.#detach())
      return this.prependListener(event, listener);
    if (event === 'data') addon.tapConnection(this[kConnection]);
    return EventEmitter.prototype.prependListener.call(this, event, listener) as this;
  }

  pipe(...args: unknown[]): unknown {
    return this.#detach() ? (this as unknown as NativeSocket).pipe(...args) : args[0];
  }

  push(...args: unknown[]): boolean {
    return this.#detach() && (this as unknown as NativeSocket).push(...args);
  }

  unshift(...args: unknown[]): void {
    if (this.#detach()) (this as unknown as NativeSocket).unshift(...args);
  }

  pause(): this {
    return this.#detach() ? this.pause() : this;
  }

  resume(): this {
    return this;
  }

  read(): null {
    return null;
  }

  /** Take the connection out of the core, while nothing was received on it: then this object is a socket of node:net,
   *  and node:http serves it. @returns Whether it is. */
  #detach(): boolean {
    if (this.#used || this.destroyed) return false;
    const fd = addon.releaseConnection(this[kConnection]);
    if (fd < 0) return false;
    this[kServer].dropIn?.adopt(openSocket(this[kConnection], fd));
    return true;
  }

  /** An error makes an end of it, as with node:http: 'clientError', else 400. */
  override emit(event: string, ...args: unknown[]): boolean {
    if (event === 'error' && !this.#failed) {
      this.#failed = true;
      this.fail(args[0] as Error, 400);
    }
    if (event === 'error' && this.listenerCount('error') === 0) return false;
    return EventEmitter.prototype.emit.call(this, event, ...args);
  }

  /** @internal The connection cannot go on as HTTP. @param status To answer when nobody listens for 'clientError'. */
  fail(error: Error, status: number): void {
    const isTold = this.#failed;
    this.#failed = true;
    if (this[kServer].dropIn?.server.emit('clientError', error, this) === true) return;
    if (this.writable && !this.#isAnswering) {
      this.write(`HTTP/1.1 ${status} ${reasonOf(status)}\r\nConnection: close\r\n\r\n`);
    }
    this.end();
    this.#end(isTold ? undefined : error, true);
  }

  /** A response has begun and not ended: nothing may come between. */
  get #isAnswering(): boolean {
    const connection = this[kConnection];
    return exchanges.some((each) => each?.connection === connection && each.headSent && !each.ended);
  }

  // What is known of it.

  get server(): unknown {
    return this[kServer].dropIn?.server;
  }

  get _httpMessage(): unknown {
    return this.#front?.node().res ?? null;
  }

  // Writing and the end.

  /** Bytes for the client, past the responses. @returns Whether more may be written at once. */
  write(chunk: string | Uint8Array, encoding?: unknown, callback?: () => void): boolean {
    if (!this.writable) return false;
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : chunk;
    if (bytes.length > 0) addon.writeConnection(this[kConnection], bytes);
    const written = typeof encoding === 'function' ? (encoding as () => void) : callback;
    if (written !== undefined) process.nextTick(written);
    return true;
  }

  /** Close the connection when what is written is sent. */
  end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    const last = [chunk, encoding, callback].find((each) => typeof each === 'function');
    if (last !== undefined) this.once('finish', last as () => void);
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.write(chunk, encoding);
    if (!this.writable) return this;
    this.writable = false;
    addon.endConnection(this[kConnection], false);
    process.nextTick(() => this.emit('finish'));
    return this;
  }

  /** Cut the connection. @param error Emitted as 'error'. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    const front = this.#front;
    if (front?.inThisTick === true) front.cut();
    addon.endConnection(this[kConnection], true);
    this.#end(error);
    return this;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroySoon(): void {
    this.end();
  }

  /** @internal The client has left, and the request is about to be told; the events come when the connection is gone. */
  left(): void {
    if (this.destroyed) return;
    this.#left = true;
    this.#gone();
  }

  /** @internal The connection is gone. */
  ended(): void {
    if (this.destroyed && !this.#left) return;
    process.nextTick(() => this.emit('end'));
    this.#gone();
    this.#left = false;
    process.nextTick(() => this.emit('close', false));
  }

  /** @internal Nothing of ours holds it any more. */
  forget(): void {
    clearTimeout(this.#timer);
  }

  #gone(): void {
    this[kLast] = this[kMeasure]();
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    clearTimeout(this.#timer);
  }

  /** @param atOnce Before the records that come behind this one, of the requests. */
  #end(error: Error | undefined, atOnce = false): void {
    if (this.destroyed && !this.#left) return;
    this.#left = false;
    this.#gone();
    if (error !== undefined && !atOnce) process.nextTick(() => this.emit('error', error));
    // Not before the requests have been told of it.
    setImmediate(() => this.emit('close', error !== undefined));
    if (error !== undefined && atOnce) this.emit('error', error);
  }

  // Time-outs.

  /** 'timeout' when nothing came or went for so long, in milliseconds; 0 for never. The core has the deadlines that
   *  close connections. */
  setTimeout(ms: number, callback?: () => void): this {
    this.timeout = ms;
    this.#told = false;
    if (callback !== undefined) {
      if (ms === 0) this.removeListener('timeout', callback);
      else this.once('timeout', callback);
    }
    this.#timerSet = performance.now();
    this.#wait(ms);
    return this;
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    if (ms > 0 && !this.destroyed) this.#timer = setTimeout(() => this.#judge(), ms).unref();
  }

  /** The core knows when bytes last came or went: nothing is done for each of them here. */
  #judge(): void {
    const now = performance.now();
    const since = now - this.#timerSet;
    const [, , idle, unsent] = this[kMeasure]();
    const quiet = Math.min(idle, since);
    if (quiet < this.timeout - clockMs) return this.#wait(this.timeout - quiet);
    this.#timerSet = now;
    this.#wait(this.timeout);
    // Between two requests the keep-alive deadline holds, which is the core's.
    const between = this.#used && this.#front === undefined && unsent === 0;
    const hasDeadline = this[kServer].dropIn?.settings.keepAliveTimeout !== 0;
    if ((between && hasDeadline) || (this.#told && idle >= since)) return;
    this.#told = true;
    this.timedOut();
  }

  /** @internal As node:http: the request, the response and the server are told; when none of them listens, it is cut. */
  timedOut(): void {
    const pair = this.#front?.node();
    this.emit('timeout');
    const told = [
      pair !== undefined && !pair.req.complete && pair.req.emit('timeout', this),
      pair?.res.emit('timeout', this) === true,
      this[kServer].dropIn?.server.emit('timeout', this) === true,
    ];
    if (!told.includes(true)) this.destroy();
  }

  setEncoding(): never {
    throw socketEncoding();
  }

  setKeepAlive(enable?: unknown, initialDelayMs?: number): this {
    const { enable: on, initialDelay: ms } =
      typeof enable === 'object' && enable !== null
        ? (enable as { enable?: unknown; initialDelay?: number })
        : { enable, initialDelay: initialDelayMs };
    addon.keepAliveConnection(this[kConnection], Boolean(on), Math.trunc((ms ?? 0) / 1000) || 0);
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
}

/** How far the clock of the core may be behind ours, in milliseconds. */
const clockMs = 10;
