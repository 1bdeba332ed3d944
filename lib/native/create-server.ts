import { EventEmitter } from 'node:events';
import type { RequestListener, ServerOptions } from 'node:http';
import * as http from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { bareBase, defineValues, enumerableAs } from './base.js';
import { kAdopt } from './drop-in.js';
import { nodeServes } from './fallback.js';
import { readListenArguments } from './listen.js';
import { alreadyListens, invalidType } from './node-errors.js';
import { listenNode, type NetListen } from './node-listen.js';
import { currentOffer } from './offer.js';
import {
  addOwnMembers,
  defineInside,
  stopChecks,
  trackConnections,
  untrackConnections,
} from './server-inside.js';
import { readServerOptions, type ServerSettings } from './server-options.js';
import { defineProperties, passOn } from './server-properties.js';
import { ServerState } from './server-state.js';
import { kServer } from './socket-facts.js';

// node:http's Server over the native core: its API, its events, its defaults. What only node:http can do is decided
// when the server begins to listen: then the object becomes a server of node:http, and each method passes on to it.

/** What the server has on the native core; undefined when node:http serves instead. */
const kState = Symbol('state');
const kOptions = Symbol('options');
/** Serves the sockets that the application itself hands in with emit('connection'). */
const kFeeder = Symbol('feeder');
/** Node's own listener of 'connection', once node:http serves. */
const kNodesFeed = Symbol('nodesFeed');

type Listener = (...args: unknown[]) => void;
/** What stands in for a server where the core cannot serve. */
export const kNode = Symbol('node');

export interface NodeSide {
  readonly Server: typeof http.Server;
  /** Of its constructor. */
  options(server: Server): ServerOptions;
  /** Whether it has to serve, whatever is listened on. */
  must(server: Server): boolean;
  /** The server has become one of Node's. */
  became(server: Server): void;
}

/** Node's own; the preload puts another one in its place. */
const HttpServer = http.Server;
const node = HttpServer.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;

/** A Server in place of node:http's, of which it is an instance. */
export class Server extends bareBase<EventEmitter>(HttpServer.prototype) {
  declare [kState]: ServerState | undefined;
  declare [kOptions]: ServerOptions;
  declare [kFeeder]: http.Server | undefined;
  declare [kNodesFeed]: Listener | undefined;
  declare readonly [kNode]: NodeSide;
  declare timeout: number;
  declare keepAliveTimeout: number;
  declare headersTimeout: number;
  declare requestTimeout: number;
  declare maxConnections: number | null | undefined;
  declare maxHeadersCount: number | null;
  declare maxRequestsPerSocket: number;

  constructor(options?: ServerOptions | RequestListener | null, listener?: RequestListener) {
    super();
    initServer(this, options, listener);
  }

  override on(event: string | symbol, listener: Listener): this {
    super.on(event, listener);
    if (told.has(event)) this[kState]?.restyle();
    return this;
  }

  override prependListener(event: string | symbol, listener: Listener): this {
    super.prependListener(event, listener);
    if (told.has(event)) this[kState]?.restyle();
    return this;
  }

  override addListener(event: string | symbol, listener: Listener): this {
    return this.on(event, listener);
  }

  listen(...args: unknown[]): this {
    const state = this[kState];
    if (state === undefined) {
      listenNode(this as unknown as http.Server, args, node['listen'] as NetListen);
      return this;
    }
    if (state.listening || state.opening) throw alreadyListens();
    if (currentOffer()?.native === false || nodeServes(args) || !isFed(this) || this[kNode].must(this)) {
      becomeNode(this, state.settings);
      return this.listen(...args);
    }
    const request = readListenArguments(args);
    if (request.callback !== undefined) this.once('listening', request.callback);
    if (request.signal?.aborted === true) {
      process.nextTick(() => this.close());
      return this;
    }
    request.signal?.addEventListener('abort', () => this.close(), { once: true });
    state.isOverheard = hasOwnEmit(this);
    state.listen(request);
    return this;
  }

