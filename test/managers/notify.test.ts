// sd_notify(3) and the watchdog, towards test/helpers/notify_parent.py, which stands in for systemd.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import {
  answers,
  chaussette,
  cleanEnvironment,
  eventually,
  freePort,
  missing,
  Running,
  root,
  temporaryDirectory,
} from '../helpers/processes.js';

const skip = missing('python3');

/** `/hold` waits for a file, `/block` never returns to the event loop, `/environment` says what it sees. */
const application = `
  import { existsSync } from 'node:fs';
  export const app = async (req, res) => {
    if (req.url === '/block') for (;;);
    if (req.url === '/hold') {
      while (!existsSync(new URL('go', import.meta.url))) await new Promise((done) => setTimeout(done, 5));
    }
    const names = Object.keys(process.env).filter((name) => /^(NOTIFY|WATCHDOG)_/.test(name));
    res.end(names.join());
  };
`;

interface Event {
  readonly event: 'started' | 'message' | 'watchdog' | 'ended';
  readonly pid?: number;
  readonly lines?: readonly string[];
  readonly status?: number;
}

interface Options {
  readonly arguments?: readonly string[];
  readonly address?: string;
  readonly watchdogUsec?: number;
  /** Whether WATCHDOG_PID is the command's. */
  readonly watchdogPid?: boolean;
  readonly env?: Record<string, string>;
}

class Systemd {
  readonly port: number;
  readonly directory: string;
  private readonly running: Running;

  constructor(t: TestContext, port: number, options: Options) {
    this.port = port;
    this.directory = temporaryDirectory(t);
    writeFileSync(join(this.directory, 'app.mjs'), application);
    const setup = JSON.stringify({
      address: options.address ?? join(this.directory, 'notify'),
      watchdog_usec: options.watchdogUsec ?? null,
      watchdog_pid: options.watchdogPid ?? null,
    });
    const command = `${chaussette} --bind 127.0.0.1:${port} ${join(this.directory, 'app.mjs')}`.split(' ');
    const args = [join(root, 'test/helpers/notify_parent.py'), setup, ...command];
    const env = cleanEnvironment(options.env ?? {});
    this.running = new Running(t, 'python3', [...args, ...(options.arguments ?? [])], { env });
  }

  get output(): string {
    return this.running.output;
  }

  private get events(): readonly Event[] {
    const lines = this.running.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Event);
  }

  get messages(): readonly string[] {
    return this.events.flatMap(({ lines }) => lines ?? []);
  }

  /** Wait for so many messages with that line. */
  async message(line: RegExp, count = 1): Promise<void> {
    await this.eventually(String(line), () => this.messages.filter((m) => line.test(m)).length >= count);
  }

  async event(name: Event['event']): Promise<Event> {
    await this.eventually(name, () => this.events.some(({ event }) => event === name));
    return this.events.find(({ event }) => event === name) as Event;
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    process.kill((await this.event('started')).pid ?? 0, signal);
  }

  /** From now on messages of the watchdog have to come in time. */
  watch(): void {
    this.running.child.stdin?.write('\n');
  }

  async line(pattern: RegExp): Promise<RegExpExecArray> {
    await this.eventually(String(pattern), () => pattern.test(this.output));
    return pattern.exec(this.output) as RegExpExecArray;
  }

  pings(): number {
    return this.messages.filter((line) => line === 'WATCHDOG=1').length;
  }

  private async eventually(what: string, met: () => boolean): Promise<void> {
    try {
      await eventually(what, () => met() || undefined);
    } catch (error) {
      throw new Error(`parent and command printed:\n${this.output}`, { cause: error });
    }
  }
}

async function start(t: TestContext, options: Options = {}): Promise<Systemd> {
  const systemd = new Systemd(t, await freePort(), options);
  await systemd.message(/^READY=1$/);
  return systemd;
}

const watchdogUsec = 1_000_000;

