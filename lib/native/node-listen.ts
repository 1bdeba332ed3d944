import type * as http from 'node:http';
import { createRequire } from 'node:module';
import type * as net from 'node:net';
import type { BackendServer, BackendStats, Limits, ListeningSocket, Measures } from '../backends/backend.js';

import type { Handler } from '../exchange.js';
import type { TlsSettings } from '../tls/settings.js';
import { type ListenRequest, readListenArguments } from './listen.js';
import { type Answer, currentOffer, type Handshakes } from './offer.js';
import { endedRequest, ResponseWatch } from './response-watch.js';
import { nodeDefaults } from './server-options.js';
import { TakenSockets } from './taken-sockets.js';

// A program's own server of node:http on the sockets of the command.

/** More than any kernel allows: it clamps the number to net.core.somaxconn (listen(2)). */
export const backlogMax = 65_535;

/** listen() of net.Server. */
export type NetListen = (this: net.Server, ...args: unknown[]) => net.Server;

/** listen() of a server of node:http: on the sockets of the command when it is the first, else what it asks for.
 *  @param listen Node's own. */
export function listenNode(server: http.Server, args: readonly unknown[], listen: NetListen): void {
  const offer = currentOffer();
  if (offer === undefined || server.listening) {
    listen.apply(server, [...args]);
    return;
  }
  const request = readListenArguments(args);
  const { port } = request;
  const answer = offer.answer({ server, port, asked: describeListen(request), backend: 'http' });
  if (answer === undefined) {
    listen.apply(server, [...args]);
    return;
  }
  if (request.callback !== undefined) server.once('listening', request.callback);
  const serve = ({ sockets, limits, counted, watch, isAlias, secure }: Answer): void => {
    if (isAlias) {
      process.nextTick(() => server.emit('listening'));
      return;
    }
    applyLimits(server, limits);
    const program = new NodeProgram(server, listen, counted, secure, ResponseWatch.of(watch));
    server.once('listening', () => offer.serving(program));
    program.listen(sockets);
  };
  answer.then(serve).catch((error: unknown) => offer.cannotServe(error));
}

/** The limits of the command hold where the program has left Node's defaults; node:http has not all of them. */
function applyLimits(server: http.Server, limits: Limits): void {
  if (server.keepAliveTimeout === nodeDefaults.keepAliveTimeout) server.keepAliveTimeout = limits.keepAliveMs;
  if (server.headersTimeout === nodeDefaults.headersTimeout) server.headersTimeout = limits.headMs;
  if (!server.maxConnections && limits.connectionsMax > 0) server.maxConnections = limits.connectionsMax;
}

