// close() with connections in every state: what is in flight is answered, what is on the wire already, too; nothing is
// cut before the deadline, and what is cut is counted.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, sha256, until, waitMs, within } from '../helpers/lifetime-client.js';
import { Sink, serveHeld } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';

const large = noise(8 * 1024 * 1024);

for (const backend of testedBackends) {
  describe(`${backend}: close()`, () => {
    test('without any connection, and again when closed', async (t) => {
      const { server } = await serveHeld(t, backend);
      assert.deepEqual(await within('close', server.close(waitMs)), { cut: 0 });
      // The timer of a late close would keep the process alive.
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
      const before = timers();
      assert.deepEqual(await within('close', server.close(60_000)), { cut: 0 });
      assert.deepEqual(await within('close', server.close(0)), { cut: 0 });
      assert.ok(timers() <= before);
      await assert.rejects(Client.open(t, server.port));
    });

    test('with everything at once: zero cut', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const open = () => Client.open(t, server.port);
      const [idle, fresh, plain, stream, upload, slow, piped] = await Promise.all(
        Array.from({ length: 7 }, open),
      );
      assert.ok(idle && fresh && plain && stream && upload && slow && piped);
      await idle.write(get('/next'));
      await idle.response();

      await plain.write(get('/plain'));
      const plainExchange = await handler.next();
      await stream.write(get('/stream'));
      const streamExchange = await handler.next();
      streamExchange.respondHead(200, '', []);
      streamExchange.write('before ');
      await stream.has('before ');
      await upload.write(post('/upload', 8, 'half'));
      const uploadExchange = await handler.next();
      const sink = new Sink();
      uploadExchange.readBody(sink);
      await sink.has(4);
      slow.pause();
      await slow.write(get('/slow'));
      (await handler.next()).respond(200, '', [], large);
      await piped.write(get('/piped') + get('/piped') + get('/piped'));
      const queue = [await handler.next(), await handler.next(), await handler.next()];

      const closed = server.close(waitMs);
      for (const client of [idle, fresh]) {
        await client.end();
        assert.equal(client.ended, 'fin');
        client.socket.destroy();
      }
      await assert.rejects(Client.open(t, server.port));
      plainExchange.respond(200, '', [], 'plain');
      streamExchange.write('after');
      streamExchange.end();
      await upload.write('full');
      assert.equal(await within('the upload', sink.done), 'end');
      uploadExchange.respond(200, '', [], 'uploaded');
      for (const [index, exchange] of queue.reverse().entries()) exchange.respond(200, '', [], String(index));
      slow.read();

      for (const client of [plain, stream, upload, slow, piped]) {
        await client.end();
        assert.equal(client.ended, 'fin');
        client.socket.destroy();
      }
      assert.deepEqual(await within('close', closed), { cut: 0 });
      assert.equal((await plain.response()).body.toString(), 'plain');
      assert.match(plain.text, /connection: close/i);
      const streamed = await stream.response();
      assert.deepEqual([streamed.body.toString(), streamed.truncated], ['before after', false]);
      assert.equal((await upload.response()).body.toString(), 'uploaded');
      assert.equal(sha256((await slow.response()).body), sha256(large));
      assert.deepEqual(
        piped.responses.map(({ body }) => body.toString()),
        ['2', '1', '0'],
      );
      assert.equal(piped.text.match(/connection: close/gi)?.length, 1);
      assert.deepEqual(server.stats().connections, 0);
    });

    test('answers a request that is on the wire of an idle connection', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const clients = await Promise.all(Array.from({ length: 10 }, () => Client.open(t, server.port)));
      for (const client of clients) {
        await client.write(get('/next'));
        await client.response();
      }
      const written = clients.map((client) => client.write(get('/last')));
      const closed = server.close(waitMs);
      await Promise.all(written);
      for (const _ of clients) (await handler.next()).respond(200, '', [], 'last');
      for (const client of clients) {
        assert.equal((await client.response(1)).body.toString(), 'last');
        await client.end();
        client.socket.destroy();
      }
      assert.deepEqual(await within('close', closed), { cut: 0 });
    });

    test('answers a connection that waits to be accepted, or refuses it: no reset after a request', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await until('the connection', () => server.stats().connections === 1);
      const written = client.write(get('/last'));
      const closed = server.close(waitMs);
      await written;
      (await handler.next()).respond(200, '', [], 'last');
      assert.equal((await client.response()).body.toString(), 'last');
      client.socket.destroy();
      assert.deepEqual(await within('close', closed), { cut: 0 });
    });

    test('lets a head that has begun come to its end', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      const half = Math.floor(get().length / 2);
      await client.write(get().slice(0, half));
      await turns(4);
      const closed = server.close(waitMs);
      await turns(4);
      await client.write(get().slice(half));
      (await handler.next()).respond(200, '', [], 'whole');
      const response = await client.response();
      assert.equal(response.body.toString(), 'whole');
      assert.match(client.text, /connection: close/i);
      await client.end();
      client.socket.destroy();
      assert.deepEqual(await within('close', closed), { cut: 0 });
    });

    test('does not wait for who sends empty lines and no request', async (t) => {
      const { server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      // Accepted, and nothing else of it is known.
      while (server.stats().connections === 0) await turns(1);
      const drip = setInterval(() => client.socket.write('\r\n'), 100);
      t.after(() => clearInterval(drip));
      const closing = server.close(Number.POSITIVE_INFINITY);
      await client.end();
      assert.deepEqual(await within('close', closing), { cut: 0 });
    });

    test('ends when the client of the last request leaves', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      await handler.next();
      const closed = server.close(waitMs);
      client.reset();
      await handler.aborted(0);
      assert.deepEqual(await within('close', closed), { cut: 0 });
    });

    test('reads on for a body while it drains', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      const sent = client.write(post('/', large.length));
      const exchange = await handler.next();
      await sent;
      const closed = server.close(waitMs);
      const sink = new Sink();
      exchange.readBody(sink);
      await client.write(large);
      assert.equal(await within('the body', sink.done), 'end');
      assert.equal(sha256(Buffer.concat(sink.chunks)), sha256(large));
      exchange.respond(200, '', [], 'done');
      assert.equal((await client.response()).body.toString(), 'done');
      client.socket.destroy();
      assert.deepEqual(await within('close', closed), { cut: 0 });
    });

    test('does not wait for a body that nobody reads, of a request that is answered', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(post('/', 100, 'half'));
      (await handler.next()).respond(200, '', [], 'early');
      assert.equal((await client.response()).body.toString(), 'early');
      const closed = server.close(waitMs);
      await client.end();
      assert.equal(client.ended, 'fin');
      client.socket.destroy();
      assert.deepEqual(await within('close', closed), { cut: 0 });
    });

    test('cuts and counts at the deadline', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const clients = await Promise.all(Array.from({ length: 5 }, () => Client.open(t, server.port)));
      for (const client of clients) {
        await client.write(get());
        await handler.next();
      }
      handler.held[0]?.respond(200, '', [], 'in time');
      handler.held[1]?.respondHead(200, '', []);
      handler.held[1]?.write('some');
      const closed = server.close(300);
      await clients[0]?.end();
      assert.deepEqual(await within('close', closed), { cut: 4 });
      for (const index of [1, 2, 3, 4]) {
        await handler.aborted(index);
        await clients[index]?.end();
        handler.held[index]?.end();
      }
      assert.equal(server.stats().inFlight, 0);
    });

    test('with 0 cuts at once', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get() + get());
      await handler.next();
      await handler.next();
      assert.deepEqual(await within('close', server.close(0)), { cut: 2 });
      await handler.aborted(0);
      await handler.aborted(1);
      await client.end();
      assert.equal(client.text, '');
    });

    test('a second time gives the same', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      const closed = [server.close(waitMs), server.close(waitMs)];
      exchange.respond(200, '', [], 'answer');
      await client.end();
      client.socket.destroy();
      assert.deepEqual(await within('close', Promise.all(closed)), [{ cut: 0 }, { cut: 0 }]);
    });

    test('a second time with 0 cuts what the first waits for', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      await handler.next();
      const first = server.close(60_000);
      await turns(3);
      const second = server.close(0);
      await handler.aborted(0);
      assert.deepEqual(await within('close', Promise.all([first, second])), [{ cut: 1 }, { cut: 1 }]);
      client.socket.destroy();
    });

    test('from inside a handler', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      let closed: Promise<{ cut: number }> | undefined;
      exchange.readBody({
        data: () => true,
        end: () => {
          closed = server.close(waitMs);
          exchange.respond(200, '', [], 'the last');
        },
        error: () => {},
      });
      assert.equal((await client.response()).body.toString(), 'the last');
      assert.match(client.text, /connection: close/i);
      client.socket.destroy();
      assert.deepEqual(await within('close', closed ?? Promise.reject(new Error('not closed'))), { cut: 0 });
    });
  });

  test(`${backend}: servers that are closed one in the other's callback end, although nothing else happens`, async (t) => {
    const servers = [];
    for (let n = 0; n < 8; n += 1) {
      const { server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/next'));
      await client.response();
      client.finish();
      await client.end();
      servers.push(server);
    }
    for (const server of servers) await within('close', server.close(0));
  });
}
