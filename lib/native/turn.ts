import type { BackendServer, Limits, ListeningSocket, Measures, OpenRequest } from '../backends/backend.js';
import { ChaussetteError } from '../errors.js';
import type { Handler, Reporter, RequestLog } from '../exchange.js';
import { unproxied } from '../proxies/ends.js';
import type { Networks } from '../proxies/networks.js';
import { Admission } from './admission.js';
import type { NativeStats, NativeTls } from './binding.js';
import { bodyBlocks } from './body.js';
import { slots } from './commands.js';
import { type NodeLimits, nativeLimits, noNodeLimits } from './core-limits.js';
import { closeGone } from './cut.js';
import { type DropIn, onConnection } from './drop-in.js';
import { remoteEnd } from './endpoints.js';
import { flushEnds, follow, takeEnds } from './ends.js';
import { NativeExchange } from './exchange.js';
import { exchanges } from './exchanges.js';
import { TurnText } from './head.js';
import { flushAtEnd, refCore, unrefCore } from './keep-alive.js';
import {
  addon,
  control,
  controlEnds,
  controlHandled,
  eventAbort,
  eventBody,
  eventClosed,
  eventConnection,
  eventDrain,
  eventFlushed,
  eventHalfClosed,
  eventIdle,
  eventProblem,
  eventRequest,
  eventUnproxied,
  measured,
  memory,
  recordCode,
  recordConnection,
  recordGeneration,
  recordHeadLength,
  recordHeadOffset,
  recordIndex,
  recordKind,
  recordServer,
  records,
  recordWords,
  tellEnds,
  writeWindowBytes,
} from './layout.js';
import type { NativePair } from './node-pair.js';
import { problems } from './problems.js';
import { ranEnds } from './request-end.js';
import { sendNow } from './sent.js';
import type { NativeSocket } from './socket.js';
import { beginRecords } from './socket-end.js';
import { connectionClosed } from './sockets.js';
import { TakenSockets } from './taken-sockets.js';
import { beginHandling, endHandling, inHandler, ranTicks } from './tick.js';

// The receiving half of the turn: the core calls `onTurn` once with every request and event that is ready.

/** After so long, in milliseconds, a call returns although records are left, so that the core sends what is done: the
 *  first response must not wait for the sixtieth. */
const turnBudgetMs = 0.25;

const servers: (NativeServer | undefined)[] = [];
let opened = false;

/** Makes the pair of the node interface; lib/native/node-pair.ts has it. */
export type PairFactory = (exchange: NativeExchange) => NativePair;

/** One server of the native backend: its tag in the core, and its way to the application.
 *
 *  Lifetime: from start() until its last connection has closed. */
export class NativeServer implements BackendServer {
  readonly reporter: Reporter;
  readonly log: RequestLog | undefined;
  readonly createPair: PairFactory;
  readonly handler: Handler;
  readonly admission: Admission | undefined;
  readonly dropIn: DropIn | undefined;
  /** Promise jobs and ticks run between the requests of two connections. */
  readonly runsTicks: boolean;
  /** Of `req.socket`, when it speaks TLS. */
  SecureSocket: typeof NativeSocket | undefined;
  /** Unsent bytes above which write() returns false. */
  highWaterMark: number;
  /** Writing a body where there is none is an error. */
  rejectsBodies: boolean;
  readonly #limits: Limits;
  readonly #tag: number;
  /** The ends of its connections may be what a load balancer tells. */
  isProxied = false;
  /** Connections that speak other protocols now. */
  readonly taken: TakenSockets;
  #closed: Promise<{ cut: number }> | undefined;
  #gone = false;
  #cut = 0;
  #refed = false;
  #coreIdle: (() => void) | undefined;
  #deadline: NodeJS.Timeout | undefined;

