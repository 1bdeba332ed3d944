import { Worker } from 'node:worker_threads';
import type { BackendStats, ListeningSocket, Measures } from '../backends/backend.js';
import { ChaussetteError } from '../errors.js';
import { describeError } from '../log.js';
import { type Loaded, type News, type Order, type Report, type ThreadData, unpackError } from './messages.js';

/** What a thread tells without being asked. */
export interface ThreadEvents {
  retired(): void;
  /** It served, and ended although it had not closed. @param why For the log. */
  crashed(why: string): void;
}

/** One worker thread, as the main thread sees it.
 *
 *  Lifetime: from `new` until `ended`; a successor is another handle. */
export class ThreadHandle {
  readonly number: number;
  /** Rejects when the application cannot be loaded. */
  readonly loaded: Promise<Loaded>;
  readonly serving: Promise<void>;
  /** With the number of requests that were cut. */
  readonly ended: Promise<{ readonly cut: number }>;
  /** As of the last report. */
  stats: BackendStats = { connections: 0, inFlight: 0, requests: 0 };
  measures: Measures | undefined;
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #reports: ((report: Report) => void)[] = [];
  #served = false;
  #terminated = false;
  #gone = false;
  #error: unknown;
  #settle: {
    loaded?: (loaded: Loaded) => void;
    serving?: () => void;
    failed?: (error: unknown) => void;
    ended?: (result: { readonly cut: number }) => void;
  } = {};

  constructor(data: ThreadData, events: ThreadEvents) {
    this.number = data.number;
    this.#events = events;
    const failed = new Promise<never>((_, reject) => {
      this.#settle.failed = reject;
    });
    this.loaded = Promise.race([failed, new Promise<Loaded>((done) => (this.#settle.loaded = done))]);
    this.serving = Promise.race([failed, new Promise<void>((done) => (this.#settle.serving = done))]);
    this.ended = new Promise((done) => (this.#settle.ended = done));
    // Whoever waits for one of them is told; nobody has to.
    for (const promise of [this.loaded, this.serving]) promise.catch(() => {});
    // From dist/chunks/ as well as from lib/threads/.
    this.#worker = new Worker(new URL('../threads/thread.js', import.meta.url), { workerData: data });
    this.#worker.on('message', (news: News) => this.#onNews(news));
    this.#worker.on('error', (error) => {
      this.#error = error;
    });
    this.#worker.on('exit', (code) => this.#onExit(code));
  }

  /** Part of the time since its start that its event loop was busy. */
  get utilization(): number {
    return this.#gone ? 0 : this.#worker.performance.eventLoopUtilization().utilization;
  }

  serve(sockets: readonly ListeningSocket[]): Promise<void> {
    this.#order({ type: 'serve', sockets });
    return this.serving;
  }

  /** Let it answer what is in flight; it ends afterwards. */
  retire(): void {
    this.#order({ type: 'retire' });
  }

  close(drainMs: number): void {
    this.#order({ type: 'close', drainMs });
  }

  reload(): void {
    this.#order({ type: 'reload' });
  }

  /** @returns Not resolved while the thread is blocked. */
  report(): Promise<Report> {
    if (this.#gone) return Promise.resolve(this.#lastReport);
    this.#order({ type: 'report' });
    return new Promise((resolve) => this.#reports.push(resolve));
  }

  /** End it now, also out of an endless loop. */
  terminate(): void {
    this.#terminated = true;
    this.#worker.terminate();
  }

  #order(order: Order): void {
    this.#worker.postMessage(order);
  }

  #onNews(news: News): void {
    switch (news.type) {
      case 'loaded':
        return this.#settle.loaded?.(news);
      case 'serving':
        this.#served = true;
        return this.#settle.serving?.();
      case 'failed':
        this.#settle.failed?.(unpackError(news.error));
        return this.terminate();
      case 'retired':
        return this.#events.retired();
      case 'closed':
        this.#settle.ended?.({ cut: news.cut });
        return this.terminate();
      case 'report':
        this.stats = news.stats;
        this.measures = news.measures;
        return this.#reports.shift()?.(news);
    }
  }

  #onExit(code: number): void {
    const why = this.#error === undefined ? `it exited with code ${code}` : describeError(this.#error);
    // One that was blocked has not told of the request that it was blocked by.
    const cut = Math.max(this.stats.inFlight, this.#reports.length > 0 ? 1 : 0);
    this.stats = { ...this.stats, connections: 0, inFlight: 0 };
    this.#gone = true;
    for (const resolve of this.#reports.splice(0)) resolve(this.#lastReport);
    this.#settle.failed?.(
      new ChaussetteError('CHAUSSETTE_ERR_APP_THREW', `thread ${this.number} ended: ${why}`),
    );
    if (this.#served && !this.#terminated) this.#events.crashed(why);
    this.#settle.ended?.({ cut });
  }

  get #lastReport(): Report {
    return { stats: this.stats, measures: this.measures, open: [] };
  }
}
