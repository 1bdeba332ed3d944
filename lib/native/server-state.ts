import { unlinkSync } from 'node:fs';
import type * as http from 'node:http';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BackendServer, Limits, ListeningSocket } from '../backends/backend.js';
import type { Exchange, Handler, Reporter } from '../exchange.js';
import type { Server } from './create-server.js';
import type { NativeExchange } from './exchange.js';
import { addon } from './layout.js';
import { type ListenRequest, openListener } from './listen.js';
import { closeForProgram, describeListen, ignore } from './node-listen.js';
import { createPairFactory } from './node-pair.js';
import { isWatched, watch } from './observe.js';
import { currentOffer } from './offer.js';
import { nodeDefaults, type ServerSettings } from './server-options.js';
import type { NativeSocket } from './socket.js';
import { NativeServer } from './turn.js';

/** What a Server has on the native core: its listener there, and the way from there to its events.
 *
 *  Lifetime: that of its Server, or until node:http takes that over. */
export class ServerState {
  readonly settings: ServerSettings;
  readonly #server: Server;
  #native: NativeServer | undefined;
  #closing: NativeServer | undefined;
  #address: AddressInfo | string | null = null;
  #unlink: string | undefined;
  #opening: { cancelled: boolean } | undefined;
  #refed = true;
  /** Under the command: its limits. */
  #offered: Limits | undefined;
  #connectionsTold: WeakSet<NativeSocket> | undefined;

  constructor(server: Server, settings: ServerSettings) {
    this.#server = server;
    this.settings = settings;
  }

  get listening(): boolean {
    return this.#native !== undefined;
  }

  get opening(): boolean {
    return this.#opening !== undefined;
  }

  get address(): AddressInfo | string | null {
    if (this.#native !== undefined) return this.#address;
    // As net.Server: the path stays known when the server has closed.
    return typeof this.#address === 'string' && this.#unlink !== undefined ? this.#address : null;
  }

  /** Those of an Express application among the listeners; see node-pair.ts. */
  get nodePrototypes(): { readonly request: object; readonly response: object } | undefined {
    for (const listener of this.#server.listeners('request')) {
      const { request, response } = listener as { request?: unknown; response?: unknown };
      if (request instanceof IncomingMessage && response instanceof ServerResponse)
        return { request, response };
    }
    return undefined;
  }

  /** Without a field of the value undefined, as the type wants it. */
  #handler(): Handler {
    const handle = (exchange: Exchange): void => this.handle(exchange);
    const { nodePrototypes } = this;
    return { interface: 'node', handle, ...(nodePrototypes === undefined ? {} : { nodePrototypes }) };
  }

  /** Somebody listens for connections although the server listens already: each is told of with its first request. */
  tellConnections(): void {
    this.#connectionsTold ??= new WeakSet();
  }

  #tellConnection(socket: NativeSocket): void {
    if (this.#connectionsTold?.has(socket) !== false) return;
    this.#connectionsTold.add(socket);
    this.#server.emit('connection', socket);
  }

  // What the core calls.

