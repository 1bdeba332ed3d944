import {
  constants,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Exchange, Reporter } from '../exchange.js';
import type { Limits } from './backend.js';
import { endpoint, remoteOf } from './http-connection.js';
import type { HttpCounters } from './http-counters.js';
import { Http2Exchange, type Http2Place } from './http2-exchange.js';

/** What every client that speaks HTTP/2 sends first (RFC 9113 §3.4). */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Streams of one connection that may be open at once; RFC 9113 §6.5.2 recommends 100 or more. */
const streamsMax = 128;

/** A draining server waits so long for a first request, and for the answer to its first GOAWAY. */
const drainMs = 500;

/** An exchange as the server counts it. */
export interface Admitted extends Exchange {
  readonly asyncId: number;
  readonly startedMs: number;
}

/** What sessions and their exchanges need of their server. */
export interface Http2Owner {
  readonly limits: Limits;
  readonly reporter: Reporter;
  readonly draining: boolean;
  readonly counters: HttpCounters;
  /** It is complete, and has passed every check. */
  admitHttp2(exchange: Http2Exchange): void;
  exchangeEnded(exchange: Admitted): void;
  /** A connection of `size` has closed. */
  http2Closed(): void;
}

/** HTTP/2 in front of the HTTP/1.1 of the http backend: ALPN decides, or on a plain port the first bytes.
 *
 *  Lifetime: that of its server. */
export class Http2Front {
  readonly #owner: Http2Owner;
  readonly #http2: Http2Server;
  /** Plain ones that have not said yet what they speak. */
  readonly #silent = new Set<Socket>();
  readonly #sessions = new Map<ServerHttp2Session, Http2Place>();
  readonly #beginHttp1: (socket: Socket) => void;

  constructor(owner: Http2Owner, beginHttp1: (socket: Socket) => void) {
    this.#owner = owner;
    this.#beginHttp1 = beginHttp1;
    const { headBytesMax } = owner.limits;
    this.#http2 = createServer({
      settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: headBytesMax, enablePush: false },
    });
    const onRequest = (req: Http2ServerRequest, res: Http2ServerResponse, expects: boolean): void =>
      this.#onRequest(req, res, expects);
    this.#http2.on('request', (req, res) => onRequest(req, res, false));
    this.#http2.on('checkContinue', (req, res) => onRequest(req, res, true));
    this.#http2.on('connect', (_req: Http2ServerRequest, res: Http2ServerResponse) => {
      res.writeHead(501).end('CONNECT is not served.\n');
    });
    this.#http2.on('session', (session) => this.#onSession(session));
  }

  /** Connections that are HTTP/2, or may become so. */
  get size(): number {
    return this.#silent.size + this.#sessions.size;
  }

  /** Find out what a connection speaks, and serve it. */
  begin(socket: Socket): void {
    if ('alpnProtocol' in socket) {
      if (socket.alpnProtocol === 'h2') this.#http2.emit('connection', socket);
      else this.#beginHttp1(socket);
    } else this.#peek(socket);
  }

  drain(): void {
    for (const session of this.#sessions.keys()) drainSession(session);
    setTimeout(() => {
      for (const socket of this.#silent) socket.destroy();
    }, drainMs).unref();
  }

  cut(): void {
    for (const session of this.#sessions.keys()) session.destroy();
    for (const socket of this.#silent) socket.destroy();
  }

  /** Read until the bytes are the preface, or cannot become it; then put them back. */
  #peek(socket: Socket): void {
    const { headMs } = this.#owner.limits;
    let seen: Buffer = Buffer.alloc(0);
    this.#silent.add(socket);
    const timer = headMs > 0 ? setTimeout(() => socket.destroy(), headMs) : undefined;
    const done = (): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose).off('error', ignore).off('end', onEnd);
      this.#silent.delete(socket);
    };
    const onData = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const length = Math.min(seen.length, preface.length);
      const isPreface = preface.subarray(0, length).equals(seen.subarray(0, length));
      if (isPreface && seen.length < preface.length) return;
      done();
      socket.pause();
      socket.unshift(seen);
      if (isPreface) this.#http2.emit('connection', socket);
      else this.#beginHttp1(socket);
    };
    const onClose = (): void => {
      done();
      this.#owner.http2Closed();
    };
    const onEnd = (): void => void socket.destroy();
    socket.on('data', onData).on('close', onClose).on('error', ignore).on('end', onEnd);
    socket.resume();
  }

  #onSession(session: ServerHttp2Session): void {
    const { localAddress, localPort, localFamily } = session.socket;
    this.#sessions.set(session, {
      secure: session.encrypted === true,
      remote: remoteOf(session.socket),
      local: endpoint(localAddress, localPort, localFamily),
    });
    session.on('error', ignore); // 'close' follows
    session.once('close', () => {
      this.#sessions.delete(session);
      this.#owner.http2Closed();
    });
    this.#closeWhenIdle(session);
    if (this.#owner.draining) drainSession(session);
  }

  /** After `keepAliveMs` without a stream: GOAWAY, which loses no request (RFC 9113 §6.8). */
  #closeWhenIdle(session: ServerHttp2Session): void {
    const { keepAliveMs, headMs } = this.#owner.limits;
    const idleMs = keepAliveMs > 0 ? keepAliveMs : headMs;
    let streams = 0;
    let timer = idleMs > 0 ? setTimeout(() => session.close(), idleMs) : undefined;
    session.on('stream', (stream) => {
      streams += 1;
      clearTimeout(timer);
      if (keepAliveMs === 0) session.close();
      stream.once('close', () => {
        streams -= 1;
        if (streams === 0 && !session.closed) timer = setTimeout(() => session.close(), idleMs);
      });
    });
    session.once('close', () => clearTimeout(timer));
  }

  #onRequest(req: Http2ServerRequest, res: Http2ServerResponse, expectsContinue: boolean): void {
    const { session } = req.stream;
    const place = session === undefined ? undefined : this.#sessions.get(session as ServerHttp2Session);
    if (place === undefined) {
      req.stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const exchange = new Http2Exchange(req, res, place, this.#owner);
    if (!exchange.headers.has('host')) exchange.refuse(400, 'The authority is missing.');
    else if (exchange.isBodyTooLarge) exchange.refuse(413, 'The request body is too large.');
    else {
      if (expectsContinue) exchange.continueOnRead();
      this.#owner.admitHttp2(exchange);
    }
  }
}

/** GOAWAY twice: the first announces the end, and what the client sent before it knew is still served; the second
 *  refuses streams (RFC 9113 §6.8). */
function drainSession(session: ServerHttp2Session): void {
  if (session.closed || session.destroyed) return;
  const close = (): void => {
    clearTimeout(timer);
    if (!session.closed && !session.destroyed) session.close();
  };
  const timer = setTimeout(close, drainMs);
  session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1);
  if (!session.ping(close)) close();
}

function ignore(): void {}