for (const backend of testedBackends) {
  describe(`sd_notify, ${backend}`, { skip }, () => {
    test('READY when it listens, RELOADING around SIGHUP, STOPPING when it drains', async (t) => {
      const systemd = await start(t, { arguments: ['--backend', backend] });
      const { port } = systemd;
      assert.deepEqual(systemd.messages, ['READY=1', `STATUS=Serving on 127.0.0.1:${port}`]);
      assert.equal(
        (await ask({ port, path: '/environment' })).text,
        '',
        'nothing is left in the environment',
      );
      await systemd.signal('SIGHUP');
      await systemd.message(/^RELOADING=1$/);
      await systemd.message(/^MONOTONIC_USEC=\d+$/);
      await systemd.message(/^READY=1$/, 2);
      const held = ask({ port, path: '/hold' });
      await eventually('the request', async () => {
        await systemd.signal('SIGUSR2');
        return /In flight for .* GET \/hold/.test(systemd.output) || undefined;
      });
      await systemd.signal('SIGTERM');
      await systemd.message(/^STOPPING=1$/);
      writeFileSync(join(systemd.directory, 'go'), '');
      assert.equal((await held).status, 200);
      assert.equal((await systemd.event('ended')).status, 0);
    });

    for (const [how, more] of [
      ['one thread', []],
      ['a thread of three', ['--threads', '3']],
      ['a process under the reloader', ['--use-reloader']],
    ] as const) {
      test(`watchdog: a handler that blocks ${how} is found; one that only awaits is not`, async (t) => {
        const args = ['--backend', backend, ...more];
        const systemd = await start(t, { arguments: args, watchdogUsec, watchdogPid: true });
        const held = ask({ port: systemd.port, path: '/hold' });
        await systemd.message(/^WATCHDOG=1$/, systemd.pings() + 3);
        writeFileSync(join(systemd.directory, 'go'), '');
        assert.equal((await held).status, 200);
        const blocked = assert.rejects(ask({ port: systemd.port, path: '/block' }));
        systemd.watch();
        await systemd.event('watchdog');
        assert.equal((await systemd.event('ended')).status, -6, systemd.output);
        if (how === 'a process under the reloader') {
          // systemd ends the whole control group.
          const [, pid] = await systemd.line(/\[(\d+)\] \[INFO\] Serving/);
          process.kill(Number(pid), 'SIGKILL');
        }
        await blocked;
      });
    }
  });
}

describe('sd_notify', { skip }, () => {
  test('an address in the abstract namespace', async (t) => {
    const systemd = await start(t, { address: `@chaussette-${process.pid}` });
    await systemd.signal('SIGTERM');
    await systemd.message(/^STOPPING=1$/);
  });

  test('no ping without WATCHDOG_USEC, nor when WATCHDOG_PID is another process', async (t) => {
    const [one, other] = await Promise.all([
      start(t),
      start(t, { watchdogUsec: 600_000_000, watchdogPid: false }),
    ]);
    assert.deepEqual([one.pings(), other.pings()], [0, 0]);
  });

  test('without the addon systemd-notify carries it', { skip: missing('systemd-notify') }, async (t) => {
    const systemd = await start(t, { env: { CHAUSSETTE_NO_NATIVE: '1' } });
    await systemd.signal('SIGTERM');
    await systemd.message(/^STOPPING=1$/);
    assert.equal((await systemd.event('ended')).status, 0);
  });

  test('a socket that nobody reads is a warning, and the server serves', async (t) => {
    const port = await freePort();
    const env = cleanEnvironment({ NOTIFY_SOCKET: '/nonexistent/notify' });
    const [node = '', script = ''] = chaussette.split(' ');
    const running = new Running(t, node, [script, '--bind', `127.0.0.1:${port}`], { env });
    await eventually('the server', async () => (await answers({ port })) || undefined);
    await eventually('the warning', () => /NOTIFY_SOCKET \/nonexistent/.test(running.output) || undefined);
    assert.equal(await running.stop(), '0');
  });
});