  get listening(): boolean {
    const state = this[kState];
    return state === undefined ? (this as unknown as { _handle: unknown })._handle !== null : state.listening;
  }

  address(): AddressInfo | string | null {
    const state = this[kState];
    return state === undefined ? (node['address']?.call(this) as AddressInfo) : state.address;
  }

  close(callback?: (error?: Error) => void): this {
    const state = this[kState];
    if (state === undefined) node['close']?.call(this, callback);
    else {
      stopChecks(this);
      state.close(typeof callback === 'function' ? callback : undefined);
      this.closeIdleConnections(); // Called for whoever has put another in its place.
    }
    return this;
  }

  closeAllConnections(): void {
    const state = this[kState];
    if (state === undefined) node['closeAllConnections']?.call(this);
    else {
      this[kFeeder]?.closeAllConnections();
      state.cutConnections();
    }
  }

  closeIdleConnections(): void {
    const state = this[kState];
    if (state === undefined) node['closeIdleConnections']?.call(this);
    else {
      this[kFeeder]?.closeIdleConnections();
      state.closeIdle();
    }
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    const state = this[kState];
    if (state === undefined) node['getConnections']?.call(this, callback);
    else process.nextTick(callback, null, state.connections);
    return this;
  }

  ref(): this {
    const state = this[kState];
    if (state === undefined) node['ref']?.call(this);
    else state.ref();
    Object.assign(this, { _unref: false });
    return this;
  }

  unref(): this {
    const state = this[kState];
    if (state === undefined) node['unref']?.call(this);
    else state.unref();
    Object.assign(this, { _unref: true });
    return this;
  }

  setTimeout(ms?: number | (() => void), callback?: () => void): this {
    if (typeof ms === 'number') this.timeout = ms;
    const listener = typeof ms === 'function' ? ms : callback;
    if (listener !== undefined) this.on('timeout', listener);
    return this;
  }

  /** @internal */
  [kAdopt](socket: Socket): void {
    let feeder = this[kFeeder];
    if (feeder === undefined) {
      feeder = new this[kNode].Server(nodeOptions(this));
      this[kFeeder] = feeder;
    }
    for (const event of forwarded) {
      if (feeder.listenerCount(event) > 0 || this.listenerCount(event) === 0) continue;
      feeder.on(event, (...args: unknown[]) => this.emit(event, ...args));
    }
    const state = this[kState];
    if (state !== undefined) passOn({ ...state.settings, maxConnections: undefined }, feeder);
    feeder.emit('connection', socket);
    Object.assign(socket, { server: this });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.close((error) => (error === undefined ? resolve() : reject(error)));
    });
  }
}

/** What the constructor does; apart, because `Server.call(this)` of util.inherits must do it as well.
 *  @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, as node:http. */
export function initServer(
  server: Server,
  options: ServerOptions | RequestListener | null | undefined,
  listener: RequestListener | undefined,
): void {
  const onRequest = typeof options === 'function' ? options : listener;
  const given = readOptions(options);
  const settings = readServerOptions(given);
  const state = new ServerState(server, settings);
  (EventEmitter as unknown as (this: object) => void).call(server);
  // Out of sight of those who list the members of a server.
  defineValues(server, { [kState]: state, [kOptions]: given, [kFeeder]: undefined });
  addOwnMembers(server, Server.prototype, {
    insecureHTTPParser: given.insecureHTTPParser,
    connectionsCheckingInterval: given.connectionsCheckingInterval ?? 30_000,
    httpValidation: (given as { httpValidation?: unknown }).httpValidation,
  });
  if (onRequest !== undefined) server.on('request', onRequest as unknown as Listener);
  server.on('connection', feed as unknown as Listener);
  trackConnections(server);
}

/** @throws {TypeError} ERR_INVALID_ARG_TYPE */
export function readOptions<T extends ServerOptions>(options: T | RequestListener | null | undefined): T {
  const given: unknown = typeof options === 'function' ? {} : (options ?? {});
  if (typeof given === 'object' && !Array.isArray(given)) return given as T;
  throw invalidType('options', 'of type object', given);
}

