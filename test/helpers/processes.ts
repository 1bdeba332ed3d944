import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The command, as managers are given it: the same Node, no dependence on PATH. */
export const chaussette = `${process.execPath} ${join(root, 'bin/chaussette.js')}`;

/** The environment without what node:test, the runner and npm leave in it: the command looks at npm's. */
export function cleanEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const left = new Set([
    'NODE_TEST_CONTEXT',
    'NODE_OPTIONS',
    'NODE_CHANNEL_FD',
    'LISTEN_FDS',
    'NOTIFY_SOCKET',
  ]);
  const kept = Object.entries(process.env).filter(([name]) => !left.has(name) && !name.startsWith('npm_'));
  return { ...Object.fromEntries(kept), ...extra };
}

/** @returns Why a test that needs this program is skipped, or false when it is installed. */
export function missing(program: string): string | false {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  return found ? false : `${program} is not installed`;
}

/** A directory of the test's own, removed after it. */
export function temporaryDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'chaussette-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A port that is free, and stays so until it is used: below those that the kernel gives to whoever asks for any. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.on('error', () => resolve(false)).listen(port, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** A child process of a test, its output, and its end. It is stopped after the test. */
export class Running {
  readonly child: ChildProcess;
  /** Standard output and error, as they came. */
  output = '';
  stdout = '';
  private readonly ended: Promise<string>;

  constructor(t: TestContext, command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(command, args, { env: cleanEnvironment(), cwd: root, ...options });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.output += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(error.message));
      this.child.on('close', (code, signal) => resolve(signal ?? String(code)));
    });
    t.after(() => this.stop());
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** @returns The exit code or the signal, as text. */
  end(): Promise<string> {
    return this.ended;
  }

  /** Ask it to end; kill it when it has not within `ms`. @returns As `end`. */
  async stop(ms = 60_000): Promise<string> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), ms);
    const how = await this.ended;
    clearTimeout(timer);
    return how;
  }
}

/** Look again and again until `look` gives something; for what tells nobody, such as another process's files.
 *  @throws naming `what` when it has not within `ms`. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  ms = 60_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What the threads of a process and of its descendants wait for, for a message about one that hangs. */
export function threadsOf(pid: number | undefined): string {
  const columns = ['pid', 'ppid', 'lwp', 'stat', 'wchan:24', 'comm'].join();
  const { stdout } = spawnSync('ps', ['-eLo', columns], { encoding: 'utf8' });
  const [head = '', ...lines] = String(stdout).split('\n'); // null where there is no ps(1)
  const family = new Set([pid]);
  const found = lines.filter((line) => {
    const [own, parent] = line.trim().split(/\s+/).map(Number);
    if (family.has(parent)) family.add(own);
    return family.has(own);
  });
  return [head, ...found].join('\n');
}

/** Whether somebody accepts connections there. */
export async function answers(target: NetConnectOpts): Promise<boolean> {
  const socket = connect(target);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The client's ports of the TCP connections that a process holds on its port `local`, from /proc. Stop the process
 *  first: then nothing is added to them. */
export function peerPorts(pid: number, local: number): Set<number> {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const ports = new Set<number>();
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const portOf = (field: string | undefined) => Number.parseInt(field?.split(':')[1] ?? '0', 16);
    if (portOf(fields[1]) === local && inodes.has(fields[9] ?? '')) ports.add(portOf(fields[2]));
  }
  ports.delete(0);
  return ports;
}

/** Wait until SIGSTOP has taken effect (state T in /proc). */
export function stopped(pid: number): Promise<true> {
  return eventually(`process ${pid} to stop`, () => {
    const state = /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
    return state === 'T' ? true : undefined;
  });
}
