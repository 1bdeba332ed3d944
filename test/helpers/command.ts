import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { within } from './lifetime-client.js';
import { chaussette, cleanEnvironment, root, threadsOf } from './processes.js';

const [node = '', script = ''] = chaussette.split(' ');

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The command in a process of its own, killed after the test when it is still there. */
export class Command {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #ended: Promise<number | NodeJS.Signals>;
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(t: TestContext, args: readonly string[], options: CommandOptions = {}, program = node) {
    const env = cleanEnvironment({ ...options.env });
    const whole = program === node ? [script, ...args] : args;
    this.child = spawn(program, whole, { env, cwd: options.cwd ?? root, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#add('stdout', text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#add('stderr', text));
    this.#ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        this.#closed = true;
        this.#wake();
        resolve(signal ?? code ?? -1);
      });
    });
    const gone = once(this.child, 'exit');
    t.after(async () => {
      this.child.kill('SIGKILL');
      await gone;
    });
  }

  #add(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** @returns The exit code or the signal. @throws with all the output when it does not end. */
  end(): Promise<number | NodeJS.Signals> {
    return within(() => `the end of the command:\n${this.#state}`, this.#ended);
  }

  /** For the message about one that hangs. */
  get #state(): string {
    return `${threadsOf(this.child.pid)}\n${this.stderr}${this.stdout}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Wait for a line of the output. @throws with all the output when it does not come. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return within(() => `${pattern} of the command:\n${this.#state}`, this.#line(pattern));
  }

  async #line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stderr) ?? pattern.exec(this.stdout);
      if (found !== null) return found;
      if (this.#closed)
        throw new Error(`the command ended without ${pattern}:\n${this.stderr}${this.stdout}`);
      await new Promise<void>((wake) => {
        this.#waiting.push(wake);
      });
    }
  }

  /** Wait until it serves. @returns The addresses of the log line. */
  async serving(): Promise<string[]> {
    await this.line(/Using .* as a backend\n/);
    const [, places = ''] = await this.line(/Serving on (.*)\n/);
    return places.split(', ');
  }
}

/** What test/helpers/fd_parent.py hands over. */
export interface Passed {
  readonly fd: number;
  readonly kind:
    | 'closed'
    | 'directory'
    | 'file'
    | 'pipe'
    | 'tcp'
    | 'tcp-bound'
    | 'tcp-connected'
    | 'tcp-unbound'
    | 'tcp6'
    | 'udp'
    | 'unix'
    | 'unix-bound'
    | 'unix-dgram';
  readonly path?: string;
}

/** What became of a descriptor that was handed over, seen by the parent after the end of the command. */
export interface PassedState {
  readonly nonblocking?: boolean;
  readonly backlog?: number;
  readonly path_exists?: boolean;
}

/** The backlog that fd_parent.py listens with. */
export const parentBacklog = 77;

/** The command under a parent that hands it descriptors. */
export class FdParent {
  readonly parent: Command;

  /** @param names LISTEN_FDNAMES, and the other variables with it. */
  constructor(
    t: TestContext,
    passed: readonly Passed[],
    args: readonly string[],
    options: CommandOptions & { readonly names?: string } = {},
  ) {
    const setup = JSON.stringify({ pass: passed, names: options.names });
    const program = join(root, 'test/helpers/fd_parent.py');
    this.parent = new Command(t, [program, setup, node, script, ...args], options, 'python3');
    t.after(() => {
      const pid = /^\{"pid": (\d+)/m.exec(this.parent.stdout)?.[1];
      const ended = /^\{"status"/m.test(this.parent.stdout);
      if (pid !== undefined && !ended) process.kill(Number(pid), 'SIGKILL');
    });
  }

  async started(): Promise<{ readonly pid: number; readonly ports: readonly number[] }> {
    const [text] = await this.parent.line(/^\{"pid".*$/m);
    return JSON.parse(text);
  }

  /** Wait for the end of the command, and for all that it printed. */
  async ended(): Promise<{ readonly status: number; readonly sockets: readonly PassedState[] }> {
    const [text] = await this.parent.line(/^\{"status".*$/m);
    // The command's own output comes through another pipe.
    await this.parent.end();
    return JSON.parse(text);
  }

  /** Send a signal to the command. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    process.kill((await this.started()).pid, signal);
  }
}
