// A client that resets its connection (RST), at every stage of a request: the application learns it, nothing is left
// behind, the next client is served.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, until } from '../helpers/lifetime-client.js';
import { Sink, serveHeld, servesOn } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';

const large = noise(8 * 1024 * 1024);

for (const backend of testedBackends) {
  describe(`${backend}: the client resets`, () => {
    for (const [stage, bytes] of [
      ['before a byte', ''],
      ['in the request line', 'GET /half'],
      ['before the head is complete', 'GET / HTTP/1.1\r\nHost: a\r\nX-Half:'],
      ['before the last line of the head', 'GET / HTTP/1.1\r\nHost: a\r\n\r'],
    ] as const) {
      test(stage, async (t) => {
        const { handler, server } = await serveHeld(t, backend);
        const client = await Client.open(t, server.port);
        await until('the connection', () => server.stats().connections === 1);
        if (bytes !== '') await client.write(bytes);
        await turns(4);
        client.reset();
        await servesOn(t, server);
        assert.equal(handler.held.length, 0);
      });
    }

    test('while the handler runs', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      assert.equal(server.stats().inFlight, 1);
      client.reset();
      await handler.aborted(0);
      assert.equal(exchange.aborted, true);
      assert.equal(exchange.ended, true);
      exchange.respond(200, '', [], 'too late');
      await servesOn(t, server);
      assert.deepEqual(server.errors, []);
    });

    test('before anybody asked for the abort', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      exchange.onAbort(undefined);
      client.reset();
      await until('the abort', () => exchange.aborted);
      let told = 0;
      exchange.onAbort(() => {
        told += 1;
      });
      assert.equal(told, 1, 'onAbort is called at once when the client has left already');
      await servesOn(t, server);
    });

    for (const reads of [true, false]) {
      test(`in a body that ${reads ? 'is being' : 'nobody has'} read`, async (t) => {
        const { handler, server } = await serveHeld(t, backend);
        const client = await Client.open(t, server.port);
        await client.write(post('/', 1000, 'some of it'));
        const exchange = await handler.next();
        const sink = new Sink();
        if (reads) {
          exchange.readBody(sink);
          await sink.has(10);
        }
        client.reset();
        await handler.aborted(0);
        if (!reads) exchange.readBody(sink);
        assert.ok((await sink.done) instanceof Error);
        assert.equal(exchange.aborted, true);
        await servesOn(t, server);
      });
    }

    test('in a chunked body whose reader has paused', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n');
      const exchange = await handler.next();
      const sink = new Sink();
      sink.goesOn = false;
      exchange.readBody(sink);
      await sink.has(4);
      client.reset();
      await handler.aborted(0);
      exchange.resumeBody();
      assert.ok((await sink.done) instanceof Error);
      await servesOn(t, server);
    });

    test('in the response', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      exchange.respondHead(200, '', []);
      exchange.write('first');
      await client.has('first');
      client.reset();
      await handler.aborted(0);
      assert.equal(exchange.aborted, true);
      exchange.write('second');
      exchange.end();
      await servesOn(t, server);
    });

    test('with a large streamed response that it does not read', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get());
      const exchange = await handler.next();
      exchange.respondHead(200, '', []);
      assert.equal(exchange.write(large), false);
      await turns(4);
      client.reset();
      await handler.aborted(0);
      assert.equal(exchange.write('more') && exchange.ended, true);
      await servesOn(t, server);
    });

    test('with a large whole response that it does not read', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get());
      (await handler.next()).respond(200, '', [], large);
      await turns(4);
      assert.equal(server.stats().connections, 1);
      client.reset();
      await servesOn(t, server);
    });

    test('when the response is out and its body is not in', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(post('/', 1000, 'some of it'));
      (await handler.next()).respond(200, '', [], 'early');
      await client.has('early');
      client.reset();
      await servesOn(t, server);
    });

    test('between two requests', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      exchange.respond(200, '', [], 'first');
      await client.has('first');
      client.reset();
      await servesOn(t, server);
      assert.equal(exchange.aborted, false);
    });

    test('with half of a pipelined queue answered', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get().repeat(8));
      for (let index = 0; index < 8; index += 1) await handler.next();
      // The order of the answers is not that of the requests: 4 to 6 wait behind 3.
      for (const index of [2, 0, 1, 5, 4, 6]) handler.held[index]?.respond(200, '', [], `answer ${index}`);
      await client.has('answer 2');
      client.reset();
      await handler.aborted(3);
      await handler.aborted(7);
      await servesOn(t, server);
    });

    test('with an unsafe request that waits behind another', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get() + post('/unsafe', 4, 'body'));
      await handler.next();
      await turns(4);
      client.reset();
      await handler.aborted(0);
      await servesOn(t, server);
      if (backend === 'native') assert.equal(handler.held.length, 1, 'the second request must not start');
    });

    test('again and again, at random moments', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const script = Buffer.from(get('/next') + post('/next', 6, 'abcdef') + get('/next').repeat(3));
      for (let round = 0; round < 150; round += 1) {
        const client = await Client.open(t, server.port, { paused: round % 3 === 0 });
        await client.write(script.subarray(0, 1 + ((round * 37) % script.length)));
        if (round % 2 === 0) await turns(round % 5);
        client.reset();
      }
      await servesOn(t, server);
      assert.deepEqual(server.errors, []);
      assert.equal(handler.held.length, 0);
    });
  });
}
