// --spawn, --max-queued, --max-requests: how many requests run at once, wait, and are served by one process at all.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { Client, get } from '../helpers/lifetime-client.js';
import { eventually, temporaryDirectory } from '../helpers/processes.js';

/** Says which request it runs; answers the oldest when the test sends a signal to the process. */
const application = `
  import { writeSync } from 'node:fs';
  const held = [];
  process.on('SIGWINCH', () => held.shift()?.end('done'));
  export const app = (req, res) => {
    writeSync(1, 'runs ' + req.url + '\\n');
    held.push(res);
  };
  export const quick = (req, res) => res.end(String(process.pid));
`;

async function serve(t: TestContext, app: string, args: readonly string[]) {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), application);
  const command = new Command(t, [`./app.mjs:${app}`, '--bind', '127.0.0.1:0', ...args], { cwd: directory });
  const [place = ''] = await command.serving();
  const inFlight = (count: number): Promise<true> =>
    eventually(`${count} requests in flight`, async () => {
      command.stderr = '';
      command.signal('SIGUSR2');
      const [, now] = await command.line(/ (\d+) requests in flight/);
      return now === String(count) ? true : undefined;
    });
  return { command, port: Number(place.split(':')[1]), inFlight };
}

for (const backend of testedBackends) {
  describe(`admission, backend ${backend}`, () => {
    test('--spawn 1 --max-queued 1: one runs, one waits, the third gets 503 with Retry-After', async (t) => {
      const limits = ['--spawn', '1', '--max-queued', '1', '--backend', backend];
      const { command, port, inFlight } = await serve(t, 'app', limits);
      const first = ask({ port, path: '/first' });
      await command.line(/runs \/first/);
      const second = ask({ port, path: '/second' });
      await inFlight(2);
      const third = await ask({ port, path: '/third' });
      assert.equal(third.status, 503);
      assert.match(String(third.headers['retry-after']), /^\d+$/);
      assert.doesNotMatch(command.stdout, /runs \/second/);
      command.signal('SIGWINCH');
      assert.equal((await first).text, 'done');
      await command.line(/runs \/second/);
      command.signal('SIGWINCH');
      assert.equal((await second).text, 'done');
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
    });

    test('who leaves while waiting is not run, and makes room in the queue', async (t) => {
      const limits = ['--spawn', '1', '--max-queued', '1', '--backend', backend];
      const { command, port, inFlight } = await serve(t, 'app', limits);
      const first = ask({ port, path: '/first' });
      await command.line(/runs \/first/);
      const leaver = await Client.open(t, port);
      await leaver.write(get('/leaver'));
      await inFlight(2);
      leaver.reset();
      await inFlight(1);
      const second = ask({ port, path: '/second' });
      await inFlight(2);
      command.signal('SIGWINCH');
      assert.equal((await first).text, 'done');
      await command.line(/runs \/second/);
      command.signal('SIGWINCH');
      assert.equal((await second).text, 'done');
      assert.doesNotMatch(command.stdout, /leaver/);
    });

    test('what waits is answered before the end on SIGTERM', async (t) => {
      const { command, port, inFlight } = await serve(t, 'app', ['--spawn', '1', '--backend', backend]);
      const replies = [ask({ port, path: '/a' }), ask({ port, path: '/b' })];
      await inFlight(2);
      command.signal('SIGTERM');
      await command.line(/Stopping/);
      await command.line(/runs/);
      command.signal('SIGWINCH');
      await command.line(/runs[\s\S]*runs/);
      command.signal('SIGWINCH');
      for (const reply of await Promise.all(replies)) assert.equal(reply.text, 'done');
      assert.equal(await command.end(), 0);
    });

    test('--max-requests: drains and ends with status 0 after the last of them', async (t) => {
      const { command, port } = await serve(t, 'quick', ['--max-requests', '3', '--backend', backend]);
      for (let n = 1; n <= 3; n += 1) {
        const reply = await ask({ port });
        assert.equal(reply.status, 200);
        if (n === 3) assert.equal(reply.headers.connection, 'close');
      }
      assert.equal(await command.end(), 0, command.stderr);
      assert.match(command.stderr, /Stopping \(--max-requests\)/);
    });
  });
}
