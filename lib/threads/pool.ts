import type {
  BackendServer,
  BackendStats,
  ListeningSocket,
  Measures,
  OpenRequest,
  ThreadStats,
} from '../backends/backend.js';
import { totalMeasures, totalStats } from '../backends/totals.js';
import { ChaussetteError } from '../errors.js';
import { describeError, type Log } from '../log.js';
import { descriptors } from '../native/binding.js';
import type { Options } from '../options.js';
import { randomSecret } from '../tls/options.js';
import { ThreadHandle } from './handle.js';
import type { Loaded, ThreadData } from './messages.js';

/** What every thread is started with. */
export interface ThreadPoolSetup {
  readonly options: Options;
  readonly application: string | undefined;
  readonly arguments: readonly string[];
  readonly log: Log;
}

/** Pause before a thread is started again, doubled with each start that did not last. */
const restartMsMin = 100;
const restartMsMax = 30_000;
/** A thread that has served for so long has lasted. */
const lastedMs = 30_000;
/** How much longer than the drain a thread may take before it is ended from outside: it may be blocked. */
const graceMs = 1000;

/** Worker threads on the same sockets, each with its own copy of the application. The main thread serves nothing
 *  itself: it keeps the sockets open, starts a thread again that ended, and lets all of them drain.
 *
 *  Lifetime: from `new`, which starts the threads, until `close` resolved. */
