import type { Socket } from 'node:net';
import { ChaussetteError } from '../errors.js';
import type { Endpoint, Reporter } from '../exchange.js';
import { nowhere } from '../proxies/ends.js';
import type { Limits } from './backend.js';
import type { HttpCounters } from './http-counters.js';
import type { HttpExchange } from './http-exchange.js';
import { type Refusal, refusalBytes } from './http-rules.js';

/** After our FIN the connection is read for so long at most, so that the client has our last bytes before a reset
 *  could destroy them (RFC 9112 §9.6). */
const lingerMs = 1000;
const drainLingerMs = 250;

/** While the server drains, a connection that has not sent its first request has so long to do so: its client does not
 *  expect the end, and would not retry. */
const drainFirstRequestMs = 500;

/** After the client has shut down its side, its requests are still answered. So long later the application is told
 *  that the client has probably left. */
const halfCloseGraceMs = 1000;

/** What connections and exchanges need of their server. */
export interface HttpOwner {
  readonly limits: Limits;
  readonly reporter: Reporter;
  readonly draining: boolean;
  readonly counters: HttpCounters;
  exchangeEnded(exchange: HttpExchange): void;
  connectionClosed(connection: HttpConnection): void;
  /** An application has taken it. */
  connectionTaken(connection: HttpConnection, exchange: HttpExchange): void;
  /** A request did not change the protocol after all: node:http is to read the next one. */
  serveAgain(connection: HttpConnection): void;
}

/** One accepted socket and the exchanges in flight on it.
 *
 *  Lifetime: from the `connection` event until the `close` event of the socket. */
export class HttpConnection {
  readonly socket: Socket;
  readonly #owner: HttpOwner;
  /** Read before it began. */
  readonly #startBytes: number;
  /** In the order in which they came. */
  readonly #open: HttpExchange[] = [];
  /** No further request of it reaches the application. */
  #closing = false;
  /** What to send when the responses before it are out. */
  #refusal: Refusal | undefined;
  /** The request whose body is refused; else the line that came. */
  #refused: HttpExchange | undefined;
  #line = '';
  /** Bytes read when the connection was handed back to node:http, which takes it for a new one, without a part of the
   *  next request; else -1. */
  #quietBytes = -1;
  #given = false;
  #linger: NodeJS.Timeout | undefined;
  #halfClosed: NodeJS.Timeout | undefined;
  #firstRequest: NodeJS.Timeout | undefined;
  /** Heads that were complete. */
  #heads = 0;
  /** Bytes read when the last request was answered; -1 while its body still comes. More than that is a new head. */
  #restBytes = 0;
  #remote: Endpoint | undefined;
  #local: Endpoint | undefined;

