import { EventEmitter } from 'node:events';
import type { Endpoint } from '../exchange.js';
import { nowhere } from '../proxies/ends.js';
import { localEnd, remoteEnd } from './endpoints.js';
import { addon } from './layout.js';
import { invalidHandle, socketEncoding } from './node-errors.js';
import { addServerListeners } from './socket-inside.js';
import type { NativeServer } from './turn.js';

export const kConnection = Symbol('connection');
export const kServer = Symbol('server');
export const kMeasure = Symbol('measure');
/** The measures of a connection that has ended. */
export const kLast = Symbol('last');

// What the core tells of it: under symbols, since programs keep what they like on a socket.
export const kCarries = Symbol('carries');
export const kAnswered = Symbol('answered');
export const kFail = Symbol('fail');
export const kClosing = Symbol('closing');
export const kLeft = Symbol('left');
export const kBroke = Symbol('broke');
export const kToldAll = Symbol('toldAll');
export const kPeerEnded = Symbol('peerEnded');
export const kEnded = Symbol('ended');
export const kForget = Symbol('forget');

/** 'end' was emitted. */
export const kEndTold = Symbol('endTold');
/** 'finish' was emitted. */
export const kFinishTold = Symbol('finishTold');
/** Its side was ended, not cut. */
export const kSideEnded = Symbol('sideEnded');
/** What it was destroyed with. */
export const kError = Symbol('error');
/** The program has asked that it does not keep the process alive. */
export const kUnrefd = Symbol('unrefd');

/** How far the clock of the core may be behind ours, in milliseconds. */
export const clockMs = 10;
/** As addon.measureConnection gives it. */
export type Measure = readonly [bytesIn: number, bytesOut: number, idleMs: number, unsentBytes: number];
const nothing: Measure = [0, 0, 0, 0];

/** All that can be had of what the core has of a connection. */
class Handle {
  readonly #socket: SocketFacts;

  constructor(socket: SocketFacts) {
    this.#socket = socket;
  }

  get writeQueueSize(): number {
    return this.#socket.writableLength;
  }
}

/** What is known of a connection of the core, as net.Socket shows it. */
export class SocketFacts extends EventEmitter {
  readonly [kConnection]: number;
  readonly [kServer]: NativeServer;
  [kLast]: Measure | undefined;
  #remote: Endpoint | undefined;
  #handle: Handle | undefined;
  readable = true;
  writable = true;
  destroyed = false;
  connecting = false;
  [kEndTold] = false;
  [kFinishTold] = false;
  [kSideEnded] = false;
  [kError]: Error | null = null;
  [kUnrefd] = false;

  constructor(connection: number, server: NativeServer) {
    super();
    this[kConnection] = connection;
    this[kServer] = server;
    addServerListeners(this);
  }

  get server(): unknown {
    return this[kServer].dropIn?.server;
  }

  get _server(): unknown {
    return this.server;
  }

  get remoteAddress(): string | undefined {
    return this.#far.address || undefined;
  }

  get remotePort(): number | undefined {
    return this.#far.port || undefined;
  }

  get remoteFamily(): string | undefined {
    return familyName(this.#far.family);
  }

  /** Kept, since loggers ask for it when the connection has gone. */
  get #far(): Endpoint {
    this.#remote ??= remoteEnd(this[kConnection]);
    return this.#remote;
  }

  /** As with node:http not to be had when the connection has gone. */
  get #near(): Endpoint {
    return this.destroyed ? nowhere : localEnd(this[kConnection]);
  }

  get _peername(): object | undefined {
    if (this.#remote === undefined) return undefined;
    return { address: this.remoteAddress, family: this.remoteFamily, port: this.remotePort };
  }

  get localAddress(): string | undefined {
    return this.#near.address || undefined;
  }

  get localPort(): number | undefined {
    return this.#near.port || undefined;
  }

  get localFamily(): string | undefined {
    return familyName(this.#near.family);
  }

  /** Truthy while the connection is there. */
  get _handle(): object | null {
    if (this.destroyed) return null;
    this.#handle ??= new Handle(this);
    return this.#handle;
  }

  get _bytesDispatched(): number {
    return this.bytesWritten;
  }

  get pending(): boolean {
    return this.destroyed;
  }

  get readyState(): string {
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get closed(): boolean {
    return this.destroyed;
  }

  /** @internal The last response has left. */
  [kClosing](): void {
    this.writable = false;
    this[kSideEnded] = true;
  }

  get errored(): Error | null {
    return this[kError];
  }

  get writableEnded(): boolean {
    return this[kSideEnded];
  }

  get writableFinished(): boolean {
    return this[kFinishTold];
  }

  get readableEnded(): boolean {
    return this[kEndTold];
  }

  get readableFlowing(): boolean {
    return true;
  }

  get allowHalfOpen(): boolean {
    return true;
  }

  get writableHighWaterMark(): number {
    return this[kServer].highWaterMark;
  }

  get readableHighWaterMark(): number {
    return this[kServer].highWaterMark;
  }

  get writableLength(): number {
    return this[kMeasure]()[3];
  }

  get bufferSize(): number | undefined {
    return this.destroyed ? undefined : this.writableLength;
  }

  get writableNeedDrain(): boolean {
    return this.writable && this.writableLength > this.writableHighWaterMark;
  }

  get bytesRead(): number {
    return this[kMeasure]()[0];
  }

  get bytesWritten(): number {
    return this[kMeasure]()[1];
  }

  /** @internal */
  [kMeasure](): Measure {
    return this[kLast] ?? addon.measureConnection(this[kConnection]) ?? nothing;
  }

  setEncoding(): never {
    throw socketEncoding();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(enable?: unknown, initialDelayMs?: number): this {
    const { enable: on, initialDelay: ms } =
      typeof enable === 'object' && enable !== null
        ? (enable as { enable?: unknown; initialDelay?: number })
        : { enable, initialDelay: initialDelayMs };
    addon.keepAliveConnection(this[kConnection], Boolean(on), Math.trunc((ms ?? 0) / 1000) || 0);
    return this;
  }

  ref(): this {
    this[kUnrefd] = false;
    addon.refConnection(this[kConnection], true);
    return this;
  }

  /** As net.Socket's: this connection does not keep the process alive. */
  unref(): this {
    this[kUnrefd] = true;
    addon.refConnection(this[kConnection], false);
    return this;
  }

  /** Cut the connection with RST. @throws {TypeError} ERR_INVALID_HANDLE_TYPE where there is none: TLS, Unix sockets. */
  resetAndDestroy(): this {
    const socket = this as this & { readonly encrypted?: boolean; destroy(): void };
    if (!this.destroyed) {
      if (socket.encrypted === true || this.#near.family === 'unix') throw invalidHandle();
      addon.resetConnection(this[kConnection]);
    }
    socket.destroy();
    return this;
  }

  resume(): this {
    return this;
  }

  read(): null {
    return null;
  }

  cork(): void {}

  uncork(): void {}

  address(): { address?: string; port?: number; family?: string } {
    const { address, port, family } = this.#near;
    return family === 'unix' || address === '' ? {} : { address, family, port };
  }
}

function familyName(family: string): string | undefined {
  return family === 'unix' ? undefined : family;
}
