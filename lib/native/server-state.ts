import type * as http from 'node:http';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { BackendServer, ListeningSocket } from '../backends/backend.js';
import type { Exchange, Handler } from '../exchange.js';
import type { NativeTls } from './binding.js';
import { putShort } from './commands.js';
import type { Server } from './create-server.js';
import {
  closeDropped,
  type DropIn,
  isHostless,
  kAdopt,
  parseError,
  type RefusedRequest,
  skipBody,
  waitsForBody,
} from './drop-in.js';
import type { NativeExchange } from './exchange.js';
import {
  addon,
  bareUpgrades,
  dropsAll,
  halfOpen,
  hostOptional,
  keepsConnections,
  nodeStyle,
  opReadOn,
  tellConnections,
  tellDrops,
  tellRefusals,
  tellTimeouts,
} from './layout.js';
import { addressOf, type ListenRequest, openListener, unlinkQuietly } from './listen.js';
import { notRunning } from './node-errors.js';
import { closeForProgram, describeListen } from './node-listen.js';
import { createPairFactory } from './node-pair.js';
import { isWatched, watch } from './observe.js';
import { type Answer, currentOffer } from './offer.js';
import { listened } from './server-inside.js';
import { limitsOf, nodeLimits, takesNone } from './server-limits.js';
import { type ServerSettings, skipsUpgradeBodies } from './server-options.js';
import { listeningSocket, reporter } from './server-reports.js';
import { keepsHalf } from './socket-end.js';
import { kBroke, kFail } from './socket-facts.js';
import { socketAt } from './sockets.js';
import { NativeTlsSocket, nativeTls } from './tls.js';
import { NativeServer } from './turn.js';

/** What a Server has on the native core: its listener there, and the way from there to its events.
 *
 *  Lifetime: that of its Server, or until node:http takes that over. */
export class ServerState implements DropIn {
  readonly settings: ServerSettings;
  readonly server: Server;
  #native: NativeServer | undefined;
  #closing: NativeServer | undefined;
  #address: AddressInfo | string | null = null;
  #unlink: string | undefined;
  /** Sockets exist from the start of their connections. */
  #told = false;
  /** The program hears all that the server emits. */
  isOverheard = false;
  hearsTimeouts = false;
  #opening: { cancelled: boolean } | undefined;
  #request: ListenRequest | undefined;
  #tls: NativeTls | undefined;
  #refed = true;
  /** 'listening' was emitted. */
  #announced = false;
  #fd = -1;
  /** Under the command: its limits. */
  #offered: Pick<Answer, 'limits' | 'watch'> | undefined;
  /** And its certificates, in the place of the program's. */
  #hasOfferedTls = false;

  constructor(server: Server, settings: ServerSettings) {
    this.server = server;
    this.settings = settings;
  }

  /** Until its last connection has closed; one may come in the turn in which a listener closes the server. */
  get #serving(): NativeServer | undefined {
    return this.#native ?? this.#closing;
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

  get isOffered(): boolean {
    return this.#offered !== undefined;
  }

