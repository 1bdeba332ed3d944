import type { Socket } from 'node:net';
import type { Reporter } from '../exchange.js';
import { ResponseWatch } from '../native/response-watch.js';
import type { BackendStats } from './backend.js';
import type { Refusal } from './http-rules.js';

/** What a server of the http backend counts since its start. */
export class HttpCounters {
  requests = 0;
  accepted = 0;
  /** Where somebody wants to know of responses. */
  readonly watch: ResponseWatch | undefined;
  readonly #refusals = new Map<string, { status: number; reason: string; count: number }>();
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(reporter: Reporter) {
    this.watch = ResponseWatch.of(reporter);
  }

  closed({ bytesRead, bytesWritten }: Socket): void {
    this.#bytesIn += bytesRead;
    this.#bytesOut += bytesWritten;
  }

  /** The answer to what is not for the application. */
  refused({ status, text }: Refusal): void {
    const count = (this.#refusals.get(text)?.count ?? 0) + 1;
    this.#refusals.set(text, { status, reason: text, count });
  }

  /** @param sockets Of the open connections; undefined where their bytes are not all ours. */
  stats(now: Pick<BackendStats, 'connections' | 'inFlight'>, sockets?: Iterable<Socket>): BackendStats {
    const { accepted, requests } = this;
    const counts = { ...now, requests, accepted, refusals: [...this.#refusals.values()] };
    if (sockets === undefined) return counts;
    let [bytesIn, bytesOut] = [this.#bytesIn, this.#bytesOut];
    for (const { bytesRead, bytesWritten } of sockets) {
      bytesIn += bytesRead;
      bytesOut += bytesWritten;
    }
    return { ...counts, bytesIn, bytesOut };
  }
}
