import type { NativeExchange } from './exchange.js';

/** Lets so many requests run at once; others wait, in order, and those above the queue are refused.
 *
 *  Lifetime: that of its server; only there when a limit is set. */
export class Admission {
  readonly #inFlightMax: number;
  readonly #queuedMax: number;
  readonly #queue: NativeExchange[] = [];
  #running = 0;
  #startsSoon = false;

  /** @param inFlightMax At least 1. @param queuedMax 0 for no limit. */
  constructor(inFlightMax: number, queuedMax: number) {
    this.#inFlightMax = inFlightMax;
    this.#queuedMax = queuedMax;
  }

  /** Run the exchange now or later, or answer 503. */
  enter(exchange: NativeExchange): void {
    // Some of those that wait may be about to run.
    const free = this.#inFlightMax - this.#running;
    if (free > 0 && this.#queue.length === 0) {
      this.#start(exchange);
    } else if (this.#queuedMax === 0 || this.#queue.length < this.#queuedMax + free) {
      this.#queue.push(exchange);
    } else {
      exchange.respond(503, '', refusalHeaders, 'Too many requests are waiting.\n');
    }
  }

  /** An exchange has ended: it ran, or its client left while it waited. */
  leave(exchange: NativeExchange): void {
    if (!exchange.admitted) {
      const place = this.#queue.indexOf(exchange);
      if (place >= 0) this.#queue.splice(place, 1);
      return;
    }
    exchange.admitted = false;
    this.#running--;
    this.#startSoon();
  }

  // In a tick of its own: handlers do not run within each other, however many answer at once.
  #startSoon(): void {
    if (this.#startsSoon || this.#queue.length === 0) return;
    this.#startsSoon = true;
    process.nextTick(() => this.#startNext());
  }

  #startNext(): void {
    this.#startsSoon = false;
    const next = this.#running < this.#inFlightMax ? this.#queue.shift() : undefined;
    if (next === undefined) return;
    try {
      this.#start(next);
    } finally {
      if (this.#running < this.#inFlightMax) this.#startSoon();
    }
  }

  #start(exchange: NativeExchange): void {
    this.#running++;
    exchange.admitted = true;
    exchange.run();
  }
}

const refusalHeaders = ['content-type', 'text/plain; charset=utf-8', 'retry-after', '1'];
