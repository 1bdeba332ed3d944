// --drain-delay: after SIGTERM the health check says 503 while the process goes on serving, so that a balancer which
// looks now and then has left it before it stops accepting.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { serve } from '../../lib/index.js';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { eventually, temporaryDirectory } from '../helpers/processes.js';
import { RawClient } from '../helpers/raw-client.js';

const waitMs = 60_000;
const request = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n');

async function portOf(command: Command, pattern: RegExp): Promise<number> {
  const [, port] = await command.line(pattern);
  return Number(port);
}

for (const backend of testedBackends) {
  describe(`${backend}: --drain-delay`, () => {
    for (const threads of ['1', '2']) {
      test(`new connections are served while /health says draining, ${threads} threads`, async (t) => {
        const args = [
          '--bind',
          '127.0.0.1:0',
          '--status',
          '127.0.0.1:0',
          '--backend',
          backend,
          '--threads',
          threads,
        ];
        const command = new Command(t, [...args, '--drain-delay', '3600']);
        const status = await portOf(command, /Status on 127\.0\.0\.1:(\d+)\n/);
        await command.serving();
        const port = await portOf(command, /Serving on 127\.0\.0\.1:(\d+)/);
        assert.equal((await ask({ port: status, path: '/health' })).status, 200);
        const kept = await RawClient.open(port);
        t.after(() => kept.destroy());
        await kept.write(request);
        await kept.until(() => kept.received.includes('\r\n\r\n'), waitMs);
        assert.doesNotMatch(kept.received.toString(), /\nconnection: close/i);
        command.signal('SIGTERM');
        await eventually('the health check to tell', async () => {
          const { status: code, text } = await ask({ port: status, path: '/health' });
          return code === 503 && text === 'draining\n' ? true : undefined;
        });
        for (let count = 0; count < 3; count += 1) assert.equal((await ask({ port })).status, 200);
        // Kept connections end with their next response: no client is about to use one when it is closed.
        await kept.write(request);
        assert.ok(await kept.until(() => /\nconnection: close/i.test(kept.received.toString()), waitMs));
        await kept.until(() => false, waitMs);
        assert.equal(kept.serverEnd, 'fin');
        command.signal('SIGQUIT'); // An impatient one does not wait for it.
        assert.equal(await command.end(), 0, command.stderr);
      });
    }
  });
}

test('a Unix socket of our own stays until the delay is over, and the process ends with 0', async (t) => {
  const path = join(temporaryDirectory(t), 'web.sock');
  const command = new Command(t, ['--bind', `unix:${path}`, '--drain-delay', '3']);
  await command.serving();
  command.signal('SIGTERM');
  await command.line(/Stopping \(SIGTERM\)/);
  assert.equal((await ask({ socketPath: path })).status, 200);
  assert.equal(await command.end(), 0, command.stderr);
  assert.equal(existsSync(path), false);
});

test('close({ drainMs: 0 }) of a program does not wait', async () => {
  const server = await serve({ bind: ['127.0.0.1:0'], logLevel: 'error', drainDelay: 3600 });
  assert.deepEqual(await server.close({ drainMs: 0 }), { cut: 0 });
  assert.equal(server.state, 'closed');
});
