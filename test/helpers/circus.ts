import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cleanEnvironment, eventually, Running, root } from './processes.js';

interface Event {
  readonly event: 'listening' | 'spawned' | 'exited' | 'done';
  readonly pid?: number;
  readonly status?: number;
  readonly socket?: string;
  readonly fd?: number;
  readonly port?: number;
  readonly path?: string;
  readonly command?: string;
}

/** test/helpers/circus_parent.py at work on one circus.ini. What its workers print is in `output`, after its own. */
export class CircusParent {
  private readonly running: Running;

  /** @param settings `section.key=value`, in place of what the file says. */
  constructor(
    t: TestContext,
    file: string,
    settings: readonly string[] = [],
    environment: Record<string, string> = {},
  ) {
    if (!existsSync(file)) throw new Error(`${file} does not exist`);
    const script = join(root, 'test/helpers/circus_parent.py');
    const sets = settings.flatMap((setting) => ['--set', setting]);
    this.running = new Running(t, 'python3', [script, file, ...sets], { env: cleanEnvironment(environment) });
  }

  get output(): string {
    return this.running.output;
  }

  get events(): Event[] {
    // A line may come in two pieces.
    const lines = this.running.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Event);
  }

  /** Where the [socket:NAME] listens, and on which descriptor. */
  async socket(name: string): Promise<Event & { readonly port: number }> {
    const find = () => this.events.find((e) => e.event === 'listening' && e.socket === name);
    const event = await this.eventually(`[socket:${name}]`, find);
    return { ...event, port: event.port ?? 0 };
  }

  /** The workers that were started and have not ended. */
  get workers(): number[] {
    const pids = new Set<number>();
    for (const { event, pid } of this.events) {
      if (pid === undefined) continue;
      if (event === 'spawned') pids.add(pid);
      else pids.delete(pid);
    }
    return [...pids];
  }

  /** How a worker ended: 0 and up an exit code, below 0 a signal. */
  async status(pid: number): Promise<number> {
    const find = () => this.events.find((e) => e.event === 'exited' && e.pid === pid);
    const event = await this.eventually(`worker ${pid} to end`, find);
    return event.status ?? 0;
  }

  /** Wait for something that the parent or a worker prints. */
  async line(pattern: RegExp): Promise<void> {
    await this.eventually(String(pattern), () => pattern.test(this.output) || undefined);
  }

  /** Send a command, and wait until it is carried out. */
  async command(name: 'reload' | 'reload-sequential' | 'restart' | 'incr' | 'decr' | 'quit'): Promise<void> {
    const count = () => this.events.filter((e) => e.event === 'done' && e.command === name).length;
    const before = count();
    this.running.child.stdin?.write(`${name}\n`);
    await this.eventually(`circus ${name}`, () => (count() > before ? true : undefined));
  }

  /** Stop all workers, then the parent. @returns The statuses of the workers that were there. */
  async quit(): Promise<number[]> {
    const pids = this.workers;
    await this.command('quit');
    await this.running.end();
    return Promise.all(pids.map((pid) => this.status(pid)));
  }

  private async eventually<T>(what: string, look: () => T | undefined): Promise<T> {
    try {
      return await eventually(what, look);
    } catch (error) {
      throw new Error(`the parent and its workers printed:\n${this.output}`, { cause: error });
    }
  }
}
