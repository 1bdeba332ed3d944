import { EventEmitter } from 'node:events';
import { unlinkSync } from 'node:fs';
import { Server as HttpServer, type RequestListener, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Limits } from '../backends/backend.js';
import type { Exchange, Handler, Reporter } from '../exchange.js';
import { bareBase } from './base.js';
import type { NativeExchange } from './exchange.js';
import { addon } from './layout.js';
import { type ListenRequest, openListener, readListenArguments } from './listen.js';
import { createPairFactory } from './node-pair.js';
import { NativeServer } from './turn.js';

// node:http's Server over the native core: its API, its events, its defaults.

/** Node's defaults (documentation of http.createServer), in milliseconds and bytes. */
const defaults = {
  keepAliveTimeout: 5000,
  headersTimeout: 60_000,
  requestTimeout: 300_000,
  maxHeaderSize: 16_384,
} as const;

/** A Server in place of node:http's, of which it is an instance. */
export class Server extends bareBase<EventEmitter>(HttpServer.prototype) implements Handler {
  readonly interface = 'node';
  #native: NativeServer | undefined;
  #address: AddressInfo | string | null = null;
  #unlink: string | undefined;
  #opening = false;
  #limits: { -readonly [name in keyof typeof defaults]: number };
  #timeout = 0;
  #connectionsMax = 0;
  #refed = true;

