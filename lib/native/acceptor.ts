import { Socket } from 'node:net';
import { type AcceptorFunctions, loadAddon } from './binding.js';

/** As the core: so many a turn, and so long a pause when descriptors or memory ran out. */
const acceptsPerTurnMax = 64;
const pauseMs = 500;
/** As much as the kernel queues by default (net.core.somaxconn). */
const drainAcceptsMax = 4096;

// Negated errnos of accept(2).
const EAGAIN = -11;
const EINVAL = -22;
/** EINTR, EPROTO, ECONNABORTED: a connection that is gone already is no reason to stop. */
const goesOn: readonly number[] = [-4, -71, -103];

/** Accepts on a socket that listens already, without the listen(2) of node:net, which would change the backlog that
 *  parent and siblings share.
 *
 *  Lifetime: from `start` until `close`. */
export class Acceptor {
  readonly #onSocket: (socket: Socket) => void;
  readonly #warn: (message: string) => void;
  #functions: AcceptorFunctions | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(onSocket: (socket: Socket) => void, warn: (message: string) => void) {
    this.#onSocket = onSocket;
    this.#warn = warn;
  }

  /** @param fd Its own from here on. @returns 0 or a negated errno. */
  start(fd: number): number {
    const loaded = loadAddon();
    if ('reason' in loaded) return EINVAL;
    const functions = loaded.addon.openAcceptor(fd, () => this.#onReadable());
    if (typeof functions === 'number') return functions;
    this.#functions = functions;
    return 0;
  }

  /** Do not keep the process alive. */
  unref(): void {
    this.#functions?.[4]();
  }

  /** Its descriptor is closed, and nothing else.
   *  @param empty Take what waits in the queue of the socket first, which nobody else would. Nothing comes between the
   *  look that finds it empty and the end, so that next to no connection does. */
  close(empty: boolean): void {
    clearTimeout(this.#timer);
    const waiting: number[] = [];
    while (empty && this.#functions !== undefined && waiting.length < drainAcceptsMax) {
      const fd = this.#functions[0]();
      if (fd >= 0) waiting.push(fd);
      else if (!goesOn.includes(fd)) break;
    }
    this.#functions?.[3]();
    this.#functions = undefined;
    for (const fd of waiting) this.#open(fd);
  }

  #open(fd: number): void {
    const options = { fd, readable: true, writable: true, allowHalfOpen: true, pauseOnCreate: true };
    this.#onSocket(new Socket(options).setNoDelay(true));
  }

  #onReadable(): void {
    for (let n = 0; n < acceptsPerTurnMax && this.#functions !== undefined; n += 1) {
      const fd = this.#functions[0]();
      if (fd >= 0) {
        this.#open(fd);
      } else if (fd === EAGAIN) {
        return;
      } else if (!goesOn.includes(fd)) {
        this.#pause(fd);
        return;
      }
    }
  }

  #pause(error: number): void {
    this.#functions?.[1]();
    if (error === EINVAL) {
      this.#warn(
        'a listening socket was shut down by somebody who shares it; it accepts no more. Start the processes again.',
      );
      return;
    }
    this.#warn(
      `no descriptor or memory is left for new connections (errno ${-error}); they wait. Raise the limit of open files (ulimit -n).`,
    );
    this.#timer = setTimeout(() => this.#functions?.[2](), pauseMs);
  }
}
