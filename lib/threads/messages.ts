import type { BackendStats, ListeningSocket, Measures, OpenRequest } from '../backends/backend.js';
import { ChaussetteError, type ErrorCode } from '../errors.js';
import type { Options } from '../options.js';

/** What a worker thread is started with. */
export interface ThreadData {
  /** From 1 on; the successor of a thread has its number. */
  readonly number: number;
  readonly options: Options;
  readonly application: string | undefined;
  readonly arguments: readonly string[];
  /** For session tickets that every thread can read; with TLS only. */
  readonly ticketSecret: Uint8Array | undefined;
  readonly measured: boolean;
}

/** From the main thread. */
export type Order =
  /** The sockets of the main thread, which keeps its descriptors: the worker makes its own of them. */
  | { readonly type: 'serve'; readonly sockets: readonly ListeningSocket[] }
  /** Drain; only when it serves. */
  | { readonly type: 'retire' }
  | { readonly type: 'close'; readonly drainMs: number }
  /** Open the log file and read the certificates again. */
  | { readonly type: 'reload' }
  /** Answered with a report. */
  | { readonly type: 'report' };

export interface Report {
  readonly stats: BackendStats;
  readonly measures: Measures | undefined;
  readonly open: readonly OpenRequest[];
}

export interface Loaded {
  readonly description: string;
  /** Where the application is. */
  readonly file: string | undefined;
}

/** From a worker thread. */
export type News =
  | ({ readonly type: 'loaded' } & Loaded)
  | { readonly type: 'serving' }
  /** It could not start. */
  | { readonly type: 'failed'; readonly error: CarriedError }
  /** It has had its --max-requests, and goes on serving until it is told to close. */
  | { readonly type: 'retired' }
  | { readonly type: 'closed'; readonly cut: number }
  | ({ readonly type: 'report' } & Report);

/** An error on its way between threads, where classes are lost. */
interface CarriedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  /** Stack of the error underneath. */
  readonly cause: string | undefined;
}

export function packError(error: unknown): CarriedError {
  if (!(error instanceof ChaussetteError)) {
    const cause = stackOf(error);
    return { code: 'CHAUSSETTE_ERR_INTERNAL', message: String(error), hint: undefined, cause };
  }
  const { code, message, hint } = error;
  return { code, message, hint, cause: error.cause === undefined ? undefined : stackOf(error.cause) };
}

export function unpackError({ code, message, hint, cause }: CarriedError): ChaussetteError {
  return new ChaussetteError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
