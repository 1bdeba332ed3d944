// --write-timeout: who takes nothing of a response is cut; who takes it slowly is not.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { eventually, temporaryDirectory } from '../helpers/processes.js';

/** More than the buffers of two sockets take. */
const bytes = 16 * 1024 * 1024;
const timeoutMs = 2000;

async function serve(t: TestContext, backend: string) {
  const directory = temporaryDirectory(t);
  writeFileSync(
    join(directory, 'app.mjs'),
    `const large = Buffer.alloc(${bytes}, 97);
    export const app = (req, res) => {
      res.on('close', () => console.log('closed', req.url));
      res.end(large);
    };`,
  );
  const limit = ['--write-timeout', String(timeoutMs / 1000)];
  const all = ['./app.mjs:app', '--bind', '127.0.0.1:0', '--backend', backend, ...limit];
  const command = new Command(t, all, { cwd: directory });
  const [place = ''] = await command.serving();
  return { command, port: Number(place.split(':')[1]) };
}

async function request(t: TestContext, port: number, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return socket;
}

for (const backend of testedBackends) {
  describe(`--write-timeout, backend ${backend}`, () => {
    test('a client that takes nothing is cut, and the application is told', async (t) => {
      const { command, port } = await serve(t, backend);
      await request(t, port, '/asleep');
      await command.line(/closed \/asleep\n/);
      await eventually('the end of the connection', async () => {
        command.stderr = '';
        command.signal('SIGUSR2');
        const [, connections] = await command.line(/, (\d+) connections,/);
        return connections === '0' ? true : undefined;
      });
    });

    test('a client that takes it in pieces gets all, however long it takes', async (t) => {
      const { port } = await serve(t, backend);
      const socket = await request(t, port, '/slow');
      let received = 0;
      // 16 pieces, a pause after each that is shorter than the time-out; all together they are longer.
      for await (const chunk of socket) {
        const before = Math.floor(received / 2 ** 20);
        received += (chunk as Buffer).length;
        if (Math.floor(received / 2 ** 20) > before) await delay(timeoutMs / 10);
      }
      assert.ok(received > bytes, `${received} bytes`);
    });
  });
}
