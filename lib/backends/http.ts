import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Handler, Reporter } from '../exchange.js';
import { TakenSockets } from '../native/taken-sockets.js';
import type { Networks } from '../proxies/networks.js';
import type { TlsSettings } from '../tls/settings.js';
import type {
  Backend,
  BackendServer,
  BackendStats,
  Limits,
  ListeningSocket,
  Measures,
  OpenRequest,
} from './backend.js';
import { HttpConnection, type HttpOwner } from './http-connection.js';
import { HttpCounters } from './http-counters.js';
import { HttpExchange } from './http-exchange.js';
import { type Front, openFront } from './http-front.js';
import { acceptOn, emptyQueues, type Stop } from './http-listen.js';
import { createParser } from './http-parser.js';
import { lineOf, lineOfError, type Refusal, refusalOfError, refusalOfHead } from './http-rules.js';
import { HttpSwitch, watchSwitches } from './http-switch.js';
import type { Http2Exchange } from './http2-exchange.js';
import type { Admitted, Http2Front, Http2Owner } from './http2-front.js';

/** The reference backend: node:http, with the rules that it lacks.
 *  @returns The same backend at each call. */
export function httpBackend(): Backend {
  return backend;
}

const backend: Backend = {
  name: 'http',
  capabilities: [
    'http/1.1',
    'unix',
    'inherited-fd',
    'upgrade',
    'trailers',
    'tls',
    'proxy-protocol',
    'threads',
  ],
  start: (...started) => startHttp(...started),
};

/** @param http2 Makes what tells HTTP/2 from HTTP/1.1, and serves it. */
export async function startHttp(
  sockets: readonly ListeningSocket[],
  handler: Handler,
  limits: Limits,
  reporter: Reporter,
  tls: TlsSettings | undefined,
  proxies?: Networks,
  http2?: (server: HttpBackendServer) => Http2Front,
): Promise<BackendServer> {
  const server = new HttpBackendServer(handler, limits, reporter);
  server.http2 = http2?.(server);
  server.front = await openFront({
    ...{ tls, proxies, limits, reporter },
    protocols: http2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'],
    begin: (socket) => server.begin(socket),
    gone: () => server.http2Closed(),
  });
  try {
    for (const socket of sockets) await server.listen(socket);
  } catch (error) {
    await server.close(0);
    throw error;
  }
  return server;
}

class HttpBackendServer implements BackendServer, HttpOwner, Http2Owner {
  limits: Limits;
  readonly reporter: Reporter;
  /** Between the acceptors and the parser. */
  front: Front | undefined;
  /** Between them, too, for the http2 backend. */
  http2: Http2Front | undefined;
  draining = false;
  readonly #handler: Handler;
  /** Parses; never listens itself, so that one server serves several sockets. */
  readonly #http: Server;
  /** What ends accepting, for each socket. */
  readonly #stops: Stop[] = [];
  /** Closing the socket resets what waits in its queue. */
  #ownsQueue = false;
  readonly #connections = new Map<Socket, HttpConnection>();
  readonly #taken = new TakenSockets(true);
  /** Node's listeners for 'drain'. */
  readonly #drains = new WeakMap<Socket, (() => void) | undefined>();
  /** Accepted above `connectionsMax`; nothing is read of them. */
  readonly #held: Socket[] = [];
  /** Above `inFlightMax`. */
  readonly #queue: Admitted[] = [];
  readonly #running = new Set<Admitted>();
  #closed: Promise<{ readonly cut: number }> | undefined;
  #allGone: (() => void) | undefined;
  #deadline: NodeJS.Timeout | undefined;
  readonly counters: HttpCounters;
  #cut = 0;
  #cutting = false;
  /** The last connection has closed. */
  #gone = false;

