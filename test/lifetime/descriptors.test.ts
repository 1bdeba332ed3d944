// Descriptors that run out, a parent that closes its copy of the listening socket, and ten thousand idle connections.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { defaultLimits } from '../../lib/backends/backend.js';
import { resolveBackend } from '../../lib/backends/registry.js';
import { ChaussetteError } from '../../lib/errors.js';
import type { Handler, Reporter } from '../../lib/exchange.js';
import { descriptors, loadAddon } from '../../lib/native/binding.js';
import { testedBackends } from '../helpers/backends.js';
import { Child } from '../helpers/lifetime-child.js';
import { Client, get, within } from '../helpers/lifetime-client.js';
import { eventually } from '../helpers/processes.js';

/** Of the server and of each client process. */
const filesNeeded = 11_000;
const cannotRaise =
  spawnSync('bash', ['-c', `ulimit -n ${filesNeeded}`]).status === 0
    ? false
    : `the limit of open files cannot be raised to ${filesNeeded}`;

/** Holds connections until its standard input ends, each after one request. */
const idleClient = `
  const { connect } = require('node:net');
  const [port, count] = process.argv.slice(1).map(Number);
  const sockets = [];
  const open = () => new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /hello HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'));
    socket.once('data', resolve).once('error', reject);
    sockets.push(socket);
  });
  const main = async () => {
    for (let n = 0; n < count; n += 100) await Promise.all(Array.from({ length: 100 }, open));
    console.log('holding', sockets.filter((socket) => !socket.destroyed).length);
    process.stdin.on('end', () => {
      console.log('held', sockets.filter((socket) => !socket.destroyed).length);
      process.exit();
    }).resume();
  };
  main();
`;

async function textOf(client: Client, path: string, index: number): Promise<string> {
  await client.write(get(path));
  return (await client.response(index)).body.toString();
}

