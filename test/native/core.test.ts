// What a review of the core found: each test is named for the failure that it prevents.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { type BackendServer, defaultLimits } from '../../lib/backends/backend.js';
import { resolveBackend } from '../../lib/backends/registry.js';
import type { Exchange, Handler } from '../../lib/exchange.js';
import { loadAddon } from '../../lib/native/binding.js';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, until, within } from '../helpers/lifetime-client.js';
import { Sink, serveHeld } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';
import { startBackend } from '../helpers/start-backend.js';

const text = ['content-type', 'text/plain'];

/** Answers every request with the same bytes, at once, and counts. */
class Large implements Handler {
  readonly interface = 'fetch';
  readonly body: Buffer;
  calls = 0;

  constructor(bytes: number) {
    this.body = noise(bytes);
  }

  handle(exchange: Exchange): void {
    this.calls += 1;
    exchange.respond(200, '', text, this.body);
  }
}

function turnsOf(server: BackendServer): number {
  const stats: object = server.stats();
  return 'turns' in stats ? Number(stats.turns) : Number.NaN;
}

for (const backend of testedBackends.filter((name) => name === 'native')) {
  describe(`${backend}: reviewed`, () => {
    test('the abort of one request is not lost to another that comes in the same turn', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      for (let round = 0; round < 20; round += 1) {
        const leaving = await Client.open(t, server.port);
        const coming = await Client.open(t, server.port);
        await leaving.write(get('/leaving'));
        const exchange = await handler.next();
        await turns(2);
        // Both reach the kernel before the server's loop looks at either.
        leaving.reset();
        coming.socket.write(get('/coming'));
        const next = await handler.next();
        await handler.aborted(2 * round);
        assert.equal(exchange.aborted, true);
        next.respond(200, '', text, 'there');
        assert.equal((await coming.response()).body.toString(), 'there');
        coming.socket.destroy();
        await until('the end of the connections', () => server.stats().connections === 0);
      }
    });

    test('a body that is being read goes on after the response', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      const body = noise(1_000_000);
      await client.write(post('/upload', body.length));
      await client.write(body.subarray(0, 1000));
      const exchange = await handler.next();
      const sink = new Sink();
      exchange.readBody(sink);
      await sink.has(1000);
      exchange.respond(202, '', text, 'accepted');
      assert.equal((await client.response()).status, 202);
      await client.write(body.subarray(1000));
      assert.equal(await within('the end of the body', sink.done), 'end');
      assert.equal(Buffer.compare(Buffer.concat(sink.chunks), body), 0);
      await client.write(get('/next'));
      assert.equal((await client.response(1)).body.toString(), 'next');
    });

    test('a reader that stops after the response does not hold the connection for ever', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { bodyMs: 500 });
      const client = await Client.open(t, server.port);
      await client.write(post('/upload', 4_000_000));
      const exchange = await handler.next();
      const sink = new Sink();
      sink.goesOn = false;
      exchange.readBody(sink);
      exchange.respond(202, '', text, 'accepted');
      client.socket.write(noise(4_000_000));
      await until('the end of the connection', () => server.stats().connections === 0);
    });

    test('a client that asks and does not read costs bounded memory', async (t) => {
      const handler = new Large(1024 * 1024);
      const server = await startBackend(backend, handler);
      t.after(() => server.close());
      const client = await Client.open(t, server.port, { paused: true, hash: true });
      const requests = 2000;
      client.socket.write(get('/large').repeat(requests - 1) + get('/large', 'Connection: close\r\n'));
      let before = -1;
      while (handler.calls !== before) {
        before = handler.calls;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      // What the kernel takes, and one batch of pipelined requests.
      assert.ok(handler.calls < 150, `${handler.calls} answers wait for a client that reads none of them`);
      client.read();
      await until('some more answers', () => handler.calls > before + 50);
    });

    test('pipelined answers that wait for the client are all delivered', async (t) => {
      const handler = new Large(100_000);
      const server = await startBackend(backend, handler);
      t.after(() => server.close());
      const client = await Client.open(t, server.port, { paused: true, hash: true });
      const requests = 300;
      client.socket.write(get('/a').repeat(requests - 1) + get('/a', 'Connection: close\r\n'));
      await turns(50);
      client.read();
      await client.end();
      assert.equal(handler.calls, requests);
      assert.ok(client.bytes > requests * 100_000);
    });

    test('a chunk whose memory was given away does not end the body', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/chunks') + get('/next'));
      const exchange = await handler.next();
      exchange.respondHead(200, '', text);
      exchange.write('first');
      const chunk = new Uint8Array(100_000);
      exchange.write(chunk);
      structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
      exchange.write('last');
      exchange.end();
      const { body } = await client.response();
      assert.ok(body.toString().startsWith('first') && body.toString().endsWith('last'));
      assert.equal((await client.response(1)).body.toString(), 'next');
    });

    test('an application that writes on every drain leaves the loop to others', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/endless').replace('GET', 'HEAD'));
      const exchange = await handler.next();
      const chunk = Buffer.alloc(100_000);
      let writes = 0;
      let stopped = false;
      exchange.respondHead(200, '', text);
      exchange.onDrain(() => {
        writes += 1;
        if (!stopped && writes < 1_000_000) exchange.write(chunk);
      });
      exchange.write(chunk);
      // With a loop that never goes round this timer comes after the last write.
      await new Promise((resolve) => setTimeout(resolve, 50));
      stopped = true;
      exchange.end();
      assert.ok(writes < 1_000_000);
    });

    test('a listener that a sibling has shut down is not polled for ever', async (t) => {
      const loaded = loadAddon();
      if (!('addon' in loaded)) throw new Error(loaded.reason);
      const fd = loaded.addon.listenTcp('127.0.0.1', 0, 511, false);
      const handler = new Large(1);
      const { backend: native } = await resolveBackend('native');
      const socket = { fd, family: 'inet', display: 'shared' } as const;
      const server = await native.start([socket], handler, defaultLimits, {
        applicationError: () => {},
        warn: () => {},
      });
      t.after(() => server.close(0));
      const sibling = spawn('python3', ['-c', 'import socket; socket.socket(fileno=3).shutdown(2)'], {
        stdio: ['ignore', 'inherit', 'inherit', fd],
      });
      await once(sibling, 'exit');
      await turns(5);
      const before = turnsOf(server);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(turnsOf(server) - before < 20);
    });

    test('clients whose bytes came while the loop was blocked meet no deadline', async (t) => {
      const { server } = await serveHeld(t, backend, { headMs: 5000, keepAliveMs: 5000 }); // time to connect them all
      const clients: Client[] = [];
      for (let i = 0; i < 700; i += 1) clients.push(await Client.open(t, server.port));
      await until('the connections', () => server.stats().connections === clients.length);
      for (const client of clients) client.socket.write(get('/next'));
      // The kernel has the bytes when write() returns; nobody reads them before all deadlines have passed.
      const end = performance.now() + 6500;
      while (performance.now() < end);
      for (const client of clients) assert.equal((await client.response()).status, 200);
    });
  });
}
