// Every deadline closes what it is there for, with the status that belongs to it, and nothing else. The limits are
// short; no measured time is asserted.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, until, within } from '../helpers/lifetime-client.js';
import { Sink, serveHeld, servesOn } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';

const large = noise(32 * 1024 * 1024);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A client with an event loop of its own: tells how many bytes came. */
const readingClient = `
  const { parentPort, workerData } = require('node:worker_threads');
  const socket = require('node:net').connect(workerData.port, '127.0.0.1');
  let bytes = 0;
  socket.write('GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n');
  socket.on('data', (chunk) => { bytes += chunk.length; });
  socket.on('error', (error) => parentPort.postMessage({ bytes, error: error.message }));
  socket.on('end', () => parentPort.postMessage({ bytes }));
`;

/** Block the event loop, as a handler that computes does. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

for (const backend of testedBackends) {
  describe(`${backend}: the head deadline`, { concurrency: true }, () => {
    for (const [what, bytes] of [
      ['half a request line', 'GET /'],
      ['half a head', 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '],
      ['a head without its last line', 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ] as const) {
      test(`${what} gets 408 and a close`, async (t) => {
        const { handler, server } = await serveHeld(t, backend, { headMs: 1000 });
        const client = await Client.open(t, server.port);
        await client.write(bytes);
        const response = await client.response();
        assert.equal(response.status, 408);
        assert.match(client.text, /connection: close/i);
        await client.end();
        assert.equal(client.ended, 'fin');
        assert.equal(handler.held.length, 0);
        client.socket.destroy();
        await servesOn(t, server);
      });
    }

    test('a head that drips is not kept alive by its drops', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { headMs: 400 });
      const client = await Client.open(t, server.port);
      await client.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
      const dripping = setInterval(() => void client.write('y'), 50);
      t.after(() => clearInterval(dripping));
      assert.equal((await client.response()).status, 408);
      await client.end();
      clearInterval(dripping);
      assert.equal(handler.held.length, 0);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('the second head of a connection has one, too', async (t) => {
      const { server } = await serveHeld(t, backend, { headMs: 1000 });
      const client = await Client.open(t, server.port);
      await client.write(`${get('/next')}GET /half`);
      assert.equal((await client.response(0)).status, 200);
      assert.equal((await client.response(1)).status, 408);
      await client.end();
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('a connection that never says anything is closed', async (t) => {
      const { server } = await serveHeld(t, backend, { headMs: 1000, keepAliveMs: 1000 });
      const client = await Client.open(t, server.port);
      await client.end();
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('empty lines do not put it off for a connection that asks for nothing', async (t) => {
      const { server } = await serveHeld(t, backend, { headMs: 400, keepAliveMs: 400 });
      const client = await Client.open(t, server.port);
      await client.write('\r\n');
      const dripping = setInterval(() => void client.write('\r\n'), 50);
      t.after(() => clearInterval(dripping));
      await client.end();
      clearInterval(dripping);
      client.socket.destroy();
      await servesOn(t, server);
    });
  });

  describe(`${backend}: the body deadline`, { concurrency: true }, () => {
    test('a body that stops gets 408, and its reader an error', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { bodyMs: 1000 });
      const client = await Client.open(t, server.port);
      await client.write(post('/', 100, 'half'));
      const exchange = await handler.next();
      const sink = new Sink();
      exchange.readBody(sink);
      assert.ok((await within('the error', sink.done)) instanceof Error);
      await handler.aborted(0);
      assert.equal((await client.response()).status, 408);
      await client.end();
      exchange.respond(200, '', [], 'late');
      client.socket.destroy();
      await servesOn(t, server);
      assert.deepEqual(server.errors, []);
    });

    test('a body that stops when the response has begun is cut', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { bodyMs: 1000 });
      const client = await Client.open(t, server.port);
      await client.write(post('/', 100, 'half'));
      const exchange = await handler.next();
      const sink = new Sink();
      exchange.readBody(sink);
      exchange.respondHead(200, '', []);
      exchange.write('some');
      assert.ok((await within('the error', sink.done)) instanceof Error);
      await client.end();
      const response = await client.response();
      assert.deepEqual([response.status, response.truncated], [200, true]);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('a body that makes progress is not late, although it takes longer', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { bodyMs: 2000 });
      const client = await Client.open(t, server.port);
      await client.write(post('/', 8));
      const exchange = await handler.next();
      const sink = new Sink();
      exchange.readBody(sink);
      for (let n = 0; n < 8; n += 1) {
        await pause(300);
        await client.write('x');
      }
      assert.equal(await within('the body', sink.done), 'end');
      exchange.respond(200, '', [], null);
      assert.equal((await client.response()).status, 200);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('a client is not late when the handler does not read', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { bodyMs: 1000 });
      const client = await Client.open(t, server.port);
      const body = large.subarray(0, 8 * 1024 * 1024);
      const written = client.write(Buffer.concat([Buffer.from(post('/', body.length)), body]));
      const exchange = await handler.next();
      await pause(1500);
      assert.equal(exchange.aborted, false);
      const sink = new Sink();
      exchange.readBody(sink);
      assert.equal(await within('the body', sink.done), 'end');
      await written;
      assert.equal(sink.bytes, body.length);
      exchange.respond(200, '', [], null);
      assert.equal((await client.response()).status, 200);
      client.socket.destroy();
      await servesOn(t, server);
    });
  });

  describe(`${backend}: the other deadlines`, { concurrency: true }, () => {
    test('an idle connection ends with FIN, after the time for it', async (t) => {
      const { server } = await serveHeld(t, backend, { keepAliveMs: 1000 });
      const client = await Client.open(t, server.port);
      await client.write(get('/next'));
      assert.equal((await client.response()).status, 200);
      await client.write(get('/next'));
      assert.equal((await client.response(1)).status, 200);
      await client.end();
      assert.equal(client.ended, 'fin');
      assert.equal(client.responses.length, 2);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('a handler that takes longer than every limit is not disturbed', async (t) => {
      const limits = { headMs: 1000, bodyMs: 1000, keepAliveMs: 1000, writeMs: 1000 };
      const { handler, server } = await serveHeld(t, backend, limits);
      const client = await Client.open(t, server.port);
      await client.write(post('/', 4, 'body'));
      const exchange = await handler.next();
      const sink = new Sink();
      exchange.readBody(sink);
      await sink.done;
      await pause(1500);
      exchange.respondHead(200, '', []);
      exchange.write('some');
      await pause(1500);
      assert.equal(exchange.aborted, false);
      exchange.end();
      const response = await client.response();
      assert.deepEqual([response.status, response.truncated], [200, false]);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('a client that takes nothing is cut', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { writeMs: 1000 });
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get());
      const exchange = await handler.next();
      exchange.respondHead(200, '', []);
      exchange.write(large);
      await handler.aborted(0);
      assert.equal(exchange.aborted, true);
      await servesOn(t, server);
    });

    test('a client that takes nothing of a whole response is cut', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { writeMs: 1000 });
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get());
      (await handler.next()).respond(200, '', [], large);
      await servesOn(t, server);
    });

    test('a client that reads slowly is served', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { writeMs: 2000 });
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get('/', 'Connection: close\r\n'));
      (await handler.next()).respond(200, '', [], large);
      for (let n = 0; n < 6; n += 1) {
        client.read();
        const more = client.bytes + 3 * 1024 * 1024;
        await until('more', () => client.bytes >= more);
        client.pause();
        await pause(400);
      }
      client.read();
      await client.end();
      const { body, truncated } = await client.response();
      assert.deepEqual([body.length, truncated], [large.length, false]);
      client.socket.destroy();
      await servesOn(t, server);
    });
  });

  describe(`${backend}: a blocked event loop`, () => {
    test('punishes nobody whose bytes came in time', async (t) => {
      const { handler, server } = await serveHeld(t, backend, {
        headMs: 1500,
        bodyMs: 1500,
        keepAliveMs: 1500,
      });
      const head = await Client.open(t, server.port);
      const body = await Client.open(t, server.port);
      const idle = await Client.open(t, server.port);
      await idle.write(get('/next'));
      await idle.response();
      await head.write('GET /head HTTP/1.1\r\nHost: a\r\n');
      await body.write(post('/body', 8, 'half'));
      const upload = await handler.next();
      const sink = new Sink();
      upload.readBody(sink);
      await sink.has(4);
      // What completes them is with the kernel before the loop is blocked, and read after it.
      const written = [head.write('\r\n'), body.write('full'), idle.write(get('/again'))];
      block(2500);
      await Promise.all(written);
      assert.equal(await within('the body', sink.done), 'end');
      const others = [await handler.next(), await handler.next()];
      assert.deepEqual(others.map(({ target }) => target).sort(), ['/again', '/head']);
      for (const exchange of handler.held) exchange.respond(200, '', [], 'in time');
      assert.equal((await head.response()).body.toString(), 'in time');
      assert.equal((await body.response()).body.toString(), 'in time');
      assert.equal((await idle.response(1)).body.toString(), 'in time');
      for (const client of [head, body, idle]) client.socket.destroy();
      await servesOn(t, server);
    });

    test('does not cut a client that was reading', async (t) => {
      const { handler, server } = await serveHeld(t, backend, { writeMs: 1500 });
      const reader = new Worker(readingClient, { eval: true, workerData: { port: server.port } });
      t.after(() => reader.terminate());
      const read = once(reader, 'message');
      const exchange = await handler.next();
      exchange.respond(200, '', ['content-length', String(large.length)], large);
      await turns(5);
      block(2500);
      const [{ bytes, error }] = await within('the response', read);
      assert.equal(error, undefined);
      assert.ok(bytes > large.length);
      await servesOn(t, server);
    });
  });
}