  /** Those of an Express application among the listeners; see node-pair.ts. */
  get nodePrototypes(): { readonly request: object; readonly response: object } | undefined {
    for (const listener of this.server.listeners('request')) {
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

  /** @param isHere As much of the body of an upgrade request as there will be before somebody reads it. */
  handle(exchange: Exchange, isHere = false): void {
    const native = exchange as NativeExchange;
    const { server, settings } = this;
    if (this.#told) native.socket; // is told which request it carries
    if (native.upgrade) {
      if ((!isHere && waitsForBody(native, this)) || this.#upgrade(native)) return;
      putShort(opReadOn, native.index, native.generation, 0);
    }
    const { req, res } = native.node();
    if (settings.optimizesEmpty) skipBody(req);
    if (isWatched()) watch(native, server);
    if (settings.timeout > 0) native.socket.setTimeout(settings.timeout);
    if (native.upgrade && settings.requireHostHeader && isHostless(req)) {
      res.writeHead(400, { connection: 'close' }).end();
    } else if (native.dropped) {
      server.emit('dropRequest', req, native.socket);
      res.writeHead(503).end();
    } else if (native.expectsContinue || native.expectsOther) {
      this.#expectation(req, res);
    } else {
      server.emit('request', req, res);
    }
  }

  /** As node:http, which takes whatever contains 100-continue for it. */
  #expectation(req: IncomingMessage, res: ServerResponse): void {
    const { server } = this;
    if (/(?:^|\W)100-continue(?:$|\W)/i.test(req.headers.expect ?? '')) {
      if (server.emit('checkContinue', req, res)) return;
      (res as { writeContinue(): void }).writeContinue();
      server.emit('request', req, res);
    } else if (!server.emit('checkExpectation', req, res)) {
      res.writeHead(417).end();
    }
  }

  #upgrade(exchange: NativeExchange): boolean {
    const server = this.server;
    const event = exchange.method === 'CONNECT' ? 'connect' : 'upgrade';
    const { shouldUpgradeCallback } = this.settings;
    const asks = event === 'upgrade' && shouldUpgradeCallback !== undefined;
    const isHeard = server.listenerCount(event) > 0;
    if (event === 'upgrade' && !asks && !isHeard) return false;
    const { req } = exchange.node();
    if (asks && !shouldUpgradeCallback.call(server, req)) return false;
    if (!isHeard) {
      exchange.abort();
      return true;
    }
    const taken = exchange.takeOver();
    if (taken === undefined) return false;
    Object.assign(taken.socket, { parser: null, server, _httpMessage: null });
    Object.defineProperty(req, 'upgrade', { value: true, writable: true, configurable: true });
    Object.defineProperty(req, 'socket', { value: taken.socket, writable: true, configurable: true });
    (req as { complete: boolean }).complete = true;
    if (exchange.hasBody) exchange.node().fill();
    server.emit(event, req, taken.socket, taken.head);
    return true;
  }

  connected(connection: number): void {
    const { server, settings } = this;
    const native = this.#serving;
    if (native === undefined) return;
    const socket = socketAt(connection, native);
    if (settings.timeout > 0) socket.setTimeout(settings.timeout);
    if (settings.keepAlive) socket.setKeepAlive(true, settings.keepAliveInitialDelay * 1000);
    server.emit('connection', socket);
  }

  refused(connection: number, refusal: RefusedRequest): void {
    const native = this.#serving;
    if (native === undefined) return;
    const socket = socketAt(connection, native);
    const error = parseError(refusal, socket);
    if (error.code === 'ECONNRESET') return socket[kBroke](error);
    socket[kFail](error, refusal.status, error.code === 'HPE_INVALID_EOF_STATE');
  }

  timedOut(connection: number): void {
    if (this.#serving !== undefined) socketAt(connection, this.#serving).emit('timeout');
  }

  dropped(fd: number): void {
    this.server.emit('drop', closeDropped(fd));
  }

  adopt(socket: Socket): void {
    this.#serving?.taken.hold(socket, undefined);
    this.server[kAdopt](socket);
  }

  /** What of it the core has to tell, as far as somebody listens. */
  get style(): number {
    const { server, settings } = this;
    const heard = server.listenerCount('connection') > 1 || this.isOverheard; // the first one is the server's own
    this.#told ||= heard || settings.timeout > 0 || settings.keepAlive;
    return (
      nodeStyle |
      (this.#told ? tellConnections : 0) |
      (this.#told || server.listenerCount('clientError') > 0 ? tellRefusals : 0) |
      (this.hearsTimeouts || server.listenerCount('timeout') > 0 ? tellTimeouts : 0) |
      (server.listenerCount('drop') > 0 ? tellDrops : 0) |
      (keepsHalf(server) ? halfOpen : 0) |
      (settings.requireHostHeader ? 0 : hostOptional) |
      (takesNone(settings) ? dropsAll : 0) |
      (skipsUpgradeBodies(settings) && server.listenerCount('upgrade') > 0 ? bareUpgrades : 0) |
      (this.isOffered ? 0 : keepsConnections)
    );
  }

  /** Listeners have come, perhaps after listen(). */
  restyle(): void {
    this.#native?.setStyle();
  }

  listen(request: ListenRequest): void {
    const opening = { cancelled: false };
    this.#opening = opening;
    this.#request = request;
    if (this.#listenOnOffer(request, opening)) return;
    openListener(request, (error, fd) => {
      if (opening.cancelled) {
        if (error === undefined) addon.close(fd);
        return;
      }
      this.#opening = undefined;
      this.#unlink = request.path;
      if (error === undefined) this.#start([listeningSocket(fd)]);
      else process.nextTick(() => this.server.emit('error', error));
    });
  }

  /** Under the command: @returns Whether the sockets are its own. */
  #listenOnOffer(request: ListenRequest, opening: { readonly cancelled: boolean }): boolean {
    const offer = currentOffer();
    const { port } = request;
    const asked = describeListen(request);
    const answer = offer?.answer({ server: this.server, port, asked, backend: 'native' });
    if (offer === undefined || answer === undefined) return false;
    const serve = ({ sockets, limits, counted, watch, isAlias, tls }: Answer): void => {
      if (opening.cancelled) return;
      this.#opening = undefined;
      this.#offered = { limits, watch };
      if (tls !== undefined) this.#tls = nativeTls(tls);
      this.#hasOfferedTls = tls !== undefined;
      const native = this.#start(sockets, counted(this.#handler()), isAlias);
      if (!isAlias) offer.serving(this.#asBackend(native));
    };
    answer.then(serve).catch((error: unknown) => offer.cannotServe(error));
    return true;
  }

  /** For the command, which drains the server as the program itself would close it. */
  #asBackend(native: NativeServer): BackendServer {
    return {
      close: (drainMs) => {
        closeForProgram(this.server as unknown as http.Server);
        return native.close(drainMs);
      },
      stats: () => native.stats(),
      exchangeOf: (asyncId) => native.exchangeOf(asyncId),
      openRequests: () => native.openRequests(),
      ...(this.#hasOfferedTls
        ? { setTls: (settings) => native.useTls(nativeTls(settings), NativeTlsSocket) }
        : {}),
      measures: () => native.measures(),
    };
  }

  #start(sockets: readonly ListeningSocket[], handler = this.#handler(), isAlias = false): NativeServer {
    this.#address = addressOf(sockets[0]?.fd ?? -1);
    listened(this.server, this.#address, this.#request);
    this.#announced = false;
    this.#fd = sockets[0]?.fd ?? -1;
    const native = new NativeServer(
      isAlias ? [] : sockets,
      handler,
      limitsOf(this.settings, this.#offered?.limits),
      { ...reporter, ...this.#offered?.watch },
      createPairFactory(handler, this.settings),
      this,
    );
    if (this.#tls !== undefined) native.useTls(this.#tls, NativeTlsSocket);
    this.#native = native;
    this.update();
    if (!this.#refed) native.unref();
    process.nextTick(() => {
      if (this.#native !== native) return;
      this.#announced = true;
      this.server.emit('listening');
    });
    return native;
  }

  close(callback: ((error?: Error) => void) | undefined): void {
    const server = this.server;
    const native = this.#native;
    if (this.#opening !== undefined) {
      this.#opening.cancelled = true;
      this.#opening = undefined;
    }
    if (callback !== undefined) {
      server.once('close', native === undefined ? () => callback(notRunning()) : callback);
    }
    if (native === undefined) {
      if (this.connections === 0) process.nextTick(() => server.emit('close'));
      return;
    }
    this.#native = undefined;
    if (this.#unlink !== undefined) unlinkQuietly(this.#unlink);
    this.#closing = native;
    const closed = native.close(Number.POSITIVE_INFINITY);
    // As net.Server: with connections it has not closed when it listens again by then.
    const drained = this.connections === 0;
    if (drained) process.nextTick(() => server.emit('close'));
    closed.then(() => {
      if (this.#closing === native) this.#closing = undefined;
      if (!drained && this.#native === undefined) server.emit('close');
    });
  }

  /** Accept no more; who is connected is served on.
   *  @returns The listening socket, the caller's from here on, and whether 'listening' was emitted. */
  leave(): { readonly fd: number; readonly announced: boolean } | undefined {
    const native = this.#native;
    if (native === undefined) return undefined;
    const fd = addon.duplicate(this.#fd);
    this.#native = undefined;
    this.#closing = native;
    void native.close(Number.POSITIVE_INFINITY);
    const path = this.#unlink;
    if (path !== undefined) this.server.once('close', () => unlinkQuietly(path));
    return { fd, announced: this.#announced };
  }

  /** For connections from now on. */
  setTls(tls: NativeTls): void {
    if (this.#hasOfferedTls) return;
    this.#tls = tls;
    this.#native?.useTls(tls, NativeTlsSocket);
  }

  cutConnections(): void {
    this.#serving?.cutConnections();
  }

  closeIdle(): void {
    this.#serving?.closeIdle();
  }

  get connections(): number {
    const native = this.#serving;
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
    const native = this.#native;
    if (native === undefined) return;
    const { settings } = this;
    native.setLimits(limitsOf(settings, this.#offered?.limits), nodeLimits(settings, this.isOffered));
    native.setStyle();
    native.highWaterMark = settings.highWaterMark;
    native.rejectsBodies = settings.rejectNonStandardBodyWrites;
  }
}
