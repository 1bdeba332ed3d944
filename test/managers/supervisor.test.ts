import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Load, processesThatAnswer } from '../helpers/load.js';
import {
  chaussette,
  eventually,
  freePort,
  missing,
  peerPorts,
  stopped,
  temporaryDirectory,
} from '../helpers/processes.js';
import { Supervisor } from '../helpers/supervisor.js';

const workers = 4;
const skip = missing('supervisord');

interface Running {
  readonly supervisor: Supervisor;
  readonly target: NetConnectOpts;
  readonly port: number;
  readonly directory: string;
  /** Process ids by name. */
  readonly processes: Map<string, number>;
}

async function start(t: TestContext, backend: string, family: 'tcp' | 'unix' = 'tcp'): Promise<Running> {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const path = join(directory, 'web.sock');
  const supervisor = new Supervisor(
    t,
    directory,
    `[fcgi-program:web]
socket = ${family === 'tcp' ? `tcp://127.0.0.1:${port}` : `unix://${path}`}
command = ${chaussette} --fd 0 --backend ${backend} test.managers.apps.who:app
process_name = %(program_name)s_%(process_num)02d
numprocs = ${workers}
autorestart = true
startsecs = 0
`,
  );
  const processes = await supervisor.started(workers);
  const target = family === 'tcp' ? { host: '127.0.0.1', port } : { path };
  return { supervisor, target, port, directory, processes };
}

function sorted(pids: Iterable<number>): number[] {
  return [...pids].sort((a, b) => a - b);
}

for (const backend of testedBackends) {
  describe(`supervisor, ${backend}`, { skip }, () => {
    test('four processes on fd 0 all answer', async (t) => {
      const { target, port, processes, directory, supervisor } = await start(t, backend);
      const answered = await processesThatAnswer(t, target, workers);
      assert.deepEqual(sorted(answered), sorted(processes.values()));
      await supervisor.stop();
      for (const name of readdirSync(directory).filter((n) => n.includes('-stderr-'))) {
        const log = readFileSync(join(directory, name), 'utf8');
        assert.match(log, new RegExp(`Serving on fd://0 \\(127\\.0\\.0\\.1:${port}\\)`));
        assert.match(log, new RegExp(`Using ${backend} as a backend`));
      }
    });

    test('SIGKILL of one process loses only what was in flight on it', async (t) => {
      const { target, port, processes, supervisor } = await start(t, backend);
      const load = new Load(t, target, { keepAlive: 12, fresh: 6, path: '/busy?ms=0.5' });
      await load.until('every process to answer', () => load.byPid.size === workers);
      await load.more(1000);

      const answersOf = (pid: number) => load.byPid.get(pid) ?? 0;
      const [name, victim] = [...processes].sort(([, a], [, b]) => answersOf(b) - answersOf(a))[0] ?? ['', 0];
      // Stopped first, so that its connections can be listed: every request that fails must be on one of these.
      process.kill(victim, 'SIGSTOP');
      await stopped(victim);
      const itsConnections = peerPorts(victim, port);
      assert.ok(itsConnections.size > 0, 'the busiest process holds connections');
      process.kill(victim, 'SIGKILL');

      const successor = await eventually(`${name} to come back`, async () => {
        const pid = (await supervisor.running()).get(name);
        return pid === undefined || pid === victim ? undefined : pid;
      });
      await load.until('the new process to answer', () => load.byPid.has(successor));
      await load.more(1000);
      await load.stop();

      const foreign = load.failures.filter((failure) => !itsConnections.has(failure.port));
      assert.deepEqual(foreign, [], `failures on connections that ${victim} did not hold: ${load.summary}`);
      assert.ok(load.failures.length <= itsConnections.size, load.summary);
      assert.deepEqual(sorted(load.byPid.keys()), sorted([...processes.values(), successor]));
    });

    for (const family of ['tcp', 'unix'] as const) {
      test(`${family}: a rolling restart, process by process, loses nothing`, async (t) => {
        const { target, processes, supervisor } = await start(t, backend, family);
        const load = new Load(t, target, { keepAlive: 8, fresh: 8, path: '/busy?ms=0.5' });
        await load.until('every process to answer', () => load.byPid.size === workers);
        for (const name of processes.keys()) {
          await supervisor.control('restart', name);
          const pid = (await supervisor.running()).get(name);
          await load.until(`the new ${name} to answer`, () => pid !== undefined && load.byPid.has(pid));
        }
        await load.stop();
        assert.deepEqual(load.failures, [], load.summary);
        assert.equal(load.byPid.size, workers * 2);
        t.diagnostic(`supervisor, ${backend}, ${family}, rolling restart: ${load.numbers}`);
      });
    }
  });
}