  /** @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET when a socket cannot be watched. */
  constructor(
    sockets: readonly ListeningSocket[],
    handler: Handler,
    limits: Limits,
    reporter: Reporter,
    createPair: PairFactory,
    dropIn?: DropIn,
  ) {
    openCore();
    this.handler = handler;
    this.runsTicks = handler.interface === 'node';
    this.#limits = limits;
    this.reporter = reporter;
    this.log = reporter.requests;
    this.log?.follow(() => flushEnds(servers));
    this.createPair = createPair;
    this.admission = limits.inFlightMax > 0 ? new Admission(limits.inFlightMax, limits.queuedMax) : undefined;
    this.#tag = addon.addServer(...nativeLimits(limits, noNodeLimits));
    servers[this.#tag] = this;
    this.dropIn = dropIn;
    // node:http leaves them alone; under the command they are told of its end.
    this.taken = new TakenSockets(dropIn === undefined || dropIn.isOffered);
    this.rejectsBodies = dropIn?.settings.rejectNonStandardBodyWrites === true;
    this.highWaterMark = dropIn?.settings.highWaterMark ?? writeWindowBytes;
    this.setStyle();
    for (const socket of sockets) {
      const error = addon.addListener(this.#tag, socket.fd, socket.shared === true);
      if (error !== 0) {
        // What it listens on already is let go, and so is all that is kept for it when that is done.
        this.close(0);
        throw new ChaussetteError(
          'CHAUSSETTE_ERR_SOCKET',
          `${socket.display} cannot be watched (errno ${-error})`,
        );
      }
    }
    this.ref();
  }

  close(drainMs: number): Promise<{ cut: number }> {
    this.#closed ??= this.#drain();
    if (this.#gone) return this.#closed;
    clearTimeout(this.#deadline);
    if (drainMs <= 0) this.#cutAll();
    else if (drainMs !== Number.POSITIVE_INFINITY) this.#deadline = setTimeout(() => this.#cutAll(), drainMs);
    return this.#closed;
  }

  async #drain(): Promise<{ cut: number }> {
    const idle = new Promise<void>((resolve) => {
      this.#coreIdle = resolve;
      flushAtEnd();
      addon.drain(this.#tag);
    });
    this.taken.drain();
    await idle; // Until then what is in flight may still be taken.
    await this.taken.gone();
    this.#gone = true;
    clearTimeout(this.#deadline);
    return { cut: this.#cut };
  }

  #cutAll(): void {
    this.#cut += addon.cut(this.#tag);
    this.taken.cut();
  }

  /** Cut every connection, in use or not. */
  cutConnections(): void {
    addon.cut(this.#tag);
  }

  closeIdle(): void {
    addon.closeIdle(this.#tag, inHandler());
  }

  get secure(): boolean {
    return this.SecureSocket !== undefined;
  }

  /** Speak TLS with connections from now on.
   *  @param SecureSocket Of `req.socket`.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE when OpenSSL refuses something of it. */
  useTls(settings: NativeTls, SecureSocket: typeof NativeSocket): void {
    const problem = addon.setTls(this.#tag, settings);
    if (problem !== '') throw new ChaussetteError('CHAUSSETTE_ERR_USAGE', `TLS cannot be set up: ${problem}`);
    this.SecureSocket = SecureSocket;
  }

  /** Connections of these peers, from now on, begin with a PROXY header. */
  expectProxies({ subnets, unix }: Networks): void {
    addon.setProxyPeers(
      this.#tag,
      subnets.flatMap(({ address, bits }) => [address, bits]),
      unix,
    );
    this.isProxied = true;
  }

  retire(): void {
    if (this.dropIn === undefined) this.setLimits({ ...this.#limits, keepAliveMs: 0 }, noNodeLimits);
  }

  setLimits(limits: Limits, node: NodeLimits): void {
    addon.setLimits(this.#tag, ...nativeLimits(limits, node));
  }

  /** What its listeners ask for has changed. */
  setStyle(): void {
    const style =
      (this.dropIn?.style ?? 0) |
      (this.log === undefined ? 0 : tellEnds) |
      (this.reporter.measured === true ? measured : 0);
    if (style !== 0 || this.dropIn !== undefined) addon.setStyle(this.#tag, style);
  }

  /** Keep the process alive; the state at the start. */
  ref(): void {
    if (this.#refed) return;
    this.#refed = true;
    refCore();
  }

  unref(): void {
    if (!this.#refed) return;
    this.#refed = false;
    unrefCore();
  }

  stats(): NativeStats {
    return addon.stats(this.#tag);
  }

  measures(): Measures | undefined {
    const measures = addon.measures(this.#tag);
    if (measures === undefined) return undefined;
    const [pairs, durations, durationUs, aborted] = measures;
    const statuses: Record<string, number> = {};
    for (let i = 0; i < pairs.length; i += 2) statuses[String(pairs[i])] = pairs[i + 1] ?? 0;
    return { statuses, durations, durationUs, aborted };
  }

  exchangeOf(asyncId: number): NativeExchange | undefined {
    return exchanges.find((exchange) => exchange?.server === this && exchange.resource.asyncId() === asyncId);
  }

  openRequests(): readonly OpenRequest[] {
    const open: OpenRequest[] = [];
    const numbers = addon.openExchanges(this.#tag);
    for (let i = 0; i < numbers.length; i += 3) {
      const [index = 0, generation = 0, ageMs = 0] = numbers.slice(i, i + 3);
      const exchange = exchanges[index];
      if (exchange === undefined || exchange.generation !== generation || exchange.ended) continue;
      open.push({ method: exchange.method, target: exchange.target, ageMs });
    }
    return open;
  }

  /** @internal The last connection has closed. */
  idle(): void {
    if (servers[this.#tag] === undefined) return;
    servers[this.#tag] = undefined;
    addon.forgetServer(this.#tag);
    this.unref();
    this.#coreIdle?.();
  }

  /** @internal */
  problem(code: number): void {
    const text = problems[code];
    if (text !== undefined) this.reporter.warn(text);
  }
}

function openCore(): void {
  if (opened) return;
  const error = addon.openCore(memory, slots, bodyBlocks, onTurn);
  if (error !== 0) {
    throw new ChaussetteError('CHAUSSETTE_ERR_BACKEND', `the native core cannot be opened (errno ${-error})`);
  }
  opened = true;
  process.once('exit', sendNow); // node:http has sent what is answered by then.
}

/** `performance` is a getter on the global object, and loads perf_hooks when it is first looked at. */
let clock: typeof performance | undefined;

function now(): number {
  clock ??= performance;
  return clock.now();
}

/** Whether a record and the one behind it are requests that came together on one connection. */
function arePipelined(r: number): boolean {
  const next = r + recordWords;
  return (
    records[r + recordKind] === eventRequest &&
    records[next + recordKind] === eventRequest &&
    records[r + recordConnection] === records[next + recordConnection]
  );
}

/** Whether the request behind a record is one of node:http's, on another connection: promises and ticks run before it. */
function isOfAnother(r: number): boolean {
  return servers[records[r + recordWords + recordServer] as number]?.runsTicks === true && !arePipelined(r);
}

/** Handle records [first, first + count). */
function onTurn(first: number, count: number): void {
  if (control[controlEnds] !== 0) takeEnds(servers);
  ranEnds();
  let text: TurnText | undefined;
  const last = (first + count - 1) * recordWords;
  const started = count > 1 ? now() : 0; // a record alone needs no clock
  let stride = 1; // records between two looks at the clock: a look costs as much as a small handler
  let nextLook = 1;
  let i = 0;
  beginRecords(first, count);
  beginHandling();
  try {
    while (i < count) {
      const r = (first + i) * recordWords;
      control[controlHandled] = ++i;
      if (records[r + recordKind] === eventRequest) text = onRequest(text, r, last);
      else onEvent(r);
      if (i === count) break;
      const next = records[r + recordWords + recordKind];
      // As with node:http, ticks run before the next piece of a body, and before a client is gone.
      if (next === eventBody && records[r + recordWords + recordIndex] === records[r + recordIndex]) break;
      if ((next === eventAbort) !== (records[r + recordKind] === eventAbort)) break;
      if (next === eventRequest && isOfAnother(r) && (!ranTicks() || !ranEnds())) break;
      if (i < nextLook) continue;
      const elapsed = now() - started;
      // Requests of one connection learn of its end together, and none has its ticks before the others are there.
      if (elapsed > turnBudgetMs && next !== eventAbort && !arePipelined(r)) break;
      if (elapsed < turnBudgetMs / 4 && stride < 16) stride *= 2;
      nextLook = i + stride;
    }
    closeGone();
  } finally {
    text?.keep();
    endHandling();
  }
}

/** @param last Index of the first word of the last record. @returns The text for the next request. */
function onRequest(current: TurnText | undefined, r: number, last: number): TurnText | undefined {
  const server = servers[records[r + recordServer] as number];
  if (server === undefined) return current;
  let text = current;
  const end = (records[r + recordHeadOffset] as number) + (records[r + recordHeadLength] as number);
  if (text === undefined || end > text.end) {
    text?.keep();
    text = new TurnText(r, last);
  }
  const exchange = new NativeExchange(server, text, r);
  exchanges[exchange.index] = exchange;
  if (server.log !== undefined) follow(exchange, server.log);
  if (server.admission === undefined) exchange.run();
  else server.admission.enter(exchange);
  return text;
}

function onEvent(r: number): void {
  const kind = records[r + recordKind] as number;
  if (kind === eventIdle) {
    servers[records[r + recordServer] as number]?.idle();
    return;
  }
  if (kind === eventProblem) {
    servers[records[r + recordServer] as number]?.problem(records[r + recordCode] as number);
    return;
  }
  if (kind === eventUnproxied) {
    const told = unproxied(remoteEnd(records[r + recordCode] as number));
    servers[records[r + recordServer] as number]?.reporter.warn(told);
    return;
  }
  if (kind === eventClosed) {
    connectionClosed(records[r + recordCode] as number, records[r + recordIndex] as number);
    return;
  }
  if (kind >= eventConnection) {
    onConnection(servers[records[r + recordServer] as number]?.dropIn, kind, r);
    return;
  }
  const exchange = exchanges[records[r + recordIndex] as number];
  if (exchange === undefined || exchange.generation !== records[r + recordGeneration]) return;
  if (kind === eventBody) exchange.scope.runInAsyncScope(exchange.bodyRecord, exchange, r);
  else if (kind === eventAbort)
    exchange.scope.runInAsyncScope(exchange.abortRecord, exchange, records[r + recordCode] as number);
  else if (kind === eventDrain) exchange.scope.runInAsyncScope(exchange.drainRecord, exchange);
  else if (kind === eventFlushed)
    exchange.scope.runInAsyncScope(exchange.flushed, exchange, records[r + recordCode] as number);
  else if (kind === eventHalfClosed) exchange.scope.runInAsyncScope(exchange.halfClosedRecord, exchange);
}