  constructor(handler: Handler, limits: Limits, reporter: Reporter) {
    this.#handler = handler;
    this.limits = limits;
    this.reporter = reporter;
    this.counters = new HttpCounters(reporter);
    const http = createParser(limits);
    this.#http = http;
    http.on('request', (req, res) => this.#onRequest(req, res, false));
    http.on('checkContinue', (req, res) => this.#onRequest(req, res, true));
    http.on('checkExpectation', (req: IncomingMessage) =>
      this.#refuse(req, { status: 417, text: 'The expectation cannot be met.' }),
    );
    if (handler.takesConnections === true) {
      const onSwitch = (req: IncomingMessage, socket: Socket, head: Buffer) =>
        this.#onSwitch(req, socket, head);
      http.on('upgrade', onSwitch).on('connect', onSwitch);
    } else {
      http.on('connect', (req) => this.#refuse(req, { status: 501, text: 'CONNECT is not served.' }));
    }
    http.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket));
    http.on('timeout', (socket) => this.#onTimeout(socket));
    http.emit('listening'); // From here on node:http looks after the head deadlines.
  }

  /** Accept on one socket. @throws {ChaussetteError} CHAUSSETTE_ERR_BIND. */
  async listen(socket: ListeningSocket): Promise<void> {
    if (socket.shared !== true) this.#ownsQueue = true;
    const onSocket = (accepted: Socket): void => this.#onAccept(accepted);
    this.#stops.push(await acceptOn(socket, onSocket, (message) => this.reporter.warn(message)));
  }

  retire(): void {
    this.limits = { ...this.limits, keepAliveMs: 0 };
  }

  setTls(settings: TlsSettings): void {
    this.front?.use?.(settings);
  }

  stats(): BackendStats {
    const now = { connections: this.#open, inFlight: this.#inFlight };
    return this.counters.stats(now, this.http2 === undefined ? this.#connections.keys() : undefined);
  }

  measures(): Measures | undefined {
    return this.counters.watch?.measures();
  }

  close(drainMs: number): Promise<{ readonly cut: number }> {
    this.#closed ??= this.#close(drainMs > 0);
    clearTimeout(this.#deadline);
    if (drainMs <= 0) this.#cutAll();
    else if (!this.#gone) this.#deadline = setTimeout(() => this.#cutAll(), drainMs);
    return this.#closed;
  }

  exchangeEnded(exchange: Admitted): void {
    if (!this.#running.delete(exchange)) {
      const index = this.#queue.indexOf(exchange);
      if (index >= 0) this.#queue.splice(index, 1);
      return;
    }
    while (this.#queue.length > 0 && this.#running.size < this.limits.inFlightMax) {
      const next = this.#queue.shift();
      if (next !== undefined) this.#run(next);
    }
  }

  connectionTaken(connection: HttpConnection, exchange: HttpExchange): void {
    this.connectionClosed(connection);
    this.#taken.add(connection.socket, exchange);
  }

  connectionClosed(connection: HttpConnection): void {
    this.#connections.delete(connection.socket);
    this.counters.closed(connection.socket);
    this.http2Closed();
  }

  /** One connection less, of whichever protocol. */
  http2Closed(): void {
    if (this.#open === 0) this.#allGone?.();
    const held = this.draining ? undefined : this.#held.shift();
    if (held !== undefined) this.#serve(held);
  }

  exchangeOf(asyncId: number): Admitted | undefined {
    for (const exchange of this.#running) if (exchange.asyncId === asyncId) return exchange;
    return undefined;
  }

  openRequests(): readonly OpenRequest[] {
    const now = performance.now();
    return [...this.#running, ...this.#queue].map(({ method, target, startedMs }) => ({
      method,
      target,
      ageMs: Math.round(now - startedMs),
    }));
  }

  admitHttp2(exchange: Http2Exchange): void {
    this.#admit(exchange);
  }

  /** Connections. */
  get #open(): number {
    return this.#connections.size + (this.http2?.size ?? 0) + (this.front?.size ?? 0);
  }

  get #inFlight(): number {
    return this.#running.size + this.#queue.length;
  }

  #onAccept(socket: Socket): void {
    const { connectionsMax } = this.limits;
    this.counters.accepted += 1;
    if (this.#cutting) {
      socket.destroy();
      return;
    }
    if (connectionsMax === 0 || this.#open < connectionsMax) {
      this.#serve(socket);
      return;
    }
    // node:net cannot stop accepting for a while, so these wait here and not in the backlog.
    this.#held.push(socket);
    socket.once('close', () => {
      const index = this.#held.indexOf(socket);
      if (index >= 0) this.#held.splice(index, 1);
    });
  }

  #serve(socket: Socket): void {
    if (this.front === undefined) this.begin(socket);
    else this.front.take(socket);
  }

  /** Ready to be read. */
  begin(socket: Socket): void {
    if (this.http2 === undefined) this.beginHttp1(socket);
    else this.http2.begin(socket);
  }

  /** Parse what comes. */
  beginHttp1(socket: Socket): void {
    const connection = new HttpConnection(socket, this);
    this.#connections.set(socket, connection);
    this.serveAgain(connection);
    socket.resume();
    if (this.draining) connection.drain();
  }

  serveAgain({ socket }: HttpConnection): void {
    this.#http.emit('connection', socket);
    if (this.#handler.takesConnections === true) this.#drains.set(socket, watchSwitches(socket));
  }

  #onRequest(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const connection = this.#connections.get(req.socket);
    if (connection === undefined) return;
    const refusal = refusalOfHead(req);
    if (refusal !== undefined) {
      // The body, if there is one, belongs to a request that nobody serves.
      connection.refuse(refusal, lineOf(req));
      return;
    }
    const exchange = new HttpExchange(req, res, connection, this);
    if (!connection.admit(exchange)) return;
    this.#onExchange(req, exchange, connection, expectsContinue);
  }

  /** A request for another protocol: the application may take the connection, or answer. */
  #onSwitch(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    const refusal = refusalOfHead(req);
    if (refusal !== undefined) {
      connection.refuse(refusal, lineOf(req));
      socket.resume();
      return;
    }
    const { last } = connection;
    const change = new HttpSwitch(req, socket, head, this.#drains.get(socket));
    const exchange = new HttpExchange(req, change.res, connection, this, change);
    if (!connection.admit(exchange)) return;
    const start = (): void => this.#onExchange(req, exchange, connection, false);
    // When all before it are answered it can be taken, as soon as they have left.
    if (last?.ended === true) last.res.once('finish', start);
    else start();
  }

  #onExchange(
    req: IncomingMessage,
    exchange: HttpExchange,
    connection: HttpConnection,
    expectsContinue: boolean,
  ): void {
    const { bodyBytesMax } = this.limits;
    if (bodyBytesMax > 0 && Number(req.headers['content-length'] ?? 0) > bodyBytesMax) {
      connection.refuse({ status: 413, text: 'The request body is too large.' }, undefined);
      return;
    }
    if (expectsContinue) exchange.continueOnRead();
    this.#admit(exchange);
  }

  #refuse(req: IncomingMessage, refusal: Refusal): void {
    this.#connections.get(req.socket)?.refuse(refusal, lineOf(req));
  }