/** Of these the core tells only when somebody listens; an upgrade it reads otherwise then. */
const told: ReadonlySet<string | symbol> = new Set([
  'connection',
  'clientError',
  'drop',
  'timeout',
  'upgrade',
]);

/** An application may emit 'connection' with any stream. */
function feed(this: Server, socket: Socket): void {
  if (this[kState] === undefined) this[kNodesFeed]?.(socket);
  else if (!(kServer in socket)) this[kAdopt](socket);
}

/** Programs that look at the protocol first take this listener away, and call it for what is theirs to serve. */
function isFed(server: Server): boolean {
  return server.listeners('connection').includes(feed as unknown as Listener);
}

/** Whether a program's class, or the program for this server, has an emit() of its own, which hears without listeners. */
function hasOwnEmit(server: object): boolean {
  let at = server;
  while (!Object.hasOwn(at, kNode)) {
    if (Object.hasOwn(at, 'emit')) return true;
    at = Object.getPrototypeOf(at) as object;
  }
  return false;
}

const forwarded = [
  'request',
  'upgrade',
  'connect',
  'checkContinue',
  'checkExpectation',
  'clientError',
  'timeout',
  'dropRequest',
] as const;

/** What node:http makes its server with. The preload has put its own message classes in place of Node's: what a program
 *  adds to those (Restify does) must be found on the requests and responses here as well. */
function nodeOptions(server: Server): ServerOptions {
  const { IncomingMessage, ServerResponse } = http;
  return { IncomingMessage, ServerResponse, ...server[kNode].options(server) };
}

/** Have node:http serve, whether it listens already or not. */
export function toNode(server: Server): void {
  const state = server[kState];
  if (state === undefined) return;
  if (state.listening || state.opening) moveToNode(server);
  else becomeNode(server, state.settings);
}

/** Have node:http accept what comes from now on at a server that listens already. */
export function moveToNode(server: Server): void {
  const state = server[kState];
  if (state === undefined || state.isOffered) return;
  if (state.opening) {
    server.once('listening', () => moveToNode(server));
    return;
  }
  const left = state.leave();
  if (left === undefined) return;
  untrackConnections(server);
  const told = left.announced ? server.rawListeners('listening') : [];
  if (left.announced) server.removeAllListeners('listening');
  becomeNode(server, state.settings);
  node['listen']?.call(server, { fd: left.fd });
  if (!left.announced) return;
  server.once('listening', () => {
    for (const listener of told) server.on('listening', listener as Listener);
  });
}

/** From here on it is a server of node:http, with the listeners and limits that it was given. */
function becomeNode(server: Server, settings: ServerSettings): void {
  server[kState] = undefined;
  const fed = isFed(server);
  server.removeListener('connection', feed as unknown as Listener);
  untrackConnections(server);
  const { _unref: unrefd } = server as unknown as { _unref: boolean };
  const construct = server[kNode].Server as unknown as (this: object, options: ServerOptions) => void;
  construct.call(server, nodeOptions(server));
  if (unrefd) node['unref']?.call(server);
  const nodesFeed = server.listeners('connection').at(-1) as Listener;
  server[kNodesFeed] = nodesFeed;
  if (!fed) server.removeListener('connection', nodesFeed);
  passOn(settings, server);
  server[kNode].became(server);
}

defineProperties(Server.prototype, stateOf);

defineInside(Server.prototype, stateOf);
enumerableAs(Server.prototype, HttpServer.prototype);

Object.defineProperty(Server.prototype, kNode, {
  value: {
    Server: HttpServer,
    options: (server) => server[kOptions],
    must: () => false,
    became: () => {},
  } satisfies NodeSide,
});

/** @internal undefined when node:http serves. */
export function stateOf(server: object): ServerState | undefined {
  return (server as Server)[kState];
}

/** Whether it is served by the native core, as far as that is decided. */
export function isNative(server: NetServer): boolean {
  return (server as unknown as Server)[kState] !== undefined;
}