for (const backend of testedBackends) {
  describe(`${backend}: descriptors`, () => {
    test('run out under load, and come back', async (t) => {
      const child = Child.server(t, { backend }, { files: 64 });
      const port = await child.port();
      const first = await Client.open(t, port);
      assert.equal(await textOf(first, '/hello', 0), 'hello');
      const clients = await Promise.all(Array.from({ length: 100 }, () => Client.open(t, port)));
      for (const client of clients) await client.write(get('/hello'));
      const answered = () => clients.filter(({ text }) => text.endsWith('hello'));
      await clients[0]?.response();
      // The one that is there already is served while others wait.
      assert.equal(await textOf(first, '/hello', 1), 'hello');
      if (backend === 'native') await child.line(/^warn .*descriptor.*ulimit -n/m);
      assert.ok(answered().length < 64, `${answered().length} were accepted`);
      for (const client of answered()) client.socket.destroy();
      if (backend === 'native') {
        // Those that waited lose nothing but time; accepting may pause again, until the next have left.
        for (;;) {
          const waiting = clients.filter(({ socket }) => !socket.destroyed);
          const next = waiting[0];
          if (next === undefined) break;
          await next.response();
          for (const client of answered()) client.socket.destroy();
        }
        assert.equal(answered().length, 100);
        await child.line(/^warn .*accepted again/m);
      } else {
        // libuv accepts and closes those for which it has no descriptor.
        for (const client of clients) client.socket.destroy();
        await eventually('the server to have descriptors again', async () => {
          const client = await Client.open(t, port);
          await client.write(get('/hello', 'Connection: close\r\n'));
          await client.end();
          return client.text.endsWith('hello') || undefined;
        });
      }
      const last = await Client.open(t, port);
      assert.equal(await textOf(last, '/hello', 0), 'hello');
      assert.equal(await textOf(first, '/hello', 2), 'hello');
    });

    test('the parent closes its copy of the socket: the child serves on, until it ends', async (t) => {
      const { listenTcp, inspect, close } = descriptors();
      const fd = listenTcp('127.0.0.1', 0, 511, false);
      const info = inspect(fd);
      assert.ok(typeof info !== 'number');
      const port = info.port ?? 0;
      const child = Child.server(t, { backend, fd: 3 }, { fds: [fd] });
      assert.equal(await child.port(), port);
      const kept = await Client.open(t, port);
      assert.equal(await textOf(kept, '/hello', 0), 'hello');
      assert.equal(close(fd), 0);
      assert.equal(await textOf(kept, '/hello', 1), 'hello');
      const fresh = await Client.open(t, port);
      assert.equal(await textOf(fresh, '/hello', 0), 'hello');
      child.process.kill('SIGTERM');
      await within('the end of the child', child.ended);
      await assert.rejects(Client.open(t, port));
    });

    test('a child ends: the socket of the parent and of a sibling listens on', async (t) => {
      const { listenTcp, inspect, close } = descriptors();
      const fd = listenTcp('127.0.0.1', 0, 511, false);
      t.after(() => close(fd));
      const info = inspect(fd);
      assert.ok(typeof info !== 'number');
      const port = info.port ?? 0;
      const [one, other] = [1, 2].map(() => Child.server(t, { backend, fd: 3 }, { fds: [fd] }));
      assert.ok(one && other);
      await one.port();
      await other.port();
      one.process.kill('SIGKILL');
      await within('the end of a child', one.ended);
      for (let n = 0; n < 20; n += 1) {
        const client = await Client.open(t, port);
        assert.equal(await textOf(client, '/hello', 0), 'hello');
        client.socket.destroy();
      }
      other.process.kill('SIGKILL');
      await within('the end of the other', other.ended);
      // Nobody accepts, and still nobody is refused.
      const waiting = await Client.open(t, port);
      await waiting.write(get('/hello'));
      await Child.server(t, { backend, fd: 3 }, { fds: [fd] }).port();
      assert.equal((await waiting.response()).body.toString(), 'hello');
    });

    test('10,000 idle connections are held', { skip: cannotRaise }, async (t) => {
      const server = Child.server(t, { backend }, { files: filesNeeded });
      const port = await server.port();
      const client = await Client.open(t, port);
      let asked = 0;
      const rss = async () => Number(await textOf(client, '/rss', asked++));
      await rss();
      const before = await rss();
      const holders = [5000, 5000].map(
        (count) =>
          new Child(t, ['-e', idleClient, '--', String(port), String(count)], { files: filesNeeded }),
      );
      for (const holder of holders) await holder.line(/^holding 5000$/m);
      const after = await rss();
      const each = Math.round((after - before) / 10_000);
      t.diagnostic(`${backend}: ${each} bytes of process memory for an idle connection`);
      // The allocator of a sanitizer has its own overhead.
      const plain = process.env['ASAN_OPTIONS'] === undefined;
      if (backend === 'native' && plain) assert.ok(each < 2048, `${each} bytes for an idle connection`);
      const fresh = await Client.open(t, port);
      assert.equal(await textOf(fresh, '/hello', 0), 'hello');
      for (const holder of holders) {
        holder.process.stdin?.end();
        await holder.line(/^held 5000$/m);
        assert.equal(await holder.ended, 0);
      }
      assert.equal(await textOf(fresh, '/hello', 1), 'hello');
      assert.doesNotMatch(server.output, /warn/);
    });
  });
}

test('a socket that cannot be watched: those before it are let go with it', async () => {
  const loaded = loadAddon();
  assert.ok('addon' in loaded);
  const { addon } = loaded;
  const fd = addon.listenTcp('127.0.0.1', 0, 511, false);
  const info = addon.inspect(fd);
  assert.ok(typeof info === 'object');
  const { backend } = await resolveBackend('native');
  const handler: Handler = {
    interface: 'fetch',
    handle: (exchange) => exchange.respond(200, '', [], 'served'),
  };
  const reporter: Reporter = { applicationError: () => {}, warn: () => {} };
  const sockets = [
    { fd, family: 'inet' as const, display: 'the first' },
    { fd: 1_000_000, family: 'inet' as const, display: 'the second' },
  ];
  await assert.rejects(
    async () => backend.start(sockets, handler, defaultLimits, reporter),
    (error: unknown) =>
      error instanceof ChaussetteError && error.message.includes('the second cannot be watched'),
  );
  const socket = connect(info.port ?? 0, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});