  #admit(exchange: Admitted): void {
    this.counters.requests += 1;
    const { inFlightMax, queuedMax } = this.limits;
    if (inFlightMax === 0 || this.#running.size < inFlightMax) this.#run(exchange);
    else if (queuedMax === 0 || this.#queue.length < queuedMax) this.#queue.push(exchange);
    else
      exchange.respond(503, '', ['retry-after', '1', 'content-type', 'text/plain'], 'Service Unavailable\n');
  }

  #run(exchange: Admitted): void {
    this.#running.add(exchange);
    this.#handler.handle(exchange);
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    // What follows a request with `connection: close` is not read (RFC 9112 §9.6).
    if (error.code === 'HPE_CLOSED_CONNECTION') connection.stopReading();
    else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && !connection.silent)
      connection.refuseLateHead(refusalOfError(error), lineOfError(error));
    else connection.refuse(connection.silent ? undefined : refusalOfError(error), lineOfError(error));
  }

  /** Nothing moved on a socket for `writeMs`, or, between requests, for `keepAliveMs`. */
  #onTimeout(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) socket.destroy();
    // A reset: the kernel would go on for minutes with what it has taken, and a slow reader would hold its memory.
    else if (socket.writableLength > 0 && connection.remote.family !== 'unix') socket.resetAndDestroy();
    else if (socket.writableLength > 0) socket.destroy();
    else if (connection.idle) connection.finishWhenQuiet();
  }

  async #close(gracefully: boolean): Promise<{ readonly cut: number }> {
    this.draining = true;
    this.front?.drain();
    this.http2?.drain();
    for (const connection of this.#connections.values()) connection.drain();
    this.#taken.drain();
    if (gracefully && this.#ownsQueue) await emptyQueues(() => this.counters.accepted);
    const closing = this.#stops.map((stop) => stop(gracefully));
    // Those that wait here are served.
    for (const socket of this.#held.splice(0)) this.#serve(socket);
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
      if (this.#open === 0) resolve();
    });
    await gone;
    await this.#taken.gone();
    await Promise.all(closing);
    this.#gone = true;
    clearTimeout(this.#deadline);
    this.#http.close(); // Ends the check of deadlines; it never listened.
    return { cut: this.#cut };
  }

  #cutAll(): void {
    this.#cutting = true;
    this.front?.cut();
    this.#cut += this.#inFlight;
    this.http2?.cut();
    for (const socket of this.#connections.keys()) socket.destroy();
    this.#taken.cut();
  }
}
