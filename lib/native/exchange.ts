import { AsyncResource } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { ChaussetteError } from '../errors.js';
import type { BodySink, Exchange, HeaderList } from '../exchange.js';
import { showEnds } from '../proxies/ends.js';
import { RequestBody } from './body.js';
import { putChunk, putEnd, putFile, putResponse, putShort } from './commands.js';
import { tellGone } from './cut.js';
import { exchanges } from './exchanges.js';
import type { FieldList } from './field-template.js';
import type { TurnText } from './head.js';
import {
  addon,
  nodeHead,
  opAbort,
  opChunk,
  opInfo,
  opRespond,
  streamed,
  wantDrain,
  wantFlushed,
} from './layout.js';
import type { NativePair } from './node-pair.js';
import { RequestHead, resourceOptions } from './request-head.js';
import { isRunning, runHandler } from './running.js';
import type { NativeSocket } from './socket.js';
import { kAnswered, kClosing, kLeft, kPeerEnded, kToldAll } from './socket-facts.js';
import { openSocket, socketOf } from './sockets.js';
import { checkFinal, checkInfoStatus } from './status.js';
import { afterImmediates, thisTick } from './tick.js';
import { TunnelSocket } from './tunnel-socket.js';
import type { NativeServer } from './turn.js';

const noTrailers: HeaderList = [];
/** Of the async resource that keeps what the handler has left; that of the request is told apart. */
const scopeType = 'HTTPINCOMINGMESSAGE_SCOPE';

/** One request of the native backend, its body and its response. */
export class NativeExchange extends RequestHead implements Exchange {
  /** Tell the pair when the last byte of the response was handed to the kernel. Set it before the end. */
  watchFlush = false;
  /** It counts among those that run at once; see admission.ts. */
  admitted = false;
  /** Of the response, where the log of requests shows them. */
  responseFields: HeaderList | undefined;
  /** `100 Continue` was written by the application. */
  continued = false;
  headSent = false;
  ended = false;
  #tick = -1;
  aborted = false;
  #halfClosed = false;
  #body: RequestBody | undefined;
  #unacked = 0;
  #needDrain = false;
  #drainCallback: (() => void) | undefined;
  #abortCallback: (() => void) | undefined;
  #pair: NativePair | undefined;
  #socket: NativeSocket | undefined;
  #scope: AsyncResource | undefined;
  #tunnel: TunnelSocket | undefined;

  /** @param r Index of the first word of its record. */
  constructor(server: NativeServer, turn: TurnText, r: number) {
    super(server, turn, r);
    if (this.hasBody) {
      this.#body = new RequestBody(this.index, this.generation, false);
      this.#body.take(r);
    }
  }

  /** Hand it to the application, in an async context of its own. */
  run(): void {
    this.resource.runInAsyncScope(runHandler, undefined, this);
  }

  /** The async context of what comes later: that in which the handler has returned. */
  get scope(): AsyncResource {
    return this.#scope ?? this.resource;
  }

  /** @internal The handler has returned; the core has more to tell. */
  keepScope(): void {
    if (exchanges[this.index] === this) this.#scope = new AsyncResource(scopeType, resourceOptions);
  }

  /** Its head was written in this tick as the start of a stream, or the end of it for somebody who waits for the flush. */
  get inThisTick(): boolean {
    return this.#tick >= 0 && this.#tick === thisTick();
  }

  /** The connection has gone, or is about to. */
  get isLost(): boolean {
    return this.aborted || this.#socket?.destroyed === true;
  }

  /** Its head is not taken back any more. */
  keepHead(): void {
    this.#tick = -1;
  }

  /** Every byte of the request was received. */
  get bodyComplete(): boolean {
    return this.#body === undefined || this.#body.complete;
  }

