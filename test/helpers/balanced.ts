import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ask } from './ask.js';
import { Command } from './command.js';
import { eventually, freePort, Running, root } from './processes.js';

/** Processes of the command behind a balancer, each on sockets of its own, replaced one after the other.
 *
 *  Lifetime: that of the test. */
export class Balanced {
  readonly #t: TestContext;
  readonly #argsOf: (index: number) => readonly string[];
  readonly #commands: Command[] = [];

  /** @param argsOf The arguments of each. */
  constructor(t: TestContext, argsOf: (index: number) => readonly string[]) {
    this.#t = t;
    this.#argsOf = argsOf;
  }

  get pids(): readonly number[] {
    return this.#commands.map(({ child }) => child.pid ?? 0);
  }

  async start(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1)
      this.#commands.push(new Command(this.#t, this.#argsOf(index)));
    await Promise.all(this.#commands.map((command) => command.serving()));
  }

  /** End one in order, then start its successor in its place.
   *  @returns The process id of the successor, and how the old one ended. */
  async replace(index: number): Promise<{ readonly pid: number; readonly status: number | NodeJS.Signals }> {
    const old = this.#commands[index];
    old?.signal('SIGTERM');
    const status = (await old?.end()) ?? -1;
    const next = new Command(this.#t, this.#argsOf(index));
    this.#commands[index] = next;
    await next.serving();
    return { pid: next.child.pid ?? 0, status };
  }
}

/** An example's configuration with other ports and paths than written.
 *  @param changes What stands there, and what is meant. */
export function configuration(name: string, changes: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(root, 'examples', name), 'utf8');
  for (const [written, meant] of Object.entries(changes)) {
    if (!text.includes(written)) throw new Error(`examples/${name} has no ${written}`);
    text = text.replaceAll(written, meant);
  }
  return text;
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/** Run a balancer, and wait until a request through it is answered. */
export async function balancer(
  t: TestContext,
  program: string,
  args: readonly string[],
  port: number,
): Promise<Running> {
  const running = new Running(t, program, args);
  let ended: string | undefined;
  void running.end().then((how) => {
    ended = how;
  });
  await eventually(`${program} to answer`, async () => {
    if (ended !== undefined) throw new Error(`${program} ended with ${ended}:\n${running.output}`);
    const answer = await ask({ port, path: '/?token=0' }).catch(() => undefined);
    // A server behind it that speaks TLS says 400.
    return answer !== undefined && answer.status < 500 ? true : undefined;
  });
  return running;
}
