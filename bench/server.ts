import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { createServer } from 'node:net';
import type { Row } from './rows.js';
import { root, type ServerSpec } from './specs.js';

/** The cores: the server has one for itself; wrk and this process share the other. */
export const serverCore = 0;
export const loadCore = 1;

/** CPU time in microseconds. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

// The kernel counts these in clock ticks; USER_HZ is 100 on every Linux that Node runs on (proc(5), sysconf(3)).
const microsecondsPerTick = 10_000;

/** One server process, pinned to its core.
 *  Lifetime: from `start` until `stop` resolved. */
export class BenchServer {
  readonly spec: ServerSpec;
  readonly port: number;
  readonly secure: boolean;
  private readonly child: ChildProcess;
  /** Milliseconds from exec to the first answer. */
  firstAnswerMs = 0;
  private output = '';
  private ended = false;

  private constructor(spec: ServerSpec, port: number, secure: boolean) {
    this.secure = secure;
    this.spec = spec;
    this.port = port;
    const pinned = ['-c', spec.cores ?? String(serverCore), ...spec.command(port)];
    const env = { ...process.env, NODE_ENV: 'production' };
    this.child = spawn('taskset', pinned, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output += data.toString();
      });
    }
    this.child.on('error', (error) => {
      this.output += error.message;
      this.ended = true;
    });
    this.child.on('exit', () => {
      this.ended = true;
    });
  }

  /** Start a server and wait for its first answer, which is not looked at.
   *  @throws with what it printed, when it ends or does not answer within 20 s. */
  static async start(spec: ServerSpec, { path, secure = false }: Row): Promise<BenchServer> {
    const port = await freePort();
    const began = performance.now();
    const server = new BenchServer(spec, port, secure);
    const deadline = began + 20_000;
    try {
      while (!(await server.answers(path))) {
        if (server.ended) throw new Error(`${spec.name}: the server ended:\n${server.output}`);
        if (performance.now() > deadline)
          throw new Error(`${spec.name}: no answer in 20 s:\n${server.output}`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch (error) {
      await server.stop();
      throw error;
    }
    server.firstAnswerMs = performance.now() - began;
    return server;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** @throws unless it answers as the row says. */
  async check(row: Row): Promise<void> {
    const { status, body } = await this.ask(row.path, row.check.method, row.check.body);
    if (status === 200 && body === row.check.answer) return;
    const seen = `${status} ${JSON.stringify(body.slice(0, 80))}`;
    throw new Error(`${this.spec.name}: ${row.check.method} ${row.path} was answered with ${seen}`);
  }

  /** utime and stime of the process, all of its threads, so far. */
  cpu(): CpuTime {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      user: Number(fields[11]) * microsecondsPerTick,
      system: Number(fields[12]) * microsecondsPerTick,
    };
  }

  /** Anonymous memory that is resident, in bytes. */
  memory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  async stop(): Promise<void> {
    if (this.ended) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 3000);
    await exit;
    clearTimeout(timer);
  }

  async ask(path: string, method = 'GET', body?: string): Promise<{ status: number; body: string }> {
    const { promise, resolve, reject } = settle<{ status: number; body: string }>();
    const at = { host: '127.0.0.1', port: this.port, path, method, agent: false, rejectUnauthorized: false };
    const outgoing = (this.secure ? requestTls : request)(at, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    if (body !== undefined) outgoing.setHeader('content-length', Buffer.byteLength(body));
    outgoing.end(body);
    return promise;
  }

  private async answers(path: string): Promise<boolean> {
    try {
      return (await this.ask(path)).status > 0;
    } catch {
      return false;
    }
  }
}

function settle<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