  /** ... and the program was told, as by node:http: after the handler, and what the last bytes have brought about. */
  get bodyTold(): boolean {
    return !isRunning(this) && (this.#body === undefined || (this.#body.complete && !this.#body.isFresh));
  }

  get body(): RequestBody | undefined {
    return this.#body;
  }

  readBody(sink: BodySink): void {
    this.#body ??= new RequestBody(this.index, this.generation, true);
    this.#body.read(sink);
  }

  resumeBody(): boolean {
    return this.#body?.resume() === true;
  }

  discardBody(): void {
    this.#body?.discard();
  }

  respond(status: number, statusText: string, headers: HeaderList, body: string | Uint8Array | null): void {
    this.#respond(status, statusText, headers, body, 0);
  }

  /** `respond` for the node interface: connection fields as node:http writes them.
   *  @param flags Further command flags. */
  respondNode(
    status: number,
    statusText: string,
    headers: FieldList,
    body: string | Uint8Array | null,
    flags: number,
  ): void {
    this.#respond(status, statusText, headers, body, flags | nodeHead);
  }

  #respond(
    status: number,
    statusText: string,
    headers: FieldList,
    body: string | Uint8Array | null,
    flags: number,
  ): void {
    if (this.ended) return;
    checkFinal(this.headSent, status, (flags & nodeHead) !== 0);
    if (this.watchFlush) flags |= wantFlushed;
    putResponse(opRespond, this.index, this.generation, status, statusText, headers, body, flags);
    this.headSent = true;
    if (this.server.log?.wantsFields === true) this.responseFields = headers.map(String);
    this.#finish();
  }

  respondHead(status: number, statusText: string, headers: HeaderList): void {
    this.#startHead(status, statusText, headers, streamed);
  }

  /** @param flags Further command flags. */
  respondHeadNode(status: number, statusText: string, headers: FieldList, flags: number): void {
    this.#startHead(status, statusText, headers, flags | streamed | nodeHead);
    this.#tick = thisTick();
  }