  /** @param options Those of http.createServer that concern a server of ours; others are accepted. */
  constructor(options?: ServerOptions | RequestListener, listener?: RequestListener) {
    super();
    (EventEmitter as unknown as (this: object) => void).call(this);
    const given: ServerOptions = typeof options === 'object' && options !== null ? options : {};
    const onRequest = typeof options === 'function' ? options : listener;
    if (given.insecureHTTPParser === true) {
      throw Object.assign(
        new TypeError(
          'The option "insecureHTTPParser" is not supported: the native server parses strictly only',
        ),
        { code: 'ERR_INVALID_ARG_VALUE' },
      );
    }
    this.#limits = {
      keepAliveTimeout: given.keepAliveTimeout ?? defaults.keepAliveTimeout,
      headersTimeout: given.headersTimeout ?? defaults.headersTimeout,
      requestTimeout: given.requestTimeout ?? defaults.requestTimeout,
      maxHeaderSize: given.maxHeaderSize ?? defaults.maxHeaderSize,
    };
    if (onRequest !== undefined) this.on('request', onRequest);
  }

  // What the core calls.

  /** @internal */
  handle(exchange: Exchange): void {
    const native = exchange as NativeExchange;
    if (native.upgrade && this.#upgrade(native)) return;
    const { req, res } = native.node();
    if (native.expectsContinue && this.listenerCount('checkContinue') > 0)
      this.emit('checkContinue', req, res);
    else this.emit('request', req, res);
  }

  #upgrade(exchange: NativeExchange): boolean {
    const event = exchange.method === 'CONNECT' ? 'connect' : 'upgrade';
    if (this.listenerCount(event) === 0) {
      if (event === 'upgrade') return false;
      exchange.abort();
      return true;
    }
    const { req } = exchange.node();
    const taken = exchange.takeOver();
    if (taken === undefined) return false;
    Object.defineProperty(req, 'upgrade', { value: true, writable: true, configurable: true });
    Object.defineProperty(req, 'socket', { value: taken.socket, writable: true, configurable: true });
    this.emit(event, req, taken.socket, taken.head);
    return true;
  }

  // Listening.

  listen(...args: unknown[]): this {
    if (this.#native !== undefined || this.#opening) {
      throw Object.assign(new Error('Listen method has been called more than once without closing.'), {
        code: 'ERR_SERVER_ALREADY_LISTEN',
      });
    }
    const request = readListenArguments(args);
    if (request.callback !== undefined) this.once('listening', request.callback);
    if (request.signal?.aborted === true) {
      process.nextTick(() => this.close());
      return this;
    }
    request.signal?.addEventListener('abort', () => this.close(), { once: true });
    this.#opening = true;
    openListener(request, (error, fd) => {
      this.#opening = false;
      if (error === undefined) this.#start(request, fd);
      else process.nextTick(() => this.emit('error', error));
    });
    return this;
  }

  #start(request: ListenRequest, fd: number): void {
    const info = addon.inspect(fd);
    const about = typeof info === 'number' ? undefined : info;
    const family = about?.family === 'unix' ? 'unix' : about?.family === 'inet6' ? 'inet6' : 'inet';
    this.#unlink = request.path;
    this.#address =
      family === 'unix'
        ? (about?.path ?? '')
        : {
            address: about?.address ?? '',
            port: about?.port ?? 0,
            family: family === 'inet6' ? 'IPv6' : 'IPv4',
          };
    const display = typeof this.#address === 'string' ? this.#address : `port ${this.#address.port}`;
    this.#native = new NativeServer(
      [{ fd, family, display }],
      this,
      this.#toLimits(),
      reporter,
      createPairFactory(this),
    );
    if (!this.#refed) this.#native.unref();
    process.nextTick(() => {
      if (this.#native !== undefined) this.emit('listening');
    });
  }

  get listening(): boolean {
    return this.#native !== undefined;
  }

  address(): AddressInfo | string | null {
    return this.#native === undefined ? null : this.#address;
  }

  close(callback?: (error?: Error) => void): this {
    const native = this.#native;
    if (typeof callback === 'function') {
      if (native === undefined) {
        this.once('close', () => callback(notRunning()));
      } else {
        this.once('close', () => callback());
      }
    }
    if (native === undefined) {
      process.nextTick(() => this.emit('close'));
      return this;
    }
    this.#native = undefined;
    if (this.#unlink !== undefined) unlinkQuietly(this.#unlink);
    this.#closing = native;
    native.close(Number.POSITIVE_INFINITY).then(() => {
      this.#closing = undefined;
      this.emit('close');
    });
    return this;
  }

  #closing: NativeServer | undefined;

  closeAllConnections(): void {
    (this.#native ?? this.#closing)?.cutConnections();
  }

  closeIdleConnections(): void {
    this.#native?.closeIdle();
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    const count = (this.#native ?? this.#closing)?.stats().connections ?? 0;
    process.nextTick(callback, null, count);
    return this;
  }

  ref(): this {
    this.#refed = true;
    this.#native?.ref();
    return this;
  }

  unref(): this {
    this.#refed = false;
    this.#native?.unref();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening) return;
    await new Promise<void>((resolve, reject) => {
      this.close((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  // Limits. They hold for what begins after they are set.

  #toLimits(): Limits {
    return {
      keepAliveMs: this.#limits.keepAliveTimeout,
      headMs: this.#limits.headersTimeout,
      bodyMs: this.#limits.requestTimeout,
      writeMs: this.#timeout,
      headBytesMax: this.#limits.maxHeaderSize,
      bodyBytesMax: 0,
      connectionsMax: this.#connectionsMax,
      inFlightMax: 0,
      queuedMax: 0,
    };
  }

  #setLimit(name: keyof typeof defaults, value: number): void {
    this.#limits[name] = value;
    this.#native?.setLimits(this.#toLimits());
  }

  get keepAliveTimeout(): number {
    return this.#limits.keepAliveTimeout;
  }

  set keepAliveTimeout(ms: number) {
    this.#setLimit('keepAliveTimeout', ms);
  }

  get headersTimeout(): number {
    return this.#limits.headersTimeout;
  }

  set headersTimeout(ms: number) {
    this.#setLimit('headersTimeout', ms);
  }

  get requestTimeout(): number {
    return this.#limits.requestTimeout;
  }

  set requestTimeout(ms: number) {
    this.#setLimit('requestTimeout', ms);
  }

  get timeout(): number {
    return this.#timeout;
  }

  set timeout(ms: number) {
    this.#timeout = ms;
    this.#native?.setLimits(this.#toLimits());
  }

  get maxConnections(): number {
    return this.#connectionsMax;
  }

  set maxConnections(most: number) {
    this.#connectionsMax = most;
    this.#native?.setLimits(this.#toLimits());
  }

  setTimeout(ms?: number | (() => void), callback?: () => void): this {
    if (typeof ms === 'number') this.timeout = ms;
    const listener = typeof ms === 'function' ? ms : callback;
    if (listener !== undefined) this.on('timeout', listener);
    return this;
  }
}

const reporter: Reporter = {
  applicationError(error) {
    // A handler of node:http that throws is an uncaught error.
    process.nextTick(() => {
      throw error;
    });
  },
  warn(message) {
    process.emitWarning(message, 'ChaussetteWarning');
  },
};

function notRunning(): Error {
  return Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' });
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody was quicker.
  }
}
