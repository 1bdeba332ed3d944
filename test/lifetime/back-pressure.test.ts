// Neither side takes more than a window of what the other does not want, and no byte is lost or changed on the way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, sha256, until, within } from '../helpers/lifetime-client.js';
import { Sink, serveApplication, serveHeld, servesOn } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';

const mebibyte = 1024 * 1024;
/** What the kernel may hold of one direction of a connection, with room to spare. */
const kernelBytesMax = 16 * mebibyte;

/** Sizes from 1 to `most`, the same at each run. */
function* sizes(most: number): Generator<number, never> {
  let state = 12345;
  for (;;) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    yield 1 + (state % most);
  }
}

/** Write pieces of random sizes until nothing more is taken for some rounds.
 *  @returns The number of bytes that the kernel took. */
async function pour(client: Client, piece: Buffer): Promise<number> {
  const { socket } = client;
  let quiet = 0;
  let last = -1;
  while (quiet < 50 && !socket.destroyed) {
    while (socket.writableLength < 2 * mebibyte) socket.write(piece);
    await turns(2);
    const sent = socket.bytesWritten - socket.writableLength;
    quiet = sent === last ? quiet + 1 : 0;
    last = sent;
  }
  return last;
}

for (const backend of testedBackends) {
  describe(`${backend}: back-pressure`, () => {
    test('a streamed response waits for its client, chunk by chunk', async (t) => {
      const total = 64 * mebibyte;
      const chunk = noise(64 * 1024);
      let written = 0;
      let refusals = 0;
      let drains = 0;
      const server = await serveApplication(
        t,
        backend,
        'node',
        async (req: IncomingMessage, res: ServerResponse) => {
          if (req.url === '/next') return res.end('next');
          while (written < total) {
            written += chunk.length;
            if (res.write(chunk)) continue;
            refusals += 1;
            await once(res, 'drain');
            drains += 1;
          }
          return res.end();
        },
      );
      const client = await Client.open(t, server.port, { paused: true, hash: true });
      await client.write('GET / HTTP/1.0\r\n\r\n');
      await until('write() to return false', () => refusals > drains);
      await turns(50);
      assert.equal(refusals, drains + 1, 'the handler waits');
      assert.ok(written < kernelBytesMax, `${written} bytes were taken from the handler`);
      client.read();
      await client.end();
      assert.equal(written, total);
      assert.ok(drains > 1);
      // HTTP/1.0: the head, then the body until the end.
      assert.ok(client.bytes > total && client.bytes < total + 1000, `${client.bytes} bytes`);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('memory stays bounded while many clients do not read', async (t) => {
      const chunk = noise(64 * 1024);
      const server = await serveApplication(
        t,
        backend,
        'fetch',
        (request: Request) =>
          new Response(
            request.url.endsWith('/next')
              ? 'next'
              : new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }),
          ),
      );
      global.gc?.();
      const before = process.memoryUsage();
      const clients: Client[] = [];
      for (let n = 0; n < 20; n += 1) {
        const client = await Client.open(t, server.port, { paused: true });
        await client.write(get());
        clients.push(client);
      }
      await until('the requests', () => server.stats().inFlight === clients.length);
      await turns(300);
      const now = process.memoryUsage();
      const grown = now.external + now.heapUsed - before.external - before.heapUsed;
      // 20 windows, and the same again on the client side of this process.
      assert.ok(grown < 64 * mebibyte, `${grown} bytes for ${clients.length} clients`);
      for (const client of clients) client.reset();
      await servesOn(t, server);
    });

    test('an upload that nobody reads stops', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(post('/', 1024 * mebibyte));
      const exchange = await handler.next();
      const sent = await pour(client, noise(256 * 1024));
      assert.ok(sent < kernelBytesMax, `${sent} bytes were taken`);
      assert.equal(exchange.ended, false);
      client.reset();
      // node:http does not look at a socket that it does not read: there the handler has to give up.
      if (backend === 'native') await handler.aborted(0);
      else exchange.abort();
      await servesOn(t, server);
    });

    test('an upload whose reader pauses stops, and goes on', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      const total = 48 * mebibyte;
      await client.write(post('/', total));
      const exchange = await handler.next();
      const sink = new Sink();
      sink.goesOn = false;
      exchange.readBody(sink);
      const piece = noise(256 * 1024);
      const sent = await pour(client, piece);
      assert.ok(sent < kernelBytesMax, `${sent} bytes were taken`);
      assert.ok(sink.bytes <= mebibyte, `${sink.bytes} bytes came after the pause`);
      sink.goesOn = true;
      exchange.resumeBody();
      let left = total - (client.socket.bytesWritten - Buffer.byteLength(post('/', total)));
      for (; left > 0; left -= piece.length) {
        if (!client.socket.write(piece.subarray(0, Math.min(left, piece.length))))
          await once(client.socket, 'drain');
      }
      assert.equal(await within('the body', sink.done), 'end');
      assert.equal(sink.bytes, total);
      exchange.respond(200, '', [], 'thanks');
      assert.equal((await client.response()).body.toString(), 'thanks');
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('a reader that pauses after every chunk gets everything', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      const body = noise(3 * mebibyte);
      const written = client.write(Buffer.concat([Buffer.from(post('/', body.length)), body]));
      const exchange = await handler.next();
      const sink = new Sink();
      sink.goesOn = false;
      exchange.readBody(sink);
      let ended = false;
      void sink.done.then(() => {
        ended = true;
      });
      await until('the end of the body', () => {
        exchange.resumeBody();
        return ended;
      });
      await written;
      assert.equal(sha256(Buffer.concat(sink.chunks)), sha256(body));
      exchange.respond(200, '', [], null);
      await client.response();
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('a slow reader of 16 MiB gets exact bytes', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const body = noise(16 * mebibyte);
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get('/', 'Connection: close\r\n'));
      (await handler.next()).respond(200, '', [], body);
      for (let bytes = -1; client.ended === 'open' && bytes !== client.bytes; ) {
        bytes = client.bytes;
        client.read();
        const more = bytes + 256 * 1024;
        await until('more', () => client.bytes >= more || client.ended !== 'open');
        client.pause();
        await turns(3);
      }
      client.read();
      await client.end();
      const { body: got, truncated } = await client.response();
      assert.equal(truncated, false);
      assert.equal(sha256(got), sha256(body));
      client.socket.destroy();
      await servesOn(t, server);
    });

    for (const chunked of [false, true]) {
      test(`8 MiB echo, ${chunked ? 'chunked' : 'with a Content-Length'}, in pieces of random sizes`, async (t) => {
        const { handler, server } = await serveHeld(t, backend);
        const body = noise(8 * mebibyte);
        const client = await Client.open(t, server.port);
        const echoed = handler.next().then((exchange) => {
          exchange.respondHead(200, '', chunked ? [] : ['content-length', String(body.length)]);
          exchange.onDrain(() => exchange.resumeBody());
          exchange.readBody({
            data: (chunk) => exchange.write(chunk),
            end: () => exchange.end(),
            error: (error) => exchange.fail(error),
          });
        });
        const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
        await client.write(`POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${framing}\r\n\r\n`);
        const size = sizes(200_000);
        for (let at = 0; at < body.length; ) {
          const piece = body.subarray(at, at + size.next().value);
          at += piece.length;
          // Some in several writes, so that a chunk is split over reads.
          const bytes = chunked
            ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
            : piece;
          const cut = size.next().value % bytes.length;
          void client.write(bytes.subarray(0, cut));
          await client.write(bytes.subarray(cut));
        }
        if (chunked) await client.write('0\r\n\r\n');
        await echoed;
        await client.end();
        const response = await client.response();
        assert.equal(response.framing, chunked ? 'chunked' : 'length');
        assert.equal(response.truncated, false);
        assert.equal(sha256(response.body), sha256(body));
        client.socket.destroy();
        await servesOn(t, server);
      });
    }
  });
}
