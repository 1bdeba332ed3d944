import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { ChaussetteError } from './errors.js';

const levels = ['debug', 'info', 'warning', 'error', 'critical'] as const;

export type LogLevel = (typeof levels)[number];

export interface LogOptions {
  readonly logLevel: LogLevel;
  /** A file to append to; `-` is standard error. */
  readonly logOutput: string;
  readonly logFormat: 'text' | 'json';
  /** Number of a worker thread, written behind the process id. */
  readonly thread?: number;
}

const standardError = 2;

/** The log, one line per message, in the form of the original: `2026-11-20 17:01:42 [7673] [INFO] …`.
 *
 *  It never throws and never ends the process: when a manager dies, its end of our standard error closes, and the
 *  worker goes on without a log. SIGPIPE is ignored by Node itself, so that a broken pipe is EPIPE here. */
export class Log {
  readonly #threshold: number;
  readonly #json: boolean;
  /** Number of the worker thread that writes. */
  readonly thread: number | undefined;
  /** Absolute, since an application may change the working directory. */
  readonly #path: string | undefined;
  #fd: number;
  #broken = false;

  /** @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE when the file cannot be opened. */
  constructor(options: LogOptions) {
    this.#threshold = levels.indexOf(options.logLevel);
    this.#json = options.logFormat === 'json';
    this.thread = options.thread;
    this.#path = options.logOutput === '-' ? undefined : resolve(options.logOutput);
    this.#fd = this.#path === undefined ? standardError : open(this.#path);
  }

  debug(message: string): void {
    this.#log('debug', message);
  }

  info(message: string): void {
    this.#log('info', message);
  }

  warning(message: string): void {
    this.#log('warning', message);
  }

  error(message: string): void {
    this.#log('error', message);
  }

  /** What went wrong, with its stack. @param what `GET /path`, mostly. @param fields Further ones, in JSON. */
  failure(what: string, error: unknown, fields: Readonly<Record<string, string>> = {}): void {
    if (!this.#json) {
      this.#log('error', `${what}: ${describeError(error)}`);
      return;
    }
    const isError = error instanceof Error;
    const message = `${what}: ${isError ? `${error.name}: ${error.message}` : inspect(error)}`;
    this.#log('error', message, { ...fields, ...(isError ? { stack: inspect(error) } : {}) });
  }

  critical(message: string): void {
    this.#log('critical', message);
  }

  /** Open the file again, as after logrotate(8). When that fails, the old one stays in use. */
  reopen(): void {
    this.#broken = false;
    if (this.#path === undefined) return;
    try {
      const before = this.#fd;
      this.#fd = open(this.#path);
      closeSync(before);
    } catch (error) {
      this.error(error instanceof Error ? error.message : String(error));
    }
  }

  #log(level: LogLevel, message: string, fields: Readonly<Record<string, string>> = {}): void {
    if (this.#broken || levels.indexOf(level) < this.#threshold) return;
    const now = new Date();
    const line = this.#json
      ? jsonLine(now, level, message, this.thread, fields)
      : textLine(now, level, message, this.thread);
    this.#write(Buffer.from(line));
  }

  #write(bytes: Buffer): void {
    try {
      for (let sent = 0; sent < bytes.length; ) sent += writeSync(this.#fd, bytes, sent);
    } catch (error) {
      // A reader that is slow, on a pipe that somebody made non-blocking, costs this line; everything else the log.
      this.#broken = !isCode(error, 'EAGAIN');
    }
  }
}

/** What an error says of itself for the log: the stack, with causes and fields. */
export function describeError(error: unknown): string {
  return error instanceof ChaussetteError ? error.message : inspect(error);
}

function textLine(now: Date, level: LogLevel, message: string, thread: number | undefined): string {
  const who = thread === undefined ? process.pid : `${process.pid}/${thread}`;
  return `${localTime(now)} [${who}] [${level.toUpperCase()}] ${message}\n`;
}

function jsonLine(
  now: Date,
  level: LogLevel,
  message: string,
  thread: number | undefined,
  fields: Readonly<Record<string, string>>,
): string {
  const entry = { time: now.toISOString(), pid: process.pid, thread, level, message, ...fields };
  return `${JSON.stringify(entry)}\n`;
}

/** `2026-11-20 17:01:42`, in local time. */
function localTime(now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${date} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
}

function open(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ChaussetteError('CHAUSSETTE_ERR_USAGE', `--log-output ${path} cannot be opened: ${why}`, {
      cause,
    });
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
