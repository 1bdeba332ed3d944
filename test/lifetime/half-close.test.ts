// A client that shuts down its side after its request still reads: it gets its whole response, however late.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, sha256 } from '../helpers/lifetime-client.js';
import { Sink, serveApplication, serveHeld, servesOn } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';

const large = noise(4 * 1024 * 1024);

for (const backend of testedBackends) {
  describe(`${backend}: a half-closed client`, { concurrency: true }, () => {
    test('gets its response, then the end', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      client.finish();
      const exchange = await handler.next();
      await turns(4);
      exchange.respond(200, '', [], 'answer');
      const response = await client.response();
      assert.equal(response.body.toString(), 'answer');
      await client.end();
      assert.equal(client.ended, 'fin');
      assert.equal(exchange.aborted, false);
      await servesOn(t, server);
    });

    test('gets it from a handler that answers after the application was told', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      client.finish();
      const exchange = await handler.next();
      // The grace of a second has passed when this comes.
      await handler.aborted(0);
      assert.equal(exchange.aborted, false);
      assert.equal(exchange.ended, false);
      exchange.respond(200, '', [], 'late');
      assert.equal((await client.response()).body.toString(), 'late');
      await client.end();
      assert.equal(client.ended, 'fin');
      await servesOn(t, server);
    });

    test('gets a chunked response of which some is written after that', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      client.finish();
      const exchange = await handler.next();
      exchange.respondHead(200, '', []);
      exchange.write('before ');
      await client.has('before ');
      await handler.aborted(0);
      exchange.write('after');
      exchange.end(['x-trailer', 'yes']);
      const response = await client.response();
      assert.equal(response.framing, 'chunked');
      assert.equal(response.truncated, false);
      assert.equal(response.body.toString(), 'before after');
      await client.end();
      assert.equal(client.ended, 'fin');
      await servesOn(t, server);
    });

    test('gets every byte of a large response, although it begins to read late', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get());
      client.finish();
      (await handler.next()).respond(200, '', [], large);
      await turns(20);
      client.read();
      const { body } = await client.response();
      assert.equal(sha256(body), sha256(large));
      await client.end();
      assert.equal(client.ended, 'fin');
      await servesOn(t, server);
    });

    test('is answered after its body, on each request of its queue', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/next') + get('/next') + post('/', 4, 'body'));
      client.finish();
      const exchange = await handler.next();
      const sink = new Sink();
      exchange.readBody(sink);
      assert.equal(await sink.done, 'end');
      assert.equal(Buffer.concat(sink.chunks).toString(), 'body');
      exchange.respond(200, '', [], 'third');
      assert.equal((await client.response(2)).body.toString(), 'third');
      assert.deepEqual(
        client.responses.map(({ body }) => body.toString()),
        ['next', 'next', 'third'],
      );
      await client.end();
      await servesOn(t, server);
    });

    test('in the middle of its body has left: the reader learns it', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(post('/', 100, 'half'));
      const exchange = await handler.next();
      const sink = new Sink();
      exchange.readBody(sink);
      await sink.has(4);
      client.finish();
      assert.ok((await sink.done) instanceof Error);
      await client.end();
      await servesOn(t, server);
    });

    test('that resets after the application was told is an abort', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      client.finish();
      const exchange = await handler.next();
      await handler.aborted(0);
      const again = new Promise<void>((resolve) => exchange.onAbort(resolve));
      exchange.respondHead(200, '', []);
      exchange.write(large);
      client.reset();
      await again;
      assert.equal(exchange.aborted, true);
      await servesOn(t, server);
    });

    test('is served by the node, fetch and wsgi interfaces when they are slow', async (t) => {
      const slow = 1300;
      const later = () => new Promise((resolve) => setTimeout(resolve, slow));
      const node = await serveApplication(t, backend, 'node', (_req: unknown, res: NodeJS.WritableStream) => {
        setTimeout(() => {
          res.write('sl');
          res.end('ow');
        }, slow);
      });
      const fetch = await serveApplication(t, backend, 'fetch', async () => {
        await later();
        return new Response('slow');
      });
      const stream = await serveApplication(t, backend, 'fetch', () => {
        const pull = async (controller: ReadableStreamDefaultController) => {
          controller.enqueue(Buffer.from('sl'));
          await later();
          controller.enqueue(Buffer.from('ow'));
          controller.close();
        };
        return new Response(new ReadableStream({ pull }));
      });
      const wsgi = await serveApplication(
        t,
        backend,
        'wsgi',
        async (_environ: unknown, startResponse: (status: string, headers: []) => void) => {
          await later();
          startResponse('200 OK', []);
          return ['sl', 'ow'];
        },
      );
      const asked = [node, fetch, stream, wsgi].map(async (server) => {
        const client = await Client.open(t, server.port);
        await client.write(get());
        client.finish();
        const { status, body, truncated } = await client.response();
        return `${status} ${body.toString()} ${truncated}`;
      });
      assert.deepEqual(await Promise.all(asked), Array(4).fill('200 slow false'));
    });
  });
}
