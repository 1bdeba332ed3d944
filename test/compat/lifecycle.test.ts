import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { Limits } from '../../lib/backends/backend.js';
import type { Exchange, Handler } from '../../lib/exchange.js';
import { nodeHandler } from '../../lib/interfaces/node.js';
import { testedBackends } from '../helpers/backends.js';
import { RawClient, turns } from '../helpers/raw-client.js';
import { startBackend } from '../helpers/start-backend.js';

/** Longest wait for something that is expected. */
const waitMs = 60_000;

/** Holds every exchange until the test answers it. */
class Holding implements Handler {
  readonly interface = 'fetch';
  readonly held: Exchange[] = [];
  #wake: () => void = () => {};

  handle(exchange: Exchange): void {
    this.held.push(exchange);
    this.#wake();
  }

  async until(count: number): Promise<void> {
    while (this.held.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  answer(index: number): void {
    this.held[index]?.respond(200, '', ['content-type', 'text/plain'], `answer ${index}`);
  }
}

async function open(t: TestContext, port: number): Promise<RawClient> {
  const client = await RawClient.open(port);
  t.after(() => client.destroy());
  return client;
}

const get = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
const textOf = (client: RawClient) => client.received.toString('latin1');
const has = (client: RawClient, text: string) => client.until(() => textOf(client).includes(text), waitMs);
const ended = (client: RawClient) => client.until(() => client.serverEnd !== 'open', waitMs);

for (const backend of testedBackends) {
  const start = async (t: TestContext, limits: Partial<Limits> = {}) => {
    const handler = new Holding();
    const server = await startBackend(backend, handler, limits);
    t.after(() => server.close());
    return { handler, server };
  };

  describe(`drain on ${backend}`, () => {
    test('what is in flight is answered, idle connections end, nothing is cut', async (t) => {
      const { handler, server } = await start(t);
      const [busy, idle, fresh] = [
        await open(t, server.port),
        await open(t, server.port),
        await open(t, server.port),
      ];
      await idle.write(get);
      await handler.until(1);
      handler.answer(0);
      await has(idle, 'answer 0');
      assert.doesNotMatch(textOf(idle), /connection: close/i);
      await busy.write(get);
      await handler.until(2);
      const closed = server.close(waitMs);
      await ended(idle);
      await ended(fresh);
      assert.equal(idle.serverEnd, 'fin');
      assert.equal(fresh.serverEnd, 'fin');
      assert.equal(server.stats().inFlight, 1);
      handler.answer(1);
      await has(busy, 'answer 1');
      assert.match(textOf(busy), /connection: close/i);
      await ended(busy);
      assert.equal(busy.serverEnd, 'fin');
      assert.deepEqual(await closed, { cut: 0 });
      await assert.rejects(RawClient.open(server.port), { code: 'ECONNREFUSED' });
    });

    test('a request that is on the wire already is answered', async (t) => {
      const { handler, server } = await start(t);
      const client = await open(t, server.port);
      await client.write(get);
      await handler.until(1);
      handler.answer(0);
      await has(client, 'answer 0');
      const written = client.write(get);
      const closed = server.close(waitMs);
      await written;
      await handler.until(2);
      handler.answer(1);
      await has(client, 'answer 1');
      assert.deepEqual(await closed, { cut: 0 });
    });

    test('pipelined requests are all answered, and only the last says that it is', async (t) => {
      const { handler, server } = await start(t);
      const client = await open(t, server.port);
      await client.write(Buffer.concat([get, get, get]));
      await handler.until(3);
      const closed = server.close(waitMs);
      for (const index of [2, 0, 1]) handler.answer(index);
      assert.deepEqual(await closed, { cut: 0 });
      await ended(client);
      const text = textOf(client);
      assert.deepEqual(text.match(/answer \d/g), ['answer 0', 'answer 1', 'answer 2']);
      assert.equal(text.match(/connection: close/gi)?.length, 1);
    });

    test('at the deadline what is left is cut and counted', async (t) => {
      const { handler, server } = await start(t);
      const client = await open(t, server.port);
      await client.write(get);
      await handler.until(1);
      const aborted = new Promise<void>((resolve) => handler.held[0]?.onAbort(resolve));
      assert.deepEqual(await server.close(1), { cut: 1 });
      await aborted;
      handler.answer(0);
      await ended(client);
      assert.equal(textOf(client), '');
    });
  });

  describe(`limits on ${backend}`, () => {
    test('above connectionsMax a connection waits for one to end', async (t) => {
      const { handler, server } = await start(t, { connectionsMax: 1 });
      const first = await open(t, server.port);
      await first.write(get);
      await handler.until(1);
      const second = await open(t, server.port);
      await second.write(get);
      await turns(10);
      assert.equal(handler.held.length, 1);
      handler.answer(0);
      await has(first, 'answer 0');
      first.destroy();
      await handler.until(2);
      handler.answer(1);
      assert.ok(await has(second, 'answer 1'));
    });

    test('a head that does not come in time gets 408', async (t) => {
      const { server } = await start(t, { headMs: 100 });
      const client = await open(t, server.port);
      await client.write(Buffer.from('GET / HTTP/1.1\r\nHost'));
      await ended(client);
      assert.match(textOf(client), /^HTTP\/1\.1 408 [\s\S]*connection: close/i);
    });

    test('a body that does not come in time gets 408, and its reader an error', async (t) => {
      const { handler, server } = await start(t, { bodyMs: 100 });
      const client = await open(t, server.port);
      await client.write(Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf'));
      await handler.until(1);
      const failed = new Promise((resolve) => {
        handler.held[0]?.readBody({ data: () => true, end: () => resolve('end'), error: resolve });
      });
      assert.ok((await failed) instanceof Error);
      await ended(client);
      assert.match(textOf(client), /^HTTP\/1\.1 408 /);
    });

    test('an idle connection ends with FIN', async (t) => {
      const { handler, server } = await start(t, { keepAliveMs: 100 });
      const client = await open(t, server.port);
      await client.write(get);
      await handler.until(1);
      handler.answer(0);
      await ended(client);
      assert.match(textOf(client), /answer 0$/);
      assert.equal(client.serverEnd, 'fin');
    });

    test('keepAliveMs 0 closes after each response', async (t) => {
      const { handler, server } = await start(t, { keepAliveMs: 0 });
      const client = await open(t, server.port);
      await client.write(get);
      await handler.until(1);
      handler.answer(0);
      await ended(client);
      assert.match(textOf(client), /connection: close[\s\S]*answer 0$/i);
    });

    test('a client that takes nothing of its response is cut', async (t) => {
      const { handler, server } = await start(t, { writeMs: 100 });
      // It reads nothing: no listener for data.
      const client = connect({ port: server.port, host: '127.0.0.1' });
      t.after(() => client.destroy());
      client.on('error', () => {});
      client.write(get);
      await handler.until(1);
      const aborted = new Promise<void>((resolve) => handler.held[0]?.onAbort(resolve));
      handler.held[0]?.respondHead(200, '', []);
      handler.held[0]?.write(Buffer.alloc(32 * 1024 * 1024));
      await aborted;
    });
  });

  describe(`requests in flight on ${backend}`, () => {
    test('above inFlightMax requests wait, above queuedMax they get 503', async (t) => {
      const { handler, server } = await start(t, { inFlightMax: 1, queuedMax: 1 });
      const clients = [await open(t, server.port), await open(t, server.port), await open(t, server.port)];
      const [first, second, third] = clients as [RawClient, RawClient, RawClient];
      await first.write(get);
      await handler.until(1);
      await second.write(get);
      while (server.stats().inFlight < 2) await turns(1);
      await third.write(get);
      await has(third, '\r\n\r\n');
      assert.match(textOf(third), /^HTTP\/1\.1 503 /);
      assert.match(textOf(third), /retry-after: \d+\r\n/i);
      assert.equal(handler.held.length, 1);
      handler.answer(0);
      await handler.until(2);
      handler.answer(1);
      assert.ok(await has(second, 'answer 1'));
    });

    test('one that waits and leaves is never run', async (t) => {
      const { handler, server } = await start(t, { inFlightMax: 1 });
      const first = await open(t, server.port);
      await first.write(get);
      await handler.until(1);
      const second = connect({ port: server.port, host: '127.0.0.1' });
      second.write(get);
      while (server.stats().inFlight < 2) await turns(1);
      second.resetAndDestroy();
      while (server.stats().inFlight > 1) await turns(1);
      handler.answer(0);
      await has(first, 'answer 0');
      assert.equal(handler.held.length, 1);
    });
  });

  test(`${backend}: requests that waited run one behind the other, however many answer at once`, async (t) => {
    const count = 1500;
    let running = 0;
    let deepest = 0;
    const ends: string[] = [];
    let answerFirst: (() => void) | undefined;
    const handler = nodeHandler((req, res) => {
      deepest = Math.max(deepest, ++running);
      for (const event of ['end', 'close']) req.on(event, () => ends.push(event));
      req.on('data', () => {});
      // The first holds the others back; then each makes room for the next within its handler.
      if (answerFirst === undefined) answerFirst = () => void res.end('first');
      else res.end('next');
      running--;
    });
    const server = await startBackend(backend, handler, { inFlightMax: 1 });
    t.after(() => server.close());
    const first = await open(t, server.port);
    await first.write(get);
    while (server.stats().inFlight < 1) await turns(1);
    const clients: RawClient[] = [];
    for (let i = 0; i < count / 15; i++) clients.push(await open(t, server.port));
    for (const client of clients) await client.write(Buffer.from(get.toString().repeat(15)));
    while (server.stats().inFlight < 1 + count) await turns(1);
    answerFirst?.();
    while (server.stats().inFlight > 0) await turns(1);
    for (let left = 1000; ends.length < 2 * (count + 1) && left > 0; left--) await turns(1);
    assert.equal(deepest, 1);
    assert.equal(ends.length, 2 * (count + 1));
  });

  test(`${backend}: a client that has shut down its side is still answered, and the application told`, async (t) => {
    const { handler, server } = await start(t);
    const client = await open(t, server.port);
    await client.write(get);
    await handler.until(1);
    const told = new Promise<void>((resolve) => handler.held[0]?.onAbort(resolve));
    client.finish();
    await told;
    assert.equal(handler.held[0]?.aborted, false);
    handler.answer(0);
    assert.ok(await has(client, 'answer 0'));
  });
}
