import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { CircusParent } from '../helpers/circus.js';
import { Load, processesThatAnswer } from '../helpers/load.js';
import {
  chaussette,
  eventually,
  missing,
  peerPorts,
  root,
  stopped,
  temporaryDirectory,
} from '../helpers/processes.js';

const skip = missing('python3');
const workers = 3;

interface Options {
  readonly backend: string;
  readonly arguments?: string;
  readonly numprocesses?: number;
  readonly watcher?: string;
  readonly socket?: string;
}

interface Started {
  readonly parent: CircusParent;
  readonly port: number;
  readonly target: NetConnectOpts;
}

/** @param options `socket` is `unix` for a Unix socket in a directory of its own. */
async function start(t: TestContext, options: Options): Promise<Started> {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'circus.ini');
  const path = join(directory, 'web.sock');
  const rest = options.arguments ?? '--fd $(circus.sockets.web)';
  writeFileSync(
    file,
    `[watcher:web]
cmd = ${chaussette} ${rest} --backend ${options.backend} test.managers.apps.who:app
use_sockets = True
working_dir = ${root}
numprocesses = ${options.numprocesses ?? workers}
${options.watcher ?? ''}

[socket:admin]
host = 127.0.0.1

[socket:web]
${options.socket === 'unix' ? `path = ${path}` : `host = 127.0.0.1\n${options.socket ?? ''}`}
`,
  );
  const parent = new CircusParent(t, file);
  const { port } = await parent.socket('web');
  return { parent, port, target: options.socket === 'unix' ? { path } : { host: '127.0.0.1', port } };
}