  handle(exchange: Exchange): void {
    const native = exchange as NativeExchange;
    if (this.#connectionsTold !== undefined) this.#tellConnection(native.socket);
    if (native.upgrade && this.#upgrade(native)) return;
    const server = this.#server;
    const { req, res } = native.node();
    if (isWatched()) watch(native, server);
    if (this.settings.timeout > 0) native.socket.setTimeout(this.settings.timeout);
    if (native.expectsContinue && server.listenerCount('checkContinue') > 0) {
      server.emit('checkContinue', req, res);
    } else {
      server.emit('request', req, res);
    }
  }

  #upgrade(exchange: NativeExchange): boolean {
    const server = this.#server;
    const event = exchange.method === 'CONNECT' ? 'connect' : 'upgrade';
    if (server.listenerCount(event) === 0) {
      if (event === 'upgrade') return false;
      exchange.abort();
      return true;
    }
    const { req } = exchange.node();
    if (event === 'upgrade' && this.settings.shouldUpgrade?.(req) === false) return false;
    const taken = exchange.takeOver();
    if (taken === undefined) return false;
    Object.assign(taken.socket, { parser: null, server, _httpMessage: null });
    Object.defineProperty(req, 'upgrade', { value: true, writable: true, configurable: true });
    Object.defineProperty(req, 'socket', { value: taken.socket, writable: true, configurable: true });
    server.emit(event, req, taken.socket, taken.head);
    return true;
  }

  // Listening.

  listen(request: ListenRequest): void {
    const opening = { cancelled: false };
    this.#opening = opening;
    if (this.#listenOnOffer(request, opening)) return;
    openListener(request, (error, fd) => {
      if (opening.cancelled) {
        if (error === undefined) addon.close(fd);
        return;
      }
      this.#opening = undefined;
      this.#unlink = request.path;
      if (error === undefined) this.#start([listeningSocket(fd)]);
      else process.nextTick(() => this.#server.emit('error', error));
    });
  }

  /** Under the command: @returns Whether the sockets are its own. */
  #listenOnOffer(request: ListenRequest, opening: { readonly cancelled: boolean }): boolean {
    const offer = currentOffer();
    const { port } = request;
    const asked = describeListen(request);
    const answer = offer?.answer({ server: this.#server, port, asked, backend: 'native' });
    if (offer === undefined || answer === undefined) return false;
    void answer.then(({ sockets, limits, counted, isAlias }) => {
      if (opening.cancelled) return;
      this.#opening = undefined;
      this.#offered = limits;
      const native = this.#start(sockets, counted(this.#handler()), isAlias);
      if (!isAlias) offer.serving(this.#asBackend(native));
    }, ignore);
    return true;
  }

  /** For the command, which drains the server as the program itself would close it. */
  #asBackend(native: NativeServer): BackendServer {
    return {
      close: (drainMs) => {
        closeForProgram(this.#server as unknown as http.Server);
        return native.close(drainMs);
      },
      stats: () => native.stats(),
      exchangeOf: (asyncId) => native.exchangeOf(asyncId),
      openRequests: () => native.openRequests(),
    };
  }

  #start(sockets: readonly ListeningSocket[], handler = this.#handler(), isAlias = false): NativeServer {
    const info = addon.inspect(sockets[0]?.fd ?? -1);
    const about = typeof info === 'number' ? undefined : info;
    this.#address =
      about?.family === 'unix'
        ? (about.path ?? '')
        : {
            address: about?.address ?? '',
            family: about?.family === 'inet6' ? 'IPv6' : 'IPv4',
            port: about?.port ?? 0,
          };
    const native = new NativeServer(
      isAlias ? [] : sockets,
      handler,
      this.#toLimits(),
      reporter,
      createPairFactory(handler),
      { server: this.#server, settings: this.settings },
    );
    this.#native = native;
    if (!this.#refed) native.unref();
    process.nextTick(() => {
      if (this.#native === native) this.#server.emit('listening');
    });
    return native;
  }

  close(callback: ((error?: Error) => void) | undefined): void {
    const server = this.#server;
    const native = this.#native;
    if (this.#opening !== undefined) {
      this.#opening.cancelled = true;
      this.#opening = undefined;
    }
    if (callback !== undefined) {
      if (native === undefined) server.once('close', () => callback(notRunning()));
      else server.once('close', callback);
    }
    if (native === undefined) {
      if (this.#closing === undefined) process.nextTick(() => server.emit('close'));
      return;
    }
    this.#native = undefined;
    if (this.#unlink !== undefined) unlinkQuietly(this.#unlink);
    this.#closing = native;
    native.close(Number.POSITIVE_INFINITY).then(() => {
      if (this.#closing === native) this.#closing = undefined;
      server.emit('close');
    });
  }

  cutConnections(): void {
    (this.#native ?? this.#closing)?.cutConnections();
  }

  closeIdle(): void {
    this.#native?.closeIdle();
  }

  get connections(): number {
    const native = this.#native ?? this.#closing;
    return native === undefined ? 0 : native.stats().connections + native.taken.size;
  }

  ref(): void {
    this.#refed = true;
    this.#native?.ref();
  }

  unref(): void {
    this.#refed = false;
    this.#native?.unref();
  }

  /** The settings have changed; they hold for what begins from now on. */
  update(): void {
    this.#native?.setLimits(this.#toLimits());
  }

  #toLimits(): Limits {
    const { settings } = this;
    const own: Limits = {
      keepAliveMs: settings.keepAliveTimeout,
      headMs: settings.headersTimeout,
      bodyMs: settings.requestTimeout,
      writeMs: 0,
      headBytesMax: settings.maxHeaderSize,
      bodyBytesMax: 0,
      connectionsMax: settings.maxConnections,
      inFlightMax: 0,
      queuedMax: 0,
    };
    return this.#offered === undefined ? own : mergeLimits(own, this.#offered);
  }
}

/** Under the command its limits hold where the program has left Node's defaults. */
function mergeLimits(own: Limits, offered: Limits): Limits {
  const keep = (mine: number, defaultOfNode: number, theirs: number): number =>
    mine === defaultOfNode ? theirs : mine;
  return {
    ...offered,
    keepAliveMs: keep(own.keepAliveMs, nodeDefaults.keepAliveTimeout, offered.keepAliveMs),
    headMs: keep(own.headMs, nodeDefaults.headersTimeout, offered.headMs),
    bodyMs: keep(own.bodyMs, nodeDefaults.requestTimeout, offered.bodyMs),
    headBytesMax: keep(own.headBytesMax, nodeDefaults.maxHeaderSize, offered.headBytesMax),
    connectionsMax: keep(own.connectionsMax, 0, offered.connectionsMax),
  };
}

/** As people read it in a message: nothing but the descriptor is needed of it. */
function listeningSocket(fd: number): ListeningSocket {
  return { fd, family: 'inet', display: `fd ${fd}` };
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
