import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';
import type { Endpoint } from '../exchange.js';
import { defineValues } from './base.js';
import type { RequestBody } from './body.js';
import { addon } from './layout.js';
import type { Measure } from './socket-facts.js';
import { addTlsFacts } from './tls-facts.js';

/** A connection that speaks another protocol through the core, since its bytes are encrypted there: what
 *  `Exchange.takeOver` gives in place of a socket of Node's own. `end()` closes both ways: what the client still sends
 *  is thrown away.
 *
 *  Lifetime: from takeOver until the connection has closed. */
export class TunnelSocket extends Duplex {
  readonly encrypted = true;
  /** @internal Its number. */
  readonly tlsConnection: number;
  /** @internal What the client sends. */
  readonly body: RequestBody;
  readonly #remote: Endpoint;
  readonly #local: Endpoint;
  #reading = false;
  #afterDrain: ((error?: Error) => void) | undefined;
  #ending = false;
  #gone = false;
  #timer: NodeJS.Timeout | undefined;
  #timeoutMs = 0;
  #last: Measure = [0, 0, 0, 0];

  /** @param connection Its number. @param body What the client sends. */
  constructor(connection: number, body: RequestBody, remote: Endpoint, local: Endpoint) {
    becomeTlsSocket();
    super({ allowHalfOpen: true });
    this.tlsConnection = connection;
    this.body = body;
    this.#remote = remote;
    this.#local = local;
  }

  get remoteAddress(): string | undefined {
    return this.#remote.address || undefined;
  }

  get remotePort(): number | undefined {
    return this.#remote.port || undefined;
  }

  get remoteFamily(): string | undefined {
    return this.#remote.family === 'unix' ? undefined : this.#remote.family;
  }

  get localAddress(): string | undefined {
    return this.#local.address || undefined;
  }

  get localPort(): number | undefined {
    return this.#local.port || undefined;
  }

  get localFamily(): string | undefined {
    return this.#local.family === 'unix' ? undefined : this.#local.family;
  }

  address(): { address?: string; port?: number; family?: string } {
    const { address, port, family } = this.#local;
    return family === 'unix' ? {} : { address, family, port };
  }

  get connecting(): boolean {
    return false;
  }

  get pending(): boolean {
    return this.destroyed;
  }

  get bytesRead(): number {
    return this.#measure()[0];
  }

  get bytesWritten(): number {
    return this.#measure()[1];
  }

  get bufferSize(): number | undefined {
    return this.destroyed ? undefined : this.writableLength;
  }

  #measure(): Measure {
    this.#last = addon.measureConnection(this.tlsConnection) ?? this.#last;
    return this.#last;
  }

  get timeout(): number {
    return this.#timeoutMs;
  }

  override _read(): void {
    if (this.#reading) {
      this.body.resume();
      return;
    }
    this.#reading = true;
    this.body.read({
      data: (chunk) => {
        this.#restartTimer();
        return this.push(chunk);
      },
      end: () => this.push(null),
      error: () => this.gone(),
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#restartTimer();
    if (addon.writeConnection(this.tlsConnection, chunk)) callback();
    else this.#afterDrain = callback;
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#ending = true;
    addon.endConnection(this.tlsConnection, false);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#measure();
    if (!this.#gone) addon.endConnection(this.tlsConnection, true);
    callback(error);
  }

  /** @internal The client has taken what was written. */
  drained(): void {
    const callback = this.#afterDrain;
    this.#afterDrain = undefined;
    callback?.();
  }

  /** @internal The connection has closed. */
  gone(): void {
    if (this.#gone) return;
    this.#measure();
    this.#gone = true;
    if (this.#ending || this.readableEnded) this.destroy();
    else this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }));
  }

  /** 'timeout' after so long, in milliseconds, without a byte either way; 0 for never. */
  setTimeout(ms: number, callback?: () => void): this {
    this.#timeoutMs = ms;
    if (callback !== undefined) {
      if (ms === 0) this.removeListener('timeout', callback);
      else this.once('timeout', callback);
    }
    this.#restartTimer();
    return this;
  }

  #restartTimer(): void {
    if (this.#timer === undefined && this.#timeoutMs === 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#timeoutMs === 0 || this.destroyed) return;
    this.#timer = setTimeout(() => this.emit('timeout'), this.#timeoutMs);
    this.#timer.unref();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    addon.refConnection(this.tlsConnection, true);
    return this;
  }

  unref(): this {
    addon.refConnection(this.tlsConnection, false);
    return this;
  }
}

addTlsFacts(TunnelSocket.prototype);

let isTlsSocket = false;

/** Make ours instances of tls.TLSSocket, when there is a first one. Between the two stand the members of a Duplex that
 *  net.Socket replaces with its own. */
function becomeTlsSocket(): void {
  if (isTlsSocket) return;
  isTlsSocket = true;
  const { TLSSocket } = createRequire(import.meta.url)('node:tls') as typeof import('node:tls');
  const streams = Object.create(TLSSocket.prototype) as object;
  for (const name of Reflect.ownKeys(Object.getPrototypeOf(TLSSocket.prototype) as object)) {
    const member = memberOf(Duplex.prototype, name);
    if (member !== undefined) Object.defineProperty(streams, name, member);
  }
  Object.setPrototypeOf(TunnelSocket.prototype, streams);
  defineValues(TunnelSocket.prototype, { constructor: TLSSocket });
}

function memberOf(prototype: object | null, name: PropertyKey): PropertyDescriptor | undefined {
  if (prototype === null || prototype === Object.prototype) return undefined;
  return Object.getOwnPropertyDescriptor(prototype, name) ?? memberOf(Object.getPrototypeOf(prototype), name);
}