  constructor(socket: Socket, owner: HttpOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.#startBytes = socket.bytesRead - socket.readableLength;
    socket.on('close', () => this.#onClose());
    socket.on('end', () => {
      if (this.idle || this.#linger !== undefined) return;
      this.#halfClosed = setTimeout(() => this.#tellHalfClosed(), halfCloseGraceMs);
    });
  }

  get remote(): Endpoint {
    this.#remote ??= remoteOf(this.socket);
    return this.#remote;
  }

  get local(): Endpoint {
    const { localAddress, localPort, localFamily } = this.socket;
    this.#local ??= endpoint(localAddress, localPort, localFamily);
    return this.#local;
  }

  /** It speaks TLS. */
  get secure(): boolean {
    return 'encrypted' in this.socket;
  }

  /** Nothing has come on it. */
  get silent(): boolean {
    return this.socket.bytesRead === this.#startBytes;
  }

  get idle(): boolean {
    return this.#open.length === 0;
  }

  get openCount(): number {
    return this.#open.length;
  }

  /** Take one more exchange in.
   *  @returns false when it must not be answered, because the connection ends with a response before it. */
  admit(exchange: HttpExchange): boolean {
    this.#heads += 1;
    if (this.#closing) return false;
    if (this.#owner.limits.keepAliveMs === 0) {
      exchange.closeAfter();
      this.#closing = true;
    } else if (this.#owner.draining) {
      const last = this.#open.at(-1);
      if (last !== undefined && !last.keepOpen()) return false;
      exchange.closeAfter();
    }
    this.#open.push(exchange);
    if (this.#open.length === 1) exchange.begin();
    return true;
  }

  /** The newest exchange. */
  get last(): HttpExchange | undefined {
    return this.#open.at(-1);
  }

  isOnly(exchange: HttpExchange): boolean {
    return this.#open.length === 1 && this.#open[0] === exchange && this.socket.writableLength === 0;
  }

  /** It speaks another protocol from here on, and is the application's. */
  giveAway(exchange: HttpExchange): void {
    this.#given = true;
    this.#open.length = 0;
    clearTimeout(this.#firstRequest);
    this.socket.setTimeout(0);
    this.#owner.exchangeEnded(exchange);
    this.#owner.connectionTaken(this, exchange);
  }

  /** After the response to a request that could have changed the protocol. */
  resume(goesOn: boolean): void {
    if (this.socket.destroyed) return;
    this.#quietBytes = this.socket.readableLength === 0 ? this.socket.bytesRead : -1;
    if (goesOn && !this.#closing) this.#owner.serveAgain(this);
    else this.finish();
    this.socket.resume();
  }

  /** An exchange is complete, or will never be. */
  remove(exchange: HttpExchange): void {
    const index = this.#open.indexOf(exchange);
    if (index < 0) return;
    this.#open.splice(index, 1);
    this.#owner.exchangeEnded(exchange);
    this.#open[0]?.begin();
    if (this.#open.length > 0) return;
    this.#restBytes = exchange.req.complete ? this.socket.bytesRead : -1;
    if (this.#refusal !== undefined) this.#sendRefusal(this.#refusal);
    else if (this.#owner.draining) this.finishWhenIdle();
  }

  /** Drain: the last response says `connection: close`, and an idle connection ends. */
  drain(): void {
    const last = this.#open.at(-1);
    if (last !== undefined) last.closeAfter();
    else if (this.#heads > 0) this.finishWhenIdle();
    else this.#firstRequest ??= setTimeout(() => this.finishWhenIdle(), drainFirstRequestMs);
  }

  /** What came on this connection is not for the application: answer after the responses before it, then close.
   *  @param refusal undefined to close without an answer. @param line What came of the request line, without an exchange. */
  refuse(refusal: Refusal | undefined, line?: string): void {
    if (this.#closing && (this.#refusal !== undefined || this.#linger !== undefined)) return;
    this.#closing = true;
    this.#line = line ?? '';
    const last = this.#open.at(-1);
    // A request whose body is not complete is the one that went wrong.
    if (last !== undefined && !last.req.complete) {
      if (last.headSent || refusal === undefined) {
        last.leave();
        this.socket.destroy();
        return;
      }
      this.#refusal = refusal;
      this.#refused = last;
      last.leave();
      this.remove(last);
    } else if (refusal === undefined) {
      if (last === undefined) this.finish();
    } else if (last === undefined) {
      this.#sendRefusal(refusal);
    } else {
      this.#refusal = refusal;
    }
  }

  /** End an idle connection, but read first what the kernel has: a request that has begun is answered. */
  finishWhenIdle(): void {
    afterPoll(() => {
      const begun = this.#restBytes >= 0 && this.socket.bytesRead > this.#restBytes;
      if (this.idle && !begun) this.finish();
    });
  }

  /** The time of a head is over: 408, unless the rest of it is with the kernel, after the loop was blocked. */
  refuseLateHead(refusal: Refusal | undefined, line: string): void {
    const heads = this.#heads;
    afterPoll(() => {
      if (this.#heads !== heads) return;
      if (this.idle && this.socket.bytesRead === this.#quietBytes) this.finish();
      else this.refuse(refusal, line);
    });
  }

  /** The time between two requests is over: end the connection, unless the next one has begun. */
  finishWhenQuiet(): void {
    const { bytesRead } = this.socket;
    afterPoll(() => {
      if (this.idle && this.socket.bytesRead === bytesRead) this.finish();
    });
  }

  /** Send FIN, then wait a little for the client's. */
  finish(): void {
    this.#closing = true;
    if (this.socket.destroyed || this.#linger !== undefined) return;
    this.socket.end();
    this.#linger = setTimeout(() => this.socket.destroy(), this.#owner.draining ? drainLingerMs : lingerMs);
  }

  /** No request after those that are open is read. */
  stopReading(): void {
    this.#closing = true;
  }

  #sendRefusal(refusal: Refusal): void {
    this.#refusal = refusal;
    const { counters } = this.#owner;
    const bytes = refusal.text.length + 1;
    counters.refused(refusal);
    if (this.#refused !== undefined) this.#refused.watched?.tell(refusal.status, bytes, false);
    else counters.watch?.refused(refusal.status, bytes, this.#line, this.remote);
    if (this.socket.writable) this.socket.write(refusalBytes(refusal), 'latin1');
    this.finish();
  }

  #tellHalfClosed(): void {
    for (const exchange of [...this.#open]) exchange.tellAbort();
  }

  #onClose(): void {
    if (this.#given) return;
    clearTimeout(this.#linger);
    clearTimeout(this.#halfClosed);
    clearTimeout(this.#firstRequest);
    this.#closing = true;
    this.#refusal = undefined;
    while (this.#open.length > 0) {
      const exchange = this.#open[0];
      if (exchange === undefined) break;
      exchange.leave();
      this.remove(exchange);
    }
    this.#owner.connectionClosed(this);
  }
}

/** Call back when the sockets have been polled: timers come before, and a blocked loop may have let bytes wait. */
export function afterPoll(callback: () => void): void {
  setImmediate(() => setImmediate(callback));
}

/** One end of a socket of node:net. */
export function endpoint(address = '', port = 0, family = ''): Endpoint {
  if (address === '') return { address: '', port: 0, family: 'unix' };
  return { address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' };
}

/** The client's end. On a Unix socket neither end has an address; of TCP ours stays when the client has left. */
export function remoteOf(socket: Socket): Endpoint {
  const { remoteAddress, remotePort, remoteFamily } = socket;
  const hasLeft = remoteAddress === undefined && (socket.localAddress !== undefined || socket.destroyed);
  return hasLeft ? nowhere : endpoint(remoteAddress, remotePort, remoteFamily);
}

/** The error that a body or a late response gets when the client is gone. */
export function clientLeft(): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_ABORTED', 'the client left before the exchange was complete');
}
