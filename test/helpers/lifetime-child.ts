import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { within } from './lifetime-client.js';
import type { LifetimeServer } from './lifetime-server.js';
import { cleanEnvironment, root } from './processes.js';

const script = join(root, 'test/helpers/lifetime-server.ts');

/** A worker thread of Node 20 does not inherit the loader that reads TypeScript. */
const bootstrap = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(script)});
})`;

/** A process of a test: its lines, and its end. It is killed after the test when it is still there. */
export class Child {
  readonly process: ChildProcess;
  output = '';
  /** The exit code or the signal. */
  readonly ended: Promise<number | string>;
  #done = false;
  #wake: () => void = () => {};

  /** @param options `files`: the limit of open files; `fds`: handed over as 3, 4, … */
  constructor(
    t: TestContext,
    args: readonly string[],
    options: { readonly files?: number; readonly fds?: readonly number[] } = {},
  ) {
    const limit = options.files === undefined ? '' : `ulimit -n ${options.files} && `;
    this.process = spawn('bash', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...args], {
      env: cleanEnvironment(),
      cwd: root,
      stdio: ['pipe', 'pipe', 'pipe', ...(options.fds ?? [])],
    });
    for (const output of [this.process.stdout, this.process.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#wake();
      });
    }
    this.ended = once(this.process, 'close').then(([code, signal]) => {
      this.#done = true;
      this.#wake();
      return signal ?? code;
    });
    t.after(async () => {
      this.process.kill('SIGKILL');
      await this.ended;
    });
  }

  /** A server (lifetime-server.ts). */
  static server(
    t: TestContext,
    setup: LifetimeServer,
    options: { readonly files?: number; readonly fds?: readonly number[] } = {},
  ): Child {
    return new Child(t, ['--expose-gc', '--import', 'tsx', script, JSON.stringify(setup)], options);
  }

  /** Wait for a line. @throws with all the output when the process ends before it. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const look = async (): Promise<RegExpExecArray> => {
      for (;;) {
        const found = pattern.exec(this.output);
        if (found !== null) return found;
        if (this.#done) throw new Error(`it ended without ${pattern}: ${this.output}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    return await within(`${pattern} of a child process (${this.output})`, look());
  }

  async port(): Promise<number> {
    return Number((await this.line(/^port (\d+)$/m))[1]);
  }
}

/** The same server in a worker thread. */
export async function startWorker(
  t: TestContext,
  setup: LifetimeServer,
): Promise<{ readonly worker: Worker; readonly port: number; readonly ended: Promise<number> }> {
  const worker = new Worker(bootstrap, { eval: true, workerData: setup });
  const ended = once(worker, 'exit').then(([code]) => Number(code));
  t.after(() => worker.terminate());
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  const [port] = await within('a worker', Promise.race([once(worker, 'message'), failed]));
  return { worker, port, ended };
}
