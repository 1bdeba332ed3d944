import { spawn } from 'node:child_process';
import { type Addon, loadAddon } from '../native/binding.js';
import { describeErrno } from './errno.js';

/** Tells systemd, or whoever started us in its way, how far we are: sd_notify(3), over the datagram socket that
 *  NOTIFY_SOCKET names. Without the addon, systemd-notify(1) carries the messages, which needs NotifyAccess=all.
 *
 *  Lifetime: that of the process. Nothing that fails here stops a server; the first failure is a warning. */
export class Notifier {
  readonly #path: string;
  /** WATCHDOG_USEC, in milliseconds; undefined when nobody watches. */
  readonly watchdogMs: number | undefined;
  readonly #warn: (message: string) => void;
  readonly #addon: Addon | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #warned = false;

  /** @param path Of the socket, or `@name`. @param warn Takes one line. */
  constructor(path: string, watchdogMs: number | undefined, warn: (message: string) => void) {
    this.#path = path;
    this.watchdogMs = watchdogMs;
    this.#warn = warn;
    const loaded = loadAddon();
    this.#addon = 'addon' in loaded ? loaded.addon : undefined;
  }

  /** The start, or a reload, is over. @param addresses As people read them, for `systemctl status`. */
  ready(addresses: readonly string[]): void {
    this.#send(['READY=1', `STATUS=Serving on ${addresses.join(', ')}`]);
  }

  /** A reload begins; `ready` ends it. */
  reloading(): void {
    // systemd wants to know when, by CLOCK_MONOTONIC, to tell this reload from the one before.
    this.#send(['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, 'STATUS=Reloading']);
  }

  stopping(): void {
    this.#send(['STOPPING=1', 'STATUS=Draining']);
  }

  /** Send WATCHDOG=1 now, and from then on twice in the time that systemd waits for it.
   *  @param respond Resolves when every part of the server has answered. While it does not, nothing is sent: a loop
   *  that is blocked sends nothing by itself. */
  watch(respond: () => Promise<void>): void {
    if (this.watchdogMs === undefined) return;
    let asking = false;
    const ping = (): void => {
      if (asking) return;
      asking = true;
      respond().then(() => {
        asking = false;
        this.#send(['WATCHDOG=1']);
      });
    };
    this.#send(['WATCHDOG=1']);
    this.#watchdog ??= setInterval(ping, Math.max(1, this.watchdogMs / 2));
    this.#watchdog.unref();
  }

  #send(lines: readonly string[]): void {
    if (this.#addon === undefined) {
      const program = spawn('systemd-notify', [`--pid=${process.pid}`, ...lines], {
        env: { ...process.env, NOTIFY_SOCKET: this.#path },
        stdio: 'ignore',
      });
      program.on('error', (error) => this.#warnOnce(error.message));
      program.unref();
      return;
    }
    const result = this.#addon.sendDatagram(this.#path, lines.join('\n'));
    if (result < 0) this.#warnOnce(describeErrno(result));
  }

  #warnOnce(why: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#warn(
      `NOTIFY_SOCKET ${this.#path} cannot be written to: ${why}; the manager is not told of our state`,
    );
  }
}

/** Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and remove them, so that no child speaks in our name.
 *  @param env Changed: process.env, mostly.
 *  @returns undefined when nobody wants to be told.
 *  @see sd_notify(3), sd_watchdog_enabled(3) */
export function takeNotifier(
  env: NodeJS.ProcessEnv,
  pid: number,
  warn: (message: string) => void,
): Notifier | undefined {
  const { NOTIFY_SOCKET: path, WATCHDOG_USEC: usec, WATCHDOG_PID: watched } = env;
  if (path === undefined || path === '') return undefined;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  const ours = watched === undefined || watched === '' || watched === String(pid);
  const ms = ours && /^[1-9]\d*$/.test(usec ?? '') ? Number(usec) / 1000 : undefined;
  return new Notifier(path, ms, warn);
}
