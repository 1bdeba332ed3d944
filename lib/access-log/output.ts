import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { ChaussetteError } from '../errors.js';
import { Lines } from './lines.js';

const standardOutput = 1;
/** Lines wait for so long at most, or until so many bytes of them are there. */
const flushMs = 250;
const flushBytes = 64 * 1024;
/** Above it lines are lost: a reader that does not take them must not fill the memory. */
const waitingBytesMax = 4 * 1024 * 1024;
/** A pipe takes so much in one piece, whoever else writes to it (PIPE_BUF in pipe(7)). */
const pipeBytesMax = 4096;

/** Where the lines go: a file that is appended to, or standard output. They are written many at once. What cannot be
 *  written is lost, and the log says so: once, and again when it is over.
 *
 *  Lifetime: that of its server. */
export class LineOutput {
  /** Absolute, since an application may change the working directory. */
  readonly #path: string | undefined;
  readonly #warn: (message: string) => void;
  #fd: number;
  #isPipe = false;
  /** What waits; the format writes into it, and then calls `added`. */
  readonly lines = new Lines();
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;
  /** What was written last is a line without its end. */
  #isInLine = false;
  /** And that end is lost. */
  #isCut = false;
  /** Its reader does not take more now. */
  #isSlow = false;
  /** Nobody reads: until `reopen`. */
  #broken = false;

  /** @param path `-` for standard output. @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE when it cannot be opened. */
  constructor(path: string, warn: (message: string) => void) {
    this.#path = path === '-' ? undefined : resolve(path);
    this.#warn = warn;
    this.#fd = this.#open();
  }

  /** There are more lines. */
  added(): void {
    if (this.#broken) this.lines.clear();
    else if (this.lines.length >= flushBytes && !this.#isSlow) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), flushMs).unref();
  }

  /** Open the file again, as after logrotate(8). When that fails, the old one stays in use. */
  reopen(): void {
    if (this.#fd < 0) return;
    this.flush();
    this.#broken = false;
    if (this.#path === undefined) return;
    try {
      const before = this.#fd;
      this.#fd = this.#open();
      closeSync(before);
      this.#isInLine = false;
      this.#isCut = false;
    } catch (error) {
      this.#warn(error instanceof Error ? error.message : String(error));
    }
  }

  /** Write what waits, as far as it is taken. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { lines } = this;
    if (lines.length === 0 || this.#fd < 0) return;
    let sent = 0;
    try {
      if (this.#isCut) {
        writeSync(this.#fd, '\n');
        this.#isInLine = false;
        this.#isCut = false;
      }
      while (sent < lines.length) sent += writeSync(this.#fd, lines.bytes, sent, this.#partBytes(sent));
      this.#isInLine = false;
      this.#isSlow = false;
      if (this.#lost > 0) this.#warn(`--access-log is written again; ${this.#lost} lines were lost`);
      this.#lost = 0;
    } catch (error) {
      this.#onError(error, sent);
      return;
    }
    lines.clear();
  }

  /** Write what is left; nothing is taken from here on. */
  close(): void {
    this.flush();
    clearTimeout(this.#timer);
    this.#broken = true;
    if (this.#fd !== standardOutput) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** A pipe takes whole lines at once, so that those of other processes do not come between. */
  #partBytes(sent: number): number {
    const { bytes, length } = this.lines;
    const rest = length - sent;
    if (!this.#isPipe || rest <= pipeBytesMax) return rest;
    const end = bytes.lastIndexOf(10, sent + pipeBytesMax - 1);
    return end < sent ? pipeBytesMax : end + 1 - sent;
  }

  #onError(error: unknown, sent: number): void {
    const { lines } = this;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const left = lines.bytes.subarray(sent, lines.length);
    this.#isSlow = code === 'EAGAIN';
    if (sent > 0) this.#isInLine = lines.bytes[sent - 1] !== 10;
    if (code === 'EAGAIN' && left.length < waitingBytesMax) {
      lines.bytes.copyWithin(0, sent, lines.length);
      lines.length = left.length;
      this.#timer = setTimeout(() => this.flush(), flushMs).unref();
      return;
    }
    const why = code === 'EAGAIN' ? 'its reader is too slow' : (error as Error).message;
    if (this.#lost === 0) this.#warn(`--access-log cannot be written: ${why}; lines are lost`);
    for (const byte of left) if (byte === 10) this.#lost += 1;
    this.#isCut = this.#isInLine;
    lines.clear();
    // A full disk may have room later; nobody will read from this pipe again.
    this.#broken = code === 'EPIPE';
  }

  #open(): number {
    try {
      const fd = this.#path === undefined ? openStandard() : openSync(this.#path, appending, 0o644);
      this.#isPipe = fstatSync(fd).isFIFO();
      return fd;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `--access-log ${this.#path ?? '-'} cannot be opened: ${why}`;
      throw new ChaussetteError('CHAUSSETTE_ERR_USAGE', message, { cause });
    }
  }
}

/** A FIFO without a reader, and one that does not read, must not hold us: ENXIO and EAGAIN say so. */
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** A pipe is opened anew: nobody else's descriptor becomes non-blocking with ours. One that a manager made as another
 *  user (Supervisor's `user=`, `sudo -u`) may be written to and not opened, and is used as it is. */
function openStandard(): number {
  if (!fstatSync(standardOutput).isFIFO()) return standardOutput;
  try {
    return openSync(`/proc/self/fd/${standardOutput}`, appending);
  } catch {
    return standardOutput;
  }
}
