import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import { createHandler, installLightResponse } from '../../lib/interfaces/index.js';
import { testedBackends } from '../helpers/backends.js';
import { startBackend } from '../helpers/start-backend.js';
import { ask } from './scenario.js';

installLightResponse();

/** More than a socket and the window of the server take without a reader. */
const hugeBytes = 64 * 1024 * 1024;

type Routes = Readonly<Record<string, (request: Request) => unknown>>;

/** Told by the application of the tests. */
class Events {
  pulled = 0;
  cancel: (reason: unknown) => void = () => {};
  abort: () => void = () => {};
  readonly cancelled = new Promise<unknown>((resolve) => {
    this.cancel = resolve;
  });
  readonly aborted = new Promise<void>((resolve) => {
    this.abort = resolve;
  });
}

function routesOf(events: Events): Routes {
  const piece = new Uint8Array(64 * 1024);
  return {
    '/huge': () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            events.pulled += piece.byteLength;
            controller.enqueue(piece.slice());
            if (events.pulled >= hugeBytes) controller.close();
          },
          cancel: (reason) => events.cancel(reason),
        }),
      ),
    '/wait': (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener('abort', () => {
          events.abort();
          resolve(new Response('too late'));
        });
      }),
    '/breaks': () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new Uint8Array([97]));
          },
          pull: () => Promise.reject(new Error('the source broke')),
        }),
      ),
    '/not-bytes': () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue({ a: 1 } as unknown as Uint8Array) }),
      ),
    '/real': async () => new Response(new Blob(['of a blob'])),
    '/echo': (request) => new Response(request.body),
    '/fixed': () => new Response(new ReadableStream(), { headers: { 'content-length': '5' } }),
    '/nothing': () => undefined,
  };
}

for (const backend of testedBackends) {
  describe(`fetch on ${backend}`, async () => {
    const events = new Events();
    const routes = routesOf(events);
    const handler = await createHandler(
      { fetch: (request: Request) => routes[new URL(request.url).pathname]?.(request) },
      { interface: 'auto' },
    );
    const server = await startBackend(backend, handler);
    after(() => server.close());

    test('a stream waits for its reader, and is cancelled when the client leaves', async () => {
      const client = connect(server.port, '127.0.0.1');
      client.write('GET /huge HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(client, 'readable');
      for (let before = -1; before !== events.pulled; await settle()) before = events.pulled;
      assert.ok(events.pulled < hugeBytes / 2, `${events.pulled} bytes were read ahead`);
      client.destroy();
      assert.match(String(await events.cancelled), /the client left/);
    });

    test('the signal is aborted when the client leaves', async () => {
      const client = connect(server.port, '127.0.0.1');
      client.write('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(client, 'connect');
      while (server.stats().inFlight === 0) await settle();
      client.resetAndDestroy();
      await events.aborted;
    });

    test('a stream that breaks cuts the connection', async () => {
      await assert.rejects(ask(server.port, { path: '/breaks' }), { code: 'ECONNRESET' });
      assert.equal(String(server.errors.at(-1)?.error), 'Error: the source broke');
    });

    test('a stream of something else than bytes is an error', async () => {
      await assert.rejects(ask(server.port, { path: '/not-bytes' }), { code: 'ECONNRESET' });
      assert.match(
        String(server.errors.at(-1)?.error),
        /an object with a in it: a body is made of Uint8Array/,
      );
    });

    test('a body of a Blob', async () => {
      assert.equal((await ask(server.port, { path: '/real' })).body, 'of a blob');
    });

    test('a large body streams through', async () => {
      const body = 'x'.repeat(3_000_000);
      assert.equal((await ask(server.port, { path: '/echo', method: 'POST' }, body)).body, body);
    });

    test('HEAD of a stream sends its head and nothing else', async () => {
      const answer = await ask(server.port, { path: '/fixed', method: 'HEAD' });
      assert.deepEqual(answer, { status: 200, reason: 'OK', headers: ['content-length: 5'], body: '' });
    });

    test('what is no Response is a 500 that says so', async () => {
      assert.equal((await ask(server.port, { path: '/nothing' })).status, 500);
      const { error, method, target } = server.errors.at(-1) ?? {};
      assert.match(String(error), /the fetch handler returned undefined, not a Response/);
      assert.equal(`${method} ${target}`, 'GET /nothing');
    });
  });
}

/** Let what is under way go on for a while. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
}