/** @returns What listen() was asked for, as people read it. */
export function describeListen({ port, host, path, fd }: ListenRequest): string {
  if (fd !== undefined) return `fd ${fd}`;
  if (path !== undefined) return path;
  if (host === undefined || host === '') return `port ${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Close a server in the place of its program, whose own close() may come later: it finds no server that is not running,
 *  but waits for the end as well. */
export function closeForProgram(server: http.Server): void {
  if (!server.listening) return;
  let hasClosed = false;
  server.once('close', () => {
    hasClosed = true;
  });
  server.close();
  const close = (callback?: (error?: Error) => void): http.Server => {
    if (typeof callback === 'function') {
      if (hasClosed) process.nextTick(callback);
      else server.once('close', callback);
    }
    return server;
  };
  Object.defineProperty(server, 'close', { value: close, writable: true, configurable: true });
}

/** The end of a server of node:http, as the command wants it. */
class NodeProgram implements BackendServer {
  readonly #server: http.Server;
  readonly #listen: NetListen;
  readonly #watch: ResponseWatch | undefined;
  readonly #acceptors: net.Server[] = [];
  readonly #open = new Set<http.ServerResponse>();
  readonly #taken = new TakenSockets(true);
  #connections = 0;
  #requests = 0;
  #cut = 0;
  #draining = false;
  #followsUpgrades = false;
  #closed: Promise<{ readonly cut: number }> | undefined;
  #handshakes: Handshakes | undefined;
  /** The certificates of the command, read again. */
  setTls?: (settings: TlsSettings) => void;

  constructor(
    server: http.Server,
    listen: NetListen,
    counted: (handler: Handler) => Handler,
    secure: Answer['secure'],
    watch: ResponseWatch | undefined,
  ) {
    this.#server = server;
    this.#watch = watch;
    this.#listen = listen;
    const follow = (socket: net.Socket): void => {
      this.#connections += 1;
      socket.once('close', () => {
        this.#connections -= 1;
      });
    };
    if (secure !== undefined) this.#secure(secure, follow);
    else server.on('connection', follow);
    const count = counted({ interface: 'node', handle() {} });
    server.prependListener('request', (req, res) => {
      watch?.follow(endedRequest(req), res);
      this.#follow(res);
      count.handle(undefined as never);
    });
    if (server.listenerCount('upgrade') > 0) this.#followUpgrades();
    else server.on('newListener', (event) => event === 'upgrade' && this.#followUpgrades());
  }

  /** Node accepts, and the server is told of a connection when it has shaken hands, whether it is one of node:http or of
   *  node:https, whose own certificates do not count. */
  #secure(secure: NonNullable<Answer['secure']>, follow: (socket: net.Socket) => void): void {
    const server = this.#server;
    const emit = server.emit as (this: http.Server, name: string, ...args: unknown[]) => boolean;
    const event = 'setSecureContext' in server ? 'secureConnection' : 'connection';
    const handshakes = secure((socket) => {
      follow(socket);
      emit.call(server, event, socket);
    });
    const accept = (name: string, ...args: unknown[]): boolean => {
      if (name !== 'connection') return emit.call(server, name, ...args);
      handshakes.take(args[0] as net.Socket);
      return true;
    };
    Object.defineProperty(server, 'emit', { value: accept, writable: true, configurable: true });
    this.#handshakes = handshakes;
    this.setTls = (settings) => handshakes.use(settings);
  }

  /** Only where the program listens for them: without a listener an upgrade is an ordinary request. */
  #followUpgrades(): void {
    if (this.#followsUpgrades) return;
    this.#followsUpgrades = true;
    this.#server.prependListener('upgrade', (req, socket) => {
      const { headers } = req;
      this.#watch?.taken(endedRequest(req));
      this.#taken.add(socket as net.Socket, { headers: new Map([['upgrade', headers.upgrade ?? '']]) });
    });
  }

  /** Its first socket is the server's own; other servers accept for it on the others. */
  listen([first, ...others]: readonly ListeningSocket[]): void {
    if (first === undefined) return;
    this.#listenOn(this.#server, first);
    for (const socket of others) {
      const { createServer } = createRequire(import.meta.url)('node:net') as typeof net;
      const acceptor = createServer({ allowHalfOpen: true, noDelay: true }, (accepted) => {
        this.#server.emit('connection', accepted);
      });
      this.#acceptors.push(acceptor);
      this.#listenOn(acceptor, socket);
      this.#server.once('close', () => acceptor.close());
    }
  }

  /** Node takes the backlog for a descriptor from the second argument only, and listens again with 511 without it. */
  #listenOn(server: net.Server, { fd, listen }: ListeningSocket): void {
    const options = listen ?? { fd };
    if ('fd' in options) this.#listen.call(server, { fd: options.fd }, backlogMax);
    else this.#listen.call(server, options);
  }

  #follow(res: http.ServerResponse): void {
    this.#requests += 1;
    this.#open.add(res);
    if (this.#draining) res.shouldKeepAlive = false;
    res.once('close', () => {
      this.#open.delete(res);
      if (this.#draining) setImmediate(() => this.#server.closeIdleConnections());
    });
  }

  close(drainMs: number): Promise<{ readonly cut: number }> {
    this.#closed ??= new Promise((resolve) => {
      this.#draining = true;
      this.#handshakes?.drain();
      for (const res of this.#open) if (!res.headersSent) res.shouldKeepAlive = false;
      const done = (): void => resolve({ cut: this.#cut });
      if (this.#server.listening || this.#connections > 0) this.#server.once('close', done);
      else done();
      for (const acceptor of this.#acceptors) acceptor.close();
      closeForProgram(this.#server);
      this.#taken.drain();
    });
    if (drainMs <= 0) this.#cutAll();
    else setTimeout(() => this.#cutAll(), drainMs).unref();
    return this.#closed;
  }

  #cutAll(): void {
    this.#cut += this.#open.size;
    this.#server.closeAllConnections();
    this.#taken.cut();
  }

  stats(): BackendStats {
    return { connections: this.#connections, inFlight: this.#open.size, requests: this.#requests };
  }

  measures(): Measures | undefined {
    return this.#watch?.measures();
  }

  exchangeOf(): undefined {
    return undefined;
  }
}