export class ThreadPool implements BackendServer {
  readonly #data: Omit<ThreadData, 'number'>;
  readonly #log: Log;
  readonly #drainMs: number;
  readonly #threads = new Map<number, ThreadHandle>();
  /** Successors that do not serve yet, and those before them that drain. */
  readonly #starting = new Map<number, ThreadHandle>();
  readonly #leaving = new Set<ThreadHandle>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Starts that did not last, by the number of the thread. */
  readonly #failures = new Map<number, number>();
  #sockets: readonly ListeningSocket[] = [];
  #closing: Promise<{ readonly cut: number }> | undefined;
  #cut = 0;
  /** Of threads that are gone. */
  #past: { readonly stats: BackendStats; readonly measures: Measures | undefined } = {
    stats: { connections: 0, inFlight: 0, requests: 0 },
    measures: undefined,
  };

  /** @throws {ChaussetteError} CHAUSSETTE_ERR_BACKEND where the addon, and so a way to share sockets, is missing. */
  constructor({ options, application, arguments: args, log }: ThreadPoolSetup) {
    descriptors();
    this.#log = log;
    this.#drainMs = options.gracefulTimeout * 1000;
    const own: Options = {
      ...options,
      threads: 1,
      drainDelay: 0,
      preHook: undefined,
      postHook: undefined,
      status: undefined,
    };
    const ticketSecret = options.tlsCert === undefined ? undefined : randomSecret();
    const measured = options.status !== undefined;
    this.#data = { options: own, application, arguments: args, ticketSecret, measured };
    for (let number = 1; number <= options.threads; number++) this.#threads.set(number, this.#start(number));
  }

  /** @returns What the first thread has loaded, when every one has.
   *  @throws {ChaussetteError} What the first one that failed says. */
  async load(): Promise<Loaded> {
    const all = await Promise.all([...this.#threads.values()].map(({ loaded }) => loaded));
    return all[0] ?? { description: '', file: undefined };
  }

  /** Serve on `sockets`, which belong to the pool from here on. */
  async serve(sockets: readonly ListeningSocket[]): Promise<this> {
    this.#sockets = sockets;
    await Promise.all([...this.#threads.values()].map((thread) => thread.serve(sockets)));
    return this;
  }

  /** As of the last reports. */
  stats(): BackendStats {
    return totalStats([...this.#all.map(({ stats }) => stats), this.#past.stats]);
  }

  measures(): Measures | undefined {
    return totalMeasures([...this.#all.map(({ measures }) => measures), this.#past.measures]);
  }

  threads(): readonly ThreadStats[] {
    return this.#all.map(({ number, stats, utilization }) => ({ ...stats, number, utilization }));
  }

  async openRequests(): Promise<readonly OpenRequest[]> {
    return (await Promise.all(this.#all.map((thread) => thread.report()))).flatMap(({ open }) => open);
  }

  /** Resolves when every thread has answered: none is blocked. */
  async respond(): Promise<void> {
    await this.openRequests();
  }

  /** Exchanges stay in their thread. */
  exchangeOf(): undefined {
    return undefined;
  }

  reload(): void {
    for (const thread of this.#all) thread.reload();
  }

  retire(): void {
    for (const thread of this.#all) thread.retire();
  }

  close(drainMs: number): Promise<{ readonly cut: number }> {
    this.#closing ??= this.#drain(drainMs);
    if (drainMs <= 0) void this.endNow();
    return this.#closing;
  }

  /** Ask what is in flight, and end every thread, also one that does not answer.
   *  @returns How many requests are cut by this. */
  async endNow(): Promise<number> {
    const patience = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
    await Promise.race([this.respond(), patience]);
    await this.abandon();
    return this.#cut;
  }

  /** End every thread, as after a start that failed. */
  async abandon(): Promise<void> {
    const threads = [...this.#all, ...this.#starting.values()];
    for (const thread of threads) thread.terminate();
    await Promise.all(threads.map(({ ended }) => ended));
  }

  get #all(): readonly ThreadHandle[] {
    return [...this.#threads.values(), ...this.#leaving];
  }

  #start(number: number): ThreadHandle {
    const thread: ThreadHandle = new ThreadHandle(
      { ...this.#data, number },
      {
        retired: () => {
          this.#log.info(`Thread ${number} has had its --max-requests`);
          this.#replace(number);
        },
        crashed: (why) => this.#onCrash(thread, why),
      },
    );
    thread.ended.then(({ cut }) => {
      this.#cut += cut;
      this.#past = {
        stats: totalStats([this.#past.stats, { ...thread.stats, connections: 0, inFlight: 0 }]),
        measures: totalMeasures([this.#past.measures, thread.measures]),
      };
      this.#leaving.delete(thread);
      if (this.#threads.get(number) === thread) this.#threads.delete(number);
    });
    return thread;
  }

  #onCrash(thread: ThreadHandle, why: string): void {
    const { number } = thread;
    this.#log.error(`Thread ${number} ended: ${why}`);
    if (this.#threads.get(number) === thread) this.#replaceLater(number);
  }

  #replaceLater(number: number): void {
    const failures = this.#failures.get(number) ?? 0;
    this.#failures.set(number, failures + 1);
    const ms = Math.min(restartMsMax, restartMsMin * 2 ** failures);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#replace(number);
    }, ms);
    this.#timers.add(timer);
  }

  /** Start another thread with that number; the one before, if it is still there, drains when that one serves. */
  #replace(number: number): void {
    if (this.#closing !== undefined || this.#starting.has(number)) return;
    const next = this.#start(number);
    this.#starting.set(number, next);
    next.loaded
      .then(() => next.serve(this.#sockets))
      .then(
        () => this.#succeed(number, next),
        (error) => {
          this.#starting.delete(number);
          if (this.#closing !== undefined) return;
          this.#log.error(`Thread ${number} could not be started: ${describeError(error)}`);
          this.#replaceLater(number);
        },
      );
  }

  #succeed(number: number, next: ThreadHandle): void {
    this.#starting.delete(number);
    const before = this.#threads.get(number);
    this.#threads.set(number, next);
    if (before !== undefined) {
      this.#leaving.add(before);
      before.close(this.#drainMs);
    }
    this.#log.info(`Thread ${number} serves again`);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#threads.get(number) === next) this.#failures.delete(number);
    }, lastedMs);
    timer.unref();
    this.#timers.add(timer);
  }

  async #drain(drainMs: number): Promise<{ readonly cut: number }> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const thread of this.#starting.values()) thread.terminate();
    for (const thread of this.#all) thread.close(drainMs);
    // What waits in the queue of a socket of ours is the threads' to answer, who have their own descriptors of it.
    for (const { fd } of this.#sockets) descriptors().close(fd);
    const late = setTimeout(() => void this.endNow(), drainMs + graceMs);
    await Promise.all(this.#all.map(({ ended }) => ended));
    clearTimeout(late);
    return { cut: this.#cut };
  }
}

/** @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE for an application that threads cannot load. */
export function requireImportString(application: unknown): string | undefined {
  if (application === undefined || typeof application === 'string') return application;
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_USAGE',
    `threads need an import string, so that each can load the application; this is of type ${typeof application}`,
    { hint: "Give app: './server.js:app', or leave threads out." },
  );
}
