// A request body that its reader gives up is read over like one that nobody has asked for: no deadline is waited for.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post } from '../helpers/lifetime-client.js';
import { Sink, serveApplication, serveHeld, servesOn } from '../helpers/lifetime-handler.js';

const small = noise(200 * 1024);
const large = noise(8 * 1024 * 1024);

async function cancelled(request: Request): Promise<Response> {
  if (request.body === null) return new Response('next');
  const { pathname } = new URL(request.url);
  if (pathname === '/at-once') await request.body.cancel();
  else if (pathname === '/stops') for await (const _ of request.body) break;
  else if (pathname === '/late') return cancelledLater(request.body);
  else {
    const reader = request.body.getReader();
    await reader.read();
    await reader.cancel();
  }
  return new Response('enough');
}

/** The response is out when its reader gives up. */
function cancelledLater(body: ReadableStream): Response {
  const reader = body.getReader();
  reader.read().then(() => setImmediate(() => setImmediate(() => void reader.cancel())));
  return new Response('enough');
}

for (const backend of testedBackends) {
  describe(`${backend}: a body that is given up`, { concurrency: true }, () => {
    for (const path of ['/at-once', '/after-a-chunk', '/stops', '/late']) {
      test(`${path}, below the drain limit: the connection serves the next request`, async (t) => {
        const server = await serveApplication(t, backend, 'fetch', cancelled);
        const client = await Client.open(t, server.port);
        // Half of it waits until the answer is there.
        await client.write(post(path, small.length));
        await client.write(small.subarray(0, small.length / 2));
        assert.equal((await client.response()).body.toString(), 'enough');
        await client.write(small.subarray(small.length / 2));
        await client.write(get());
        assert.equal((await client.response(1)).body.toString(), 'next');
        client.socket.destroy();
        await servesOn(t, server, '/');
      });

      test(`${path}, above the drain limit: the response arrives, then the connection ends`, async (t) => {
        const server = await serveApplication(t, backend, 'fetch', cancelled);
        const client = await Client.open(t, server.port);
        void client.write(Buffer.concat([Buffer.from(post(path, large.length)), large]));
        assert.equal((await client.response()).body.toString(), 'enough');
        await client.end();
        client.socket.destroy();
        await servesOn(t, server, '/');
      });
    }

    test('it is read over before the answer as well, up to the limit', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(Buffer.concat([Buffer.from(post('/', small.length)), small.subarray(0, 70_000)]));
      const exchange = await handler.next();
      const sink = new Sink();
      sink.goesOn = false;
      exchange.readBody(sink);
      await sink.has(1);
      const taken = sink.bytes;
      exchange.discardBody();
      exchange.discardBody();
      await client.write(small.subarray(70_000));
      exchange.respond(200, '', [], 'done');
      assert.equal((await client.response()).body.toString(), 'done');
      await client.write(get('/next'));
      assert.equal((await client.response(1)).body.toString(), 'next');
      assert.equal(sink.bytes, taken);
      client.socket.destroy();
      await servesOn(t, server);
    });
  });
}
