import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import type { ListeningSocket } from '../backends/backend.js';
import { channelFd, type Handed, type ReloadNews, variable } from './reload-channel.js';

/** One process that runs the application, as the reloader sees it. Its descriptors are 0 to 2 of the reloader, the
 *  channel, and the sockets.
 *
 *  Lifetime: from `new` until `ended`. */
export class ReloadedProcess {
  /** Whether it serves, or has ended instead. */
  readonly serves: Promise<boolean>;
  /** With its exit status; 128 and the number of a signal that ended it, as a shell has it. */
  readonly ended: Promise<number>;
  /** Where the application is, when it serves. */
  file: string | undefined;
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #waiting: (() => void)[] = [];

  constructor(sockets: readonly ListeningSocket[], status: readonly ListeningSocket[]) {
    const [script = '', ...args] = process.argv.slice(1);
    const all = [...sockets, ...status];
    const renamed = all.map((socket, index) => ({ ...socket, fd: channelFd + 1 + index }));
    const handed: Handed = {
      sockets: renamed.slice(0, sockets.length),
      status: renamed.slice(sockets.length),
    };
    this.#child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      env: { ...process.env, [variable]: JSON.stringify(handed) },
      stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...all.map(({ fd }) => fd)],
    });
    this.#channel = this.#child.stdio[channelFd] as Duplex;
    this.#channel.on('error', () => {}); // It is gone: `ended` tells.
    this.ended = new Promise((done) => {
      this.#child.on('error', () => done(1));
      this.#child.on('exit', (code, signal) => done(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
    });
    this.serves = new Promise((done) => {
      this.ended.then(() => done(false));
      createInterface({ input: this.#channel }).on('line', (line) => {
        const news = JSON.parse(line) as ReloadNews;
        if (news.type === 'pong') {
          this.#waiting.shift()?.();
          return;
        }
        this.file = news.file;
        done(true);
      });
    });
  }

  /** Resolves when its event loop, and those of its threads, have answered; or when it has ended. */
  async respond(): Promise<void> {
    this.#channel.write('?');
    const answer = new Promise<void>((done) => {
      this.#waiting.push(done);
    });
    await Promise.race([answer, this.ended]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** For one that does not serve yet. It may be caught in a module that does not end. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
