// --threads: worker threads on one socket, of which each may end without the others noticing.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { Load } from '../helpers/load.js';
import { root, temporaryDirectory } from '../helpers/processes.js';

const application = `
  import { writeSync } from 'node:fs';
  import { join } from 'node:path';
  import { app as who } from '${join(root, 'test/managers/apps/who.js')}';
  export const app = (req, res) => {
    if (req.url === '/exit') process.exit(3);
    if (req.url === '/memory') for (const all = []; ; ) all.push(new Array(100_000).fill(all.length));
    if (req.url === '/throw') return void setTimeout(() => { throw new Error('late'); });
    if (req.url === '/block') for (writeSync(1, 'blocked\\n'); ; );
    if (req.url === '/hold') {
      writeSync(1, 'held\\n');
      return void process.stdin.once('data', () => res.end('done'));
    }
    who(req, res);
  };
`;

interface Serving {
  readonly command: Command;
  readonly target: NetConnectOpts & { readonly port: number };
}

async function serve(t: TestContext, args: readonly string[], env = {}): Promise<Serving> {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), application);
  const all = ['./app.mjs:app', '--bind', '127.0.0.1:0', '--threads', '3', ...args];
  const command = new Command(t, all, { cwd: directory, env });
  const [place = ''] = await command.serving();
  return { command, target: { host: '127.0.0.1', port: Number(place.split(':')[1]) } };
}

/** Every failure of the load but those of requests that a thread took with it. */
async function stopClean(load: Load): Promise<void> {
  await load.stop();
  assert.deepEqual(load.failures, [], load.summary);
}

for (const backend of testedBackends) {
  describe(`threads, backend ${backend}`, () => {
    test('all of them answer on one socket, in one process; then all drain: status 0', async (t) => {
      const { command, target } = await serve(t, ['--backend', backend]);
      const load = new Load(t, target, { keepAlive: 6, fresh: 6, path: '/busy?ms=1' });
      await load.until('three threads to answer', () => load.byThread.size === 3);
      assert.equal(load.byPid.size, 1);
      await stopClean(load);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
    });

    test('on a Unix socket as well', async (t) => {
      const path = join(temporaryDirectory(t), 'web.sock');
      const { command } = await serve(t, ['--bind', `unix:${path}`, '--backend', backend]);
      const load = new Load(t, { path }, { keepAlive: 6, fresh: 6, path: '/busy?ms=1' });
      await load.until('three threads to answer', () => load.byThread.size === 3);
      await stopClean(load);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
    });

    for (const [path, why] of [
      ['/exit', /Thread \d ended: it exited with code 3/],
      ['/memory', /Thread \d ended: .*ERR_WORKER_OUT_OF_MEMORY/],
    ] as const) {
      test(`a thread that ends by ${path} is replaced, and takes its own requests only`, async (t) => {
        const small = path === '/memory' ? { NODE_OPTIONS: '--max-old-space-size=64' } : {};
        const { command, target } = await serve(t, ['--backend', backend], small);
        await assert.rejects(ask({ port: target.port, path }));
        const [text] = await command.line(why);
        await command.line(/Thread \d serves again/);
        const load = new Load(t, target, { keepAlive: 6, fresh: 6, path: '/busy?ms=1' });
        await load.until('three threads to answer', () => load.byThread.size === 3);
        assert.ok(load.byThread.has(4), `the successor answers after ${text}`);
        await stopClean(load);
        command.signal('SIGTERM');
        assert.equal(await command.end(), 0, command.stderr);
      });
    }

    test('what a callback throws is answered with 500, as without threads, and the thread goes on', async (t) => {
      const { command, target } = await serve(t, ['--backend', backend]);
      assert.equal((await ask({ port: target.port, path: '/throw' })).status, 500);
      await command.line(/\[\d+\/\d\] \[ERROR\] GET \/throw: Error: late/);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
      assert.doesNotMatch(command.stderr, /Thread \d/);
    });

    test('--max-requests replaces each thread again and again: nothing is lost', async (t) => {
      const limits = ['--max-requests', '60', '--max-requests-jitter', '20'];
      const { command, target } = await serve(t, ['--backend', backend, ...limits]);
      const load = new Load(t, target, { keepAlive: 6, fresh: 6 });
      await load.until('nine threads to answer', () => load.byThread.size >= 9);
      await stopClean(load);
      t.diagnostic(load.summary);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
    });

    test('a thread that is blocked is ended after the drain: status 7', async (t) => {
      const { command, target } = await serve(t, ['--backend', backend, '--graceful-timeout', '0.2']);
      const reply = ask({ port: target.port, path: '/block' });
      await command.line(/^blocked$/m);
      command.signal('SIGTERM');
      await assert.rejects(reply);
      assert.equal(await command.end(), 7, command.stderr);
    });

    test('SIGQUIT stops now: status 7 with a request in flight', async (t) => {
      const { command, target } = await serve(t, ['--backend', backend]);
      const reply = ask({ port: target.port, path: '/hold' });
      await command.line(/^held$/m);
      command.signal('SIGUSR2');
      await command.line(/In flight for \d+\.\d s: GET \/hold/);
      command.signal('SIGQUIT');
      await assert.rejects(reply);
      assert.equal(await command.end(), 7, command.stderr);
    });
  });
}

test('an application that threads cannot load: its own error, and exit code 3', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), 'throw new Error("no luck");');
  const command = new Command(t, ['./app.mjs', '--threads', '2', '--port', '0'], { cwd: directory });
  assert.equal(await command.end(), 3);
  assert.match(command.stderr, /app\.mjs threw while it was loaded: Error: no luck/);
  assert.match(command.stderr, /at file:.*app\.mjs:1/);
});

test('without the addon there are no threads: exit code 5 and a sentence', async (t) => {
  const command = new Command(t, ['--threads', '2', '--port', '0'], { env: { CHAUSSETTE_NO_NATIVE: '1' } });
  assert.equal(await command.end(), 5);
  assert.match(command.stderr, /addon/);
});
