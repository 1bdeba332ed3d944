// Large bodies are received into memory that the application keeps, without a copy: nothing may write to it again.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { BodySink, Exchange, Handler, HeaderList } from '../../lib/exchange.js';
import { testedBackends } from '../helpers/backends.js';
import { testTls } from '../helpers/certificates.js';
import { Client, noise, post, within } from '../helpers/lifetime-client.js';
import { Sink } from '../helpers/lifetime-handler.js';
import { startBackend } from '../helpers/start-backend.js';
import { Taker } from '../helpers/taker.js';

/** Keeps every chunk of every body, and answers with the number of bytes. */
class Keeping implements Handler {
  readonly interface = 'fetch';
  readonly bodies: Uint8Array[][] = [];
  readonly trailers: HeaderList[] = [];

  handle(exchange: Exchange): void {
    const chunks: Uint8Array[] = [];
    this.bodies.push(chunks);
    const sink: BodySink = {
      data: (chunk) => chunks.push(chunk) > 0,
      end: (trailers) => {
        this.trailers.push(trailers);
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        exchange.respond(200, '', ['content-type', 'text/plain'], String(bytes));
      },
      error: () => {},
    };
    exchange.readBody(sink);
  }
}

/** In chunks of so many bytes, with a trailer. */
function chunked(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = [
    Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-end\r\n\r\n'),
  ];
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\nx-end: yes\r\n\r\n')]);
}

for (const backend of testedBackends.filter((name) => name === 'native')) {
  describe(`${backend}: large bodies`, () => {
    const serve = async (t: Parameters<typeof Client.open>[0]) => {
      const handler = new Keeping();
      const server = await startBackend(backend, handler);
      t.after(() => server.close());
      return { handler, server };
    };

    test('what the application keeps stays as it was while other bodies come', async (t) => {
      const { handler, server } = await serve(t);
      const sent: Buffer[] = [];
      const clients: Client[] = [];
      for (let n = 0; n < 24; n += 1) clients.push(await Client.open(t, server.port));
      for (let round = 0; round < 4; round += 1) {
        // More in one turn than the blocks of one dispatch hold.
        const bodies = clients.map((_, n) => noise(300_000 + 40_000 * n + round));
        const writes = clients.map(async (client, n) => {
          const body = bodies[n] as Buffer;
          await client.write(Buffer.concat([Buffer.from(post('/', body.length)), body]));
          const answer = await within('the answer', client.response(round));
          assert.equal(answer.body.toString(), String(body.length));
        });
        await Promise.all(writes);
        sent.push(...bodies);
      }
      const kept = handler.bodies.map((chunks) => Buffer.concat(chunks));
      assert.equal(kept.length, sent.length);
      const byLength = new Map(sent.map((body) => [body.length, body]));
      for (const body of kept) assert.ok(byLength.get(body.length)?.equals(body), `${body.length} bytes`);
    });

    test('chunks, trailers and the next request of the same read', async (t) => {
      const { handler, server } = await serve(t);
      const client = await Client.open(t, server.port);
      const bodies = [noise(200_000), noise(500_000), noise(100), noise(90_000)];
      const [first, second, third, fourth] = bodies as [Buffer, Buffer, Buffer, Buffer];
      // The first makes the core expect large ones; then heads, bodies and trailers come in one piece.
      await client.write(chunked(first, 30_000));
      await client.response(0);
      await client.write(
        Buffer.concat([
          chunked(second, 7000),
          chunked(third, 10),
          Buffer.from(post('/', fourth.length)),
          fourth,
        ]),
      );
      await client.response(3);
      assert.deepEqual(
        handler.bodies.map((chunks, n) => Buffer.concat(chunks).equals(bodies[n] as Buffer)),
        [true, true, true, true],
      );
      assert.deepEqual(handler.trailers, [['x-end', 'yes'], ['x-end', 'yes'], ['x-end', 'yes'], []]);
    });

    test('a TLS connection that is taken behind a large body', async (t) => {
      const taker = new Taker();
      const server = await startBackend(backend, taker, {}, testTls());
      t.after(() => server.close());
      const socket = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
      t.after(() => socket.destroy());
      const body = noise(40_000);
      const bytes = noise(1_000_000);
      const fields = 'Connection: Upgrade\r\nUpgrade: echo\r\n';
      const head = `POST /hold HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${body.length}\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), body]));
      const exchange = await taker.holding();
      const sink = new Sink();
      exchange.readBody(sink);
      assert.equal(await within('the body', sink.done), 'end');
      const taken = taker.take(exchange);
      const kept: Buffer[] = [];
      let length = 0;
      const all = new Promise<void>((resolve) => {
        taken?.on('data', (chunk: Buffer) => {
          kept.push(chunk);
          length += chunk.length;
          if (length >= bytes.length) resolve();
        });
      });
      socket.resume();
      socket.write(bytes);
      await within('the bytes of the other protocol', all);
      assert.ok(Buffer.concat(kept).equals(bytes));
    });

    test('a body that comes in small pieces does not keep large memory alive', async (t) => {
      const { handler, server } = await serve(t);
      const client = await Client.open(t, server.port);
      const body = noise(100_000);
      await client.write(post('/', body.length));
      for (let at = 0; at < body.length; at += 5000) {
        await client.write(body.subarray(at, at + 5000));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.response(0);
      const chunks = handler.bodies[0] ?? [];
      assert.ok(Buffer.concat(chunks).equals(body));
      for (const chunk of chunks) {
        if (chunk.length < 16_384)
          assert.ok(chunk.buffer.byteLength < 65_536, `${chunk.buffer.byteLength} bytes`);
      }
    });
  });
}