for (const backend of testedBackends) {
  describe(`circus stand-in, ${backend}`, { skip }, () => {
    test('workers with an empty environment all answer on one inherited descriptor', async (t) => {
      const { parent, port } = await start(t, { backend });
      const { fd } = await parent.socket('web');
      const pids = await processesThatAnswer(t, { host: '127.0.0.1', port }, workers);
      assert.deepEqual(pids.sort(), [...parent.workers].sort());
      const serving = new RegExp(`Serving on fd://${fd} \\(127\\.0\\.0\\.1:${port}\\)`, 'g');
      assert.deepEqual(await parent.quit(), [0, 0, 0], parent.output);
      assert.equal([...parent.output.matchAll(serving)].length, workers, parent.output);
    });

    test('((circus.sockets.web)) and --host fd://N name the same socket', async (t) => {
      const { parent, port } = await start(t, {
        backend,
        numprocesses: 1,
        arguments: '--host fd://((circus.sockets.web))',
      });
      await processesThatAnswer(t, { host: '127.0.0.1', port }, 1);
      assert.deepEqual(await parent.quit(), [0], parent.output);
    });

    test('a blocking socket is served by all workers', async (t) => {
      const { parent, port } = await start(t, { backend, socket: 'blocking = True' });
      await processesThatAnswer(t, { host: '127.0.0.1', port }, workers);
      assert.deepEqual(await parent.quit(), [0, 0, 0], parent.output);
    });

    for (const [name, socket] of [
      ['TCP', ''],
      ['Unix', 'unix'],
      ['so_reuseport', 'so_reuseport = True'],
    ] as const) {
      for (const command of ['reload', 'reload-sequential', 'restart'] as const) {
        // Nobody listens between the end of all workers and the start of the next: that is refused, as it should be.
        if (name === 'so_reuseport' && command === 'restart') continue;
        test(`${name}: ${command} under load loses nothing`, async (t) => {
          const { parent, target } = await start(t, { backend, socket });
          const load = new Load(t, target, { keepAlive: 8, fresh: 8, path: '/busy?ms=0.5' });
          await load.until('every worker to answer', () => load.byPid.size === workers);
          await load.more(500);
          const before = parent.workers;
          await parent.command(command);
          const fresh = () => parent.workers.filter((pid) => !before.includes(pid));
          await eventually('the new workers', () => (fresh().length === workers ? true : undefined));
          await load.until('the new workers to answer', () => fresh().every((pid) => load.byPid.has(pid)));
          await load.more(500);
          await load.stop();
          assert.deepEqual(load.failures, [], load.summary);
          for (const pid of before) assert.equal(await parent.status(pid), 0, parent.output);
          t.diagnostic(`circus stand-in, ${backend}, ${name}, ${command}: ${load.numbers}`);
          await parent.quit();
        });
      }
    }

    for (const [name, socket] of [
      ['TCP', ''],
      ['Unix', 'unix'],
    ] as const) {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        test(`${name}: ${signal} to one worker after another, each started again by the parent, loses nothing`, async (t) => {
          const { parent, target } = await start(t, { backend, socket });
          const load = new Load(t, target, { keepAlive: 8, fresh: 8, path: '/busy?ms=0.5' });
          await load.until('every worker to answer', () => load.byPid.size === workers);
          const before = parent.workers;
          for (const [n, pid] of before.entries()) {
            process.kill(pid, signal);
            assert.equal(await parent.status(pid), 0, parent.output);
            await load.until('the successor to answer', () => load.byPid.size === workers + n + 1);
          }
          await load.more(200);
          await load.stop();
          assert.deepEqual(load.failures, [], load.summary);
          t.diagnostic(`circus stand-in, ${backend}, ${name}, ${signal} in turn: ${load.numbers}`);
          await parent.quit();
        });
      }
    }

    test('reload with send_hup: the workers open their logs again, and go on', async (t) => {
      const { parent, target } = await start(t, { backend, watcher: 'send_hup = True' });
      const load = new Load(t, target, { keepAlive: 4, fresh: 4, path: '/busy?ms=0.5' });
      await load.until('every worker to answer', () => load.byPid.size === workers);
      const before = parent.workers;
      await parent.command('reload');
      await load.more(200);
      await load.stop();
      assert.deepEqual(load.failures, [], load.summary);
      assert.deepEqual(parent.workers, before);
      assert.equal(load.byPid.size, workers);
      await parent.quit();
    });

    test('incr adds a worker that answers; decr ends one and loses nothing', async (t) => {
      const { parent, port } = await start(t, { backend, numprocesses: 1 });
      const load = new Load(t, { host: '127.0.0.1', port }, { keepAlive: 4, fresh: 8, path: '/busy?ms=0.5' });
      await load.until('a worker to answer', () => load.byPid.size === 1);
      await parent.command('incr');
      await load.until('two workers to answer', () => load.byPid.size === 2);
      const [oldest = 0] = parent.workers;
      await parent.command('decr');
      assert.equal(await parent.status(oldest), 0, parent.output);
      await load.more(200);
      await load.stop();
      assert.deepEqual(load.failures, [], load.summary);
      t.diagnostic(`circus stand-in, ${backend}, incr and decr: ${load.numbers}`);
      await parent.quit();
    });

    test('a worker killed under load comes back, and takes only its own requests with it', async (t) => {
      const { parent, port } = await start(t, { backend });
      const load = new Load(t, { host: '127.0.0.1', port }, { keepAlive: 8, fresh: 6, path: '/busy?ms=0.5' });
      await load.until('every worker to answer', () => load.byPid.size === workers);
      const [victim = 0] = parent.workers;
      process.kill(victim, 'SIGSTOP');
      await stopped(victim);
      const itsConnections = peerPorts(victim, port);
      process.kill(victim, 'SIGKILL');
      assert.equal(await parent.status(victim), -9);
      await load.until('the successor to answer', () => load.byPid.size === workers + 1);
      await load.stop();
      const foreign = load.failures.filter((failure) => !itsConnections.has(failure.port));
      assert.deepEqual(foreign, [], load.summary);
      await parent.quit();
    });
  });
}

describe('circus stand-in, mistakes', { skip }, () => {
  test('a variable that Circus does not know reaches us literally: exit code 2 and a sentence', async (t) => {
    const { parent } = await start(t, { backend: 'http', numprocesses: 1, arguments: '--fd $(socket:web)' });
    const pid = await eventually('a worker', () => parent.events.find((e) => e.event === 'spawned')?.pid);
    assert.equal(await parent.status(pid), 2, parent.output);
    await parent.line(/\$\(socket:web\)/);
  });

  test('without use_sockets the descriptor is not a socket: exit code 4 and a sentence', async (t) => {
    const watcher = 'use_sockets = False';
    const file = join(temporaryDirectory(t), 'circus.ini');
    writeFileSync(
      file,
      `[watcher:web]
cmd = ${chaussette} --fd $(circus.sockets.web) --backend http test.managers.apps.who:app
${watcher}
working_dir = ${root}

[socket:web]
host = 127.0.0.1
`,
    );
    const parent = new CircusParent(t, file);
    const { fd } = await parent.socket('web');
    const pid = await eventually('a worker', () => parent.events.find((e) => e.event === 'spawned')?.pid);
    assert.equal(await parent.status(pid), 4, parent.output);
    await parent.line(new RegExp(`fd ${fd}\\b`));
  });
});
