import { EventEmitter } from 'node:events';
import { keepOwn } from './base.js';
import { hearTimeouts } from './drop-in.js';
import type { NativeExchange } from './exchange.js';
import { addon, endAnswered, endBroken, endByPeer } from './layout.js';
import { connectionReset, destroyed, writeAfterEnd } from './node-errors.js';
import { sendBeforeEnd } from './sent.js';
import { isAnswering, keepsHalf, loseConnection, refusal } from './socket-end.js';
import {
  clockMs,
  kAnswered,
  kBroke,
  kCarries,
  kConnection,
  kEnded,
  kEndTold,
  kError,
  kFail,
  kFinishTold,
  kForget,
  kLast,
  kLeft,
  kMeasure,
  kPeerEnded,
  kServer,
  kSideEnded,
  kToldAll,
  SocketFacts,
} from './socket-facts.js';
import { kFront, responseLast } from './socket-inside.js';
import { SocketParser } from './socket-parser.js';
import { openSocket } from './sockets.js';
import { afterImmediates } from './tick.js';

type Written = (error: Error | null) => void;

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
  /** How many bytes had come and gone when 'timeout' was told. */
  #told = -1;
  #closeTold = false;
  /** 'end' and 'close' are still to come. */
  #left = false;
  #parser: SocketParser | undefined;
  [kFront]: { closed(): void } | undefined;
  timeout: number | undefined;

  /** @internal A request has come on it. */
  [kCarries](exchange: NativeExchange): void {
    this.#used = true;
    responseLast(this);
    if (this.#front === undefined || !this.#exchanges.includes(exchange)) this.#exchanges.push(exchange);
  }

  /** @internal Those that are answered are not held here while the connection waits for another request. */
  [kAnswered](): void {
    while (this.#exchanges[0]?.ended === true) this.#exchanges.shift();
  }

  get #front(): NativeExchange | undefined {
    this[kAnswered]();
    return this.#exchanges[0];
  }

  override on(event: string, listener: (...args: unknown[]) => void): this {
    return this.#listen('on', event, listener);
  }

  override addListener(event: string, listener: (...args: unknown[]) => void): this {
    return this.on(event, listener);
  }

  override prependListener(event: string, listener: (...args: unknown[]) => void): this {
    return this.#listen('prependListener', event, listener);
  }

  #listen(how: 'on' | 'prependListener', event: string, listener: (...args: unknown[]) => void): this {
    if ((event === 'data' || event === 'readable') && this.#detach()) return this[how](event, listener);
    this.#heard(event);
    return EventEmitter.prototype[how].call(this, event, listener) as this;
  }

  #heard(event: string): void {
    if (event === 'data') addon.tapConnection(this[kConnection]);
    if (event === 'timeout') hearTimeouts(this[kServer].dropIn);
    const front = event === 'pause' ? this.#front?.node() : undefined;
    if (front !== undefined) process.nextTick(() => front.peek());
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

  /** Take the connection out of the core, while nothing was received on it: then this object is a socket of node:net,
   *  and node:http serves it. @returns Whether it is. */
  #detach(): boolean {
    if (this.#used || this.destroyed) return false;
    const fd = addon.releaseConnection(this[kConnection]);
    if (fd < 0) return false;
    this[kServer].dropIn?.adopt(openSocket(this[kConnection], fd));
    return true;
  }

  /** What node:http's own listeners do comes first, also when the program emits: an error makes an end of it by
   *  'clientError' or 400. */
  override emit(event: string, ...args: unknown[]): boolean {
    if (event === 'error' && !this.#failed) {
      this.#failed = true;
      this[kFail](args[0] as Error, 400);
    }
    if (event === 'close' && !this.#closeTold) loseConnection(this[kConnection]);
    if (event === 'end' && !this[kEndTold] && !(keepsHalf(this.server) && this.#front !== undefined))
      this.end();
    if (event === 'timeout') this.#tellTimeout();
    if (event === 'error' && this.listenerCount('error') === 0) return false;
    return EventEmitter.prototype.emit.call(this, event, ...args);
  }

  /** @internal The connection cannot go on as HTTP. @param status To answer when nobody listens for 'clientError'.
   *  @param atEnd It is the end of the client's side that does not belong there. */
  [kFail](error: Error, status: number, atEnd = false): void {
    const isTold = this.#failed;
    this.#failed = true;
    if (atEnd) this.readable = false;
    const isHeard = this[kServer].dropIn?.server.emit('clientError', error, this) === true;
    if (!isHeard && this.writable) {
      if (!isAnswering(this[kConnection])) this.write(refusal(status));
      sendBeforeEnd();
      addon.endConnection(this[kConnection], false);
    }
    if (!isHeard) this.#end(isTold ? undefined : error, true, atEnd);
    else if (atEnd) this.#tellEnd();
  }

  // What is known of it.

  get parser(): SocketParser | null {
    const settings = this[kServer].dropIn?.settings;
    if (this.destroyed || settings === undefined) return null;
    this.#parser ??= new SocketParser(this, settings);
    const last = this.#exchanges.at(-1);
    if (last !== undefined) this.#parser.reads(last.node().req);
    return this.#parser;
  }

  get _httpMessage(): unknown {
    return this.#front?.node().res ?? null;
  }

  /** As `assignSocket()` of a response of the program's own does. */
  set _httpMessage(value: unknown) {
    keepOwn(this, '_httpMessage', value);
  }

  // Writing and the end.

  /** Bytes for the client, past the responses. @returns Whether more may be written at once. */
  write(chunk: string | Uint8Array, encoding?: unknown, callback?: Written): boolean {
    const written = typeof encoding === 'function' ? (encoding as Written) : callback;
    if (!this.writable) return this.#failWrite(written);
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : chunk;
    if (bytes.length > 0) addon.writeConnection(this[kConnection], bytes);
    if (written !== undefined) process.nextTick(written, null);
    return true;
  }

  #failWrite(written: Written | undefined): false {
    const error = this.destroyed ? destroyed('write') : writeAfterEnd();
    if (written !== undefined) process.nextTick(written, error);
    if (!this.destroyed) process.nextTick(() => this.emit('error', error));
    return false;
  }

  /** Close the connection when what is written is sent. */
  end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    const last = [chunk, encoding, callback].find((each) => typeof each === 'function');
    if (last !== undefined) this.once('finish', last as () => void);
    if (typeof chunk === 'string' || chunk instanceof Uint8Array)
      this.write(chunk, typeof encoding === 'string' ? encoding : undefined);
    this.#endSide(true);
    return this;
  }

  /** @param half It is closed when the client ends it, too. */
  #endSide(half: boolean): void {
    if (!this.writable) return;
    this.writable = false;
    this[kSideEnded] = true;
    sendBeforeEnd();
    addon.endConnection(this[kConnection], false, half);
    afterImmediates(() => this.#tellFinish());
  }

  /** Cut the connection. @param error Emitted as 'error'. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    const front = this.#front;
    if (front?.inThisTick === true) front.cut();
    sendBeforeEnd();
    addon.endConnection(this[kConnection], true);
    this.#end(error);
    return this;
  }

  destroySoon(): void {
    this.#endSide(false);
  }

  /** @internal The client has left, and the request is about to be told. @param how A ConnectionEnd of the core. */
  [kLeft](how = 0): void {
    if (this.destroyed) return;
    this.#left = true;
    if (how === endByPeer) return this.#tellBothEnds(true);
    this.#gone();
    if (how === endBroken) this.#tellReset();
    if (this[kSideEnded]) this.#tellFinish();
  }

  /** As with node:net it is there until who listens has heard of its ends. */
  #tellBothEnds(byPeer: boolean): void {
    this.writable = false;
    this[kSideEnded] = true;
    if (byPeer) this[kPeerEnded]();
    if (this.destroyed) return;
    this.#tellFinish();
    if (!this.destroyed) this.#gone();
  }

  /** @internal Reading failed, and the server listens for that. */
  [kBroke](error: Error): void {
    if (this.#failed || this.destroyed) return;
    this[kLeft]();
    this[kServer].dropIn?.server.emit('clientError', error, this);
    this.#tellReset(error);
  }

  /** @internal The requests have been told. @param front Whose response hears 'close' among those who listen here. */
  [kToldAll](front?: { closed(): void }): void {
    if (!this.destroyed) return;
    this.#left = false;
    this[kFront] = front;
    this.#tellClose();
  }

  #tellClose(): void {
    if (this.#closeTold) return;
    this.#closeTold = true;
    this.emit('close', this[kError] !== null);
  }

  /** @internal The client has ended its side. */
  [kPeerEnded](): void {
    if (!this.readable) return;
    this.readable = false;
    this.#tellEnd();
  }

  #tellEnd(): void {
    this[kEndTold] = true;
    this.emit('end');
  }

  /** @internal The connection is gone, or about to go. @param how A ConnectionEnd of the core. */
  [kEnded](how: number): void {
    if (this.destroyed && !this.#left) return;
    this.#left = false;
    this[kLast] = this[kMeasure]();
    if (this.destroyed || how === endBroken || (how === 0 && !this[kSideEnded])) {
      this.#gone();
      if (how === endBroken) process.nextTick(() => this.#tellReset());
    } else {
      process.nextTick(() => this.#tellBothEnds(how === endByPeer));
    }
    const later = how === 0 || how === endAnswered ? afterImmediates : process.nextTick;
    later(() => this.#tellClose());
  }

  #tellFinish(): void {
    if (this[kFinishTold]) return;
    this[kFinishTold] = true;
    this.emit('finish');
  }

  /** For who listens; nobody has to. */
  #tellReset(error: Error = connectionReset()): void {
    if (this.#failed) return;
    this.#failed = true;
    this[kError] = error;
    if (this.listenerCount('error') > 0) EventEmitter.prototype.emit.call(this, 'error', error);
  }

  /** @internal Nothing of ours holds it any more. */
  [kForget](): void {
    clearTimeout(this.#timer);
  }

  #gone(): void {
    this[kLast] = this[kMeasure]();
    this.#parser?.letGo();
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    clearTimeout(this.#timer);
  }

  /** @param atOnce Before the records that come behind this one, of the requests. @param atEnd Tell 'end' before it. */
  #end(error: Error | undefined, atOnce = false, atEnd = false): void {
    if (this.destroyed && !this.#left) return;
    this.#left = false;
    this.#gone();
    this[kError] ??= error ?? null;
    if (error !== undefined && !atOnce) process.nextTick(() => this.emit('error', error));
    // Not before the requests have been told of it.
    afterImmediates(() => this.#tellClose());
    if (atEnd) this.#tellEnd();
    if (error !== undefined && atOnce) this.emit('error', error);
  }

  /** 'timeout' when nothing came or went for so long, in milliseconds; 0 for never. The core has the deadlines that
   *  close connections. */
  setTimeout(ms: number, callback?: () => void): this {
    this.timeout = ms;
    this.#told = -1;
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
    const [bytesIn, bytesOut, idle, unsent] = this[kMeasure]();
    const moved = bytesIn + bytesOut - unsent;
    const quiet = Math.min(idle, since);
    const ms = this.timeout ?? 0;
    if (quiet < ms - clockMs) return this.#wait(ms - quiet);
    this.#timerSet = now;
    this.#wait(ms);
    // Between two requests the keep-alive deadline holds, which is the core's.
    const between = this.#used && this.#front === undefined && unsent === 0;
    const hasDeadline = this[kServer].dropIn?.settings.keepAliveTimeout !== 0;
    if ((between && hasDeadline) || this.#told === moved) return;
    this.#told = moved;
    this.emit('timeout');
  }

  /** As node:http, before who listens on the socket: when neither the request, the response nor the server does, it is
   *  cut. */
  #tellTimeout(): void {
    const pair = this.#front?.node();
    const request = pair !== undefined && !pair.req.complete && pair.req.emit('timeout', this);
    const response = pair?.res.emit('timeout', this) === true;
    const server = this[kServer].dropIn?.server.emit('timeout', this) === true;
    if (!request && !response && !server) this.destroy();
  }

  get writableCorked(): number {
    return this.#front?.node().res.writableCorked ?? 0;
  }
}