  #startHead(status: number, statusText: string, headers: FieldList, flags: number): void {
    if (this.ended) return;
    checkFinal(this.headSent, status, (flags & nodeHead) !== 0);
    putResponse(opRespond, this.index, this.generation, status, statusText, headers, null, flags);
    this.headSent = true;
    if (this.server.log?.wantsFields === true) this.responseFields = headers.map(String);
  }

  respondInfo(status: number, headers: HeaderList): void {
    if (this.ended || this.headSent) return;
    checkInfoStatus(status);
    if (status === 100) this.continued = true;
    putResponse(opInfo, this.index, this.generation, status, '', headers, null, 0);
  }

  /** @param needsDrain Tell when the client has taken it, although it is little. */
  write(chunk: string | Uint8Array, needsDrain = false): boolean {
    if (this.ended) return true;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    if (bytes.length === 0) return !this.#needDrain;
    const full = this.isFullWith(bytes.length) || needsDrain;
    this.#unacked += bytes.length;
    putChunk(opChunk, this.index, this.generation, bytes, full ? wantDrain : 0);
    if (full) this.#needDrain = true;
    return !full;
  }

  /** Whether `write` of so many bytes would return false. What the kernel has taken meanwhile is asked for only when all
   *  that was written together would be too much. */
  isFullWith(bytes: number): boolean {
    const { highWaterMark } = this.server;
    if (this.#unacked + bytes < highWaterMark) return false;
    this.#unacked = this.unsentBytes;
    return this.#unacked + bytes >= highWaterMark;
  }

  writeFile(fd: number, start = -1, length = 0): void {
    if (this.ended) return;
    putFile(this.index, this.generation, fd, start, length);
    // The core has a descriptor of its own from here on, and the caller may close this one.
    addon.runCommands();
  }

  /** Whether `write` returned false and the client has not taken enough since. */
  get needDrain(): boolean {
    return this.#needDrain;
  }

  end(trailers: HeaderList = noTrailers): void {
    if (this.ended) return;
    const flags = this.watchFlush ? wantFlushed : 0;
    putEnd(this.index, this.generation, trailers, flags);
    this.#finish();
  }

  /** @param isCut The connection ends with it, otherwise it is left to who writes to it. */
  abort(isCut = true): void {
    if (this.ended) return;
    if (isCut) putShort(opAbort, this.index, this.generation, this.inThisTick ? 1 : 0); // as node:http, which drops that
    this.headSent = true;
    this.watchFlush = false;
    this.#finish();
  }

  /** End the connection when the responses in front of this one, which nobody gets, are sent.
   *  @returns Behind what: one of `behind…` in layout.ts. */
  endBehindOthers(): number {
    return addon.endBehindOthers(this.index, this.generation);
  }

  /** `abort` in the tick of a write; the pair is told behind it, as when the core tells that the client has left. */
  cut(): void {
    this.abort();
    this.aborted = true;
    afterImmediates(() => {
      this.tellAborted(0);
      this.tellClosed();
    });
  }

  /** @internal */
  tellAborted(how: number): void {
    this.#socket?.[kLeft](how);
    this.#tellAbort();
    this.#pair?.aborted();
  }

  /** @internal */
  tellClosed(): void {
    this.#socket?.[kToldAll](this.#pair);
    this.#pair?.closed();
  }

  fail(error: unknown): void {
    this.server.reporter.applicationError(error, this);
    if (this.headSent) return this.abort();
    this.respond(500, '', ['content-type', 'text/plain; charset=utf-8'], 'Internal Server Error\n');
  }

  takeOver(): { socket: Socket; head: Buffer } | undefined {
    if (!this.upgrade || this.ended || this.headSent) return undefined;
    if (this.server.secure) return this.#openTunnel();
    const ends = this.server.isProxied ? { remote: this.remote, local: this.local } : undefined;
    const taken = addon.takeOver(this.index, this.generation);
    if (taken === undefined) return undefined;
    this.#finish();
    const [fd, head] = taken;
    const socket = openSocket(this.connection, fd);
    if (ends !== undefined) showEnds(socket, ends);
    return { socket: this.server.taken.add(socket, this), head };
  }

  #openTunnel(): { readonly socket: Socket; readonly head: Buffer } | undefined {
    const { remote, local } = this;
    const head = addon.tunnel(this.index, this.generation);
    if (head === undefined) return undefined;
    const body = new RequestBody(this.index, this.generation, false);
    this.#tunnel = new TunnelSocket(this.connection, body, remote, local);
    this.#finish();
    // It has what users of a taken socket use.
    const socket = this.#tunnel as unknown as Socket;
    return { socket: this.server.taken.add(socket, this), head };
  }

  onDrain(callback: (() => void) | undefined): void {
    this.#drainCallback = callback;
  }

  onAbort(callback: (() => void) | undefined): void {
    this.#abortCallback = callback;
    if (callback !== undefined && (this.aborted || this.#halfClosed)) this.#tellAbort();
  }

  /** `req.socket` and `res.socket`, made when somebody asks for it. */
  get socket(): NativeSocket {
    this.#socket ??= socketOf(this);
    return this.#socket;
  }

  /** The same, when somebody has asked for it. */
  get knownSocket(): NativeSocket | undefined {
    return this.#socket;
  }

  node(): NativePair {
    this.#pair ??= this.server.createPair(this);
    return this.#pair;
  }

  #finish(): void {
    this.ended = true;
    if (this.watchFlush) this.#tick = thisTick();
    this.#drainCallback = undefined;
    this.#socket?.[kAnswered]();
    this.#forget();
    if (this.admitted) this.server.admission?.leave(this);
  }

  /** The core has nothing more to tell, unless body bytes or the flush are still to come. */
  #forget(): void {
    if (this.#tunnel !== undefined || !this.ended || !this.bodyComplete || this.watchFlush) return;
    this.#gone();
  }

  #gone(): void {
    exchanges[this.index] = undefined;
    this.#scope?.emitDestroy();
    this.resource.emitDestroy();
  }

  // What the core tells, one record each.

  /** @internal */
  bodyRecord(r: number): void {
    const body = this.bodyComplete ? (this.#tunnel?.body ?? this.#body) : this.#body;
    body?.take(r);
    this.#forget();
    body?.flow();
  }

  /** @internal */
  abortRecord(how: number): void {
    this.#gone();
    this.aborted = !this.ended || this.watchFlush;
    this.ended = true;
    this.server.admission?.leave(this);
    if (this.#tunnel !== undefined) return this.#tunnel.gone();
    if (!this.bodyComplete) {
      this.#body?.fail(
        new ChaussetteError('CHAUSSETTE_ERR_ABORTED', 'the client left before the request body was complete'),
      );
    }
    if (this.aborted) tellGone(this, how);
  }

  halfClosedRecord(): void {
    this.#halfClosed = true;
    this.#socket?.[kPeerEnded]();
    this.#tellAbort();
    if (!this.ended) this.#pair?.halfClosed();
  }

  #tellAbort(): void {
    const callback = this.#abortCallback;
    this.#abortCallback = undefined;
    this.#halfClosed = false;
    callback?.();
  }

  drainRecord(): void {
    this.#tunnel?.drained();
    this.#unacked = 0;
    this.#needDrain = false;
    this.#drainCallback?.();
    this.#pair?.drain();
  }

  /** @internal */
  flushed(code: number): void {
    this.watchFlush = false;
    // The connection ends with it.
    if (code === 1) this.#socket?.[kClosing]();
    this.#forget();
    this.#pair?.flushed();
  }
}
