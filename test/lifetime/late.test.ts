// Handlers that answer twice, write after the end, never answer, or answer when the client has left; on the exchange
// itself and through each interface.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import type { Exchange } from '../../lib/exchange.js';
import type { StartResponse } from '../../lib/interfaces/wsgi.js';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, post, until, within } from '../helpers/lifetime-client.js';
import { serveApplication, serveHeld, servesOn } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';

/** Everything that an application can still call when it is too late. */
function everything(exchange: Exchange): void {
  exchange.write('late');
  exchange.end();
  exchange.end(['x-late', 'yes']);
  exchange.respond(200, '', [], 'late');
  exchange.respondHead(200, '', []);
  exchange.respondInfo(103, []);
  exchange.resumeBody();
  exchange.abort();
}

const invalidHeads: readonly (readonly [string, number, string, readonly string[]])[] = [
  ['a name with a space', 200, '', ['bad name', 'x']],
  ['an empty name', 200, '', ['', 'x']],
  ['a value with CRLF', 200, '', ['x', 'a\r\nset-cookie: b']],
  ['a value with NUL', 200, '', ['x', 'a\0b']],
  ['a long value with a line feed', 200, '', ['x', `${'a'.repeat(500)}\n`]],
  ['a value beyond Latin-1', 200, '', ['x', '\u2713']],
  ['a reason with CR', 200, 'OK\r', []],
  ['an odd list', 200, '', ['x']],
  ['status 99', 99, '', []],
  ['status 101', 101, '', []],
  ['status 1000', 1000, '', []],
  ['status NaN', Number.NaN, '', []],
];

for (const backend of testedBackends) {
  describe(`${backend}: an exchange`, () => {
    test('that is answered twice', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      exchange.respond(200, '', [], 'first');
      everything(exchange);
      exchange.fail(new Error('after the end'));
      await client.write(get('/next', 'Connection: close\r\n'));
      await client.end();
      assert.deepEqual(
        client.responses.map(({ body }) => body.toString()),
        ['first', 'next'],
      );
      assert.equal(server.errors.length, 1);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('with a second head throws, and the response goes on', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      exchange.respondHead(200, '', []);
      const late = { code: 'CHAUSSETTE_ERR_RESPONSE' };
      assert.throws(() => exchange.respondHead(200, '', []), late);
      assert.throws(() => exchange.respond(200, '', [], 'late'), late);
      exchange.write('good');
      exchange.end();
      const { body, truncated } = await client.response();
      assert.deepEqual([body.toString(), truncated], ['good', false]);
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('that is used after its client has left', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get());
      const exchange = await handler.next();
      client.reset();
      await handler.aborted(0);
      everything(exchange);
      exchange.fail(new Error('nobody is there'));
      assert.equal(server.errors.length, 1);
      assert.equal(exchange.target, '/');
      assert.equal(exchange.headers.get('host'), 'a');
      await servesOn(t, server);
    });

    test('that is used long after its index belongs to another', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/old'));
      const old = await handler.next();
      old.respond(200, '', [], 'old');
      await client.response();
      await client.write(get('/new'));
      const fresh = await handler.next();
      everything(old);
      fresh.respond(200, '', [], 'new');
      assert.equal((await client.response(1)).body.toString(), 'new');
      assert.deepEqual([old.target, fresh.target], ['/old', '/new']);
      client.socket.destroy();
      await servesOn(t, server);
    });

    for (const [what, status, reason, fields] of invalidHeads) {
      test(`does not send ${what}, and can still be answered`, async (t) => {
        const { handler, server } = await serveHeld(t, backend);
        const client = await Client.open(t, server.port);
        await client.write(get());
        const exchange = await handler.next();
        const error = { code: 'CHAUSSETTE_ERR_RESPONSE' };
        assert.throws(() => exchange.respond(status, reason, fields, 'never'), error);
        assert.throws(() => exchange.respondHead(status, reason, fields), error);
        assert.equal(exchange.headSent, false);
        exchange.respond(200, '', [], 'good');
        assert.equal((await client.response()).body.toString(), 'good');
        assert.doesNotMatch(client.text, /never|set-cookie/);
        client.socket.destroy();
        await servesOn(t, server);
      });
    }

    test('that nobody answers ends with its client', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const clients = await Promise.all(Array.from({ length: 20 }, () => Client.open(t, server.port)));
      for (const client of clients) await client.write(get());
      for (const _ of clients) await handler.next();
      assert.equal(server.stats().inFlight, 20);
      for (const [index, client] of clients.entries()) {
        if (index % 2 === 0) client.reset();
        else client.socket.destroy();
      }
      // An orderly FIN is no proof that nobody reads: those end when an answer meets the reset.
      for (const [index, exchange] of handler.held.entries()) {
        if (index % 2 === 0) continue;
        await handler.aborted(index);
        exchange.respondHead(200, '', []);
        await until('the end of the exchange', () => {
          exchange.write('x');
          return exchange.ended;
        });
      }
      await servesOn(t, server);
    });
  });

  describe(`${backend}: an application that is late`, () => {
    test('node: write after end is an error event, and no byte', async (t) => {
      const seen: string[] = [];
      const server = await serveApplication(
        t,
        backend,
        'node',
        (_req: IncomingMessage, res: ServerResponse) => {
          res.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code ?? ''));
          res.end('good');
          if (_req.url === '/next') return;
          res.write('late', (error) => seen.push(`callback ${String((error as { code?: string }).code)}`));
          res.end('later');
          res.end();
        },
      );
      const client = await Client.open(t, server.port);
      await client.write(get());
      assert.equal((await client.response()).body.toString(), 'good');
      await until('the errors', () => seen.length >= 3);
      client.socket.destroy();
      await servesOn(t, server);
      assert.deepEqual(seen.sort(), [
        'ERR_STREAM_WRITE_AFTER_END',
        'ERR_STREAM_WRITE_AFTER_END',
        'callback ERR_STREAM_WRITE_AFTER_END',
      ]);
      assert.deepEqual(server.errors, []);
    });

    test('node: answers nobody', async (t) => {
      let response: ServerResponse | undefined;
      const server = await serveApplication(
        t,
        backend,
        'node',
        (req: IncomingMessage, res: ServerResponse) => {
          if (req.url === '/next') res.end('next');
          else response = res;
        },
      );
      const client = await Client.open(t, server.port);
      await client.write(get());
      await until('the request', () => response !== undefined);
      assert.ok(response);
      const closed = once(response, 'close');
      client.reset();
      await within('close', closed);
      assert.equal(response.destroyed, true);
      assert.equal(response.writableFinished, false);
      response.setHeader('x', 'y').writeHead(200);
      response.write('late');
      response.end('later');
      await servesOn(t, server);
      assert.deepEqual(server.errors, []);
    });

    for (const leaves of [false, true]) {
      const what = leaves
        ? 'learns it when the client leaves'
        : 'gets the whole body, and the next request follows';
      test(`node: who reads on after the response ${what}`, async (t) => {
        const seen: string[] = [];
        const server = await serveApplication(
          t,
          backend,
          'node',
          (req: IncomingMessage, res: ServerResponse) => {
            if (req.url === '/next') return res.end('next');
            let body = '';
            req.on('data', (chunk: Buffer) => {
              body += chunk;
            });
            req.on('end', () => seen.push(`end ${body} ${req.complete}`));
            req.on('error', (error: NodeJS.ErrnoException) => seen.push(`error ${error.code} after ${body}`));
            return res.end('early');
          },
        );
        const client = await Client.open(t, server.port);
        await client.write(post('/', 12, 'some'));
        await client.has('early');
        await client.write('more');
        await turns(3);
        if (leaves) {
          client.reset();
        } else {
          await client.write(`last${get('/next')}`);
          assert.equal((await client.response(1)).body.toString(), 'next');
          client.socket.destroy();
        }
        await until('the end of the body', () => seen.length > 0);
        assert.deepEqual(seen, [leaves ? 'error ECONNRESET after somemore' : 'end somemorelast true']);
        await servesOn(t, server);
      });
    }

    test('a body that nobody reads after the response is not taken for ever', async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(post('/', 64 * 1024 * 1024));
      (await handler.next()).respond(200, '', [], 'early');
      const piece = Buffer.alloc(64 * 1024);
      await client.response();
      while (client.ended === 'open') {
        client.socket.write(piece);
        await turns(1);
      }
      assert.ok(client.socket.bytesWritten < 32 * 1024 * 1024);
      assert.equal((await client.response()).body.toString(), 'early');
      client.socket.destroy();
      await servesOn(t, server);
    });

    test('fetch: a response for nobody; the signal says so', async (t) => {
      let answer: () => void = () => {};
      let aborted: Promise<unknown> | undefined;
      const server = await serveApplication(t, backend, 'fetch', (request: Request) => {
        if (request.url.endsWith('/next')) return new Response('next');
        aborted = new Promise((resolve) => request.signal.addEventListener('abort', resolve));
        return new Promise((resolve) => {
          answer = () => resolve(new Response('late'));
        });
      });
      const client = await Client.open(t, server.port);
      await client.write(get());
      await until('the request', () => aborted !== undefined);
      client.reset();
      await within('the signal', aborted ?? Promise.reject(new Error('no signal')));
      answer();
      await servesOn(t, server);
      assert.deepEqual(server.errors, []);
    });

    test('fetch: the stream of a response is cancelled when its reader leaves', async (t) => {
      let cancelled: () => void = () => {};
      const gone = new Promise<void>((resolve) => {
        cancelled = resolve;
      });
      const server = await serveApplication(t, backend, 'fetch', (request: Request) => {
        if (request.url.endsWith('/next')) return new Response('next');
        const pull = (controller: ReadableStreamDefaultController) =>
          controller.enqueue(Buffer.alloc(65_536));
        return new Response(new ReadableStream({ pull, cancel: cancelled }));
      });
      const client = await Client.open(t, server.port);
      await client.write(get());
      await client.until('some of the stream', () => client.bytes > 1_000_000);
      client.reset();
      await within('the cancellation', gone);
      await servesOn(t, server);
      assert.deepEqual(server.errors, []);
    });

    test('fetch: a body whose sender leaves fails for its reader', async (t) => {
      const seen: string[] = [];
      const server = await serveApplication(t, backend, 'fetch', async (request: Request) => {
        if (request.url.endsWith('/next')) return new Response('next');
        try {
          await request.text();
        } catch (error) {
          seen.push(String(error));
        }
        return new Response('late');
      });
      const client = await Client.open(t, server.port);
      await client.write(post('/', 100, 'half'));
      await until('the request', () => server.stats().inFlight === 1);
      client.reset();
      await until('the failure', () => seen.length === 1);
      await servesOn(t, server);
      assert.deepEqual(server.errors, []);
    });

    test('wsgi: close() is called although the reader has left', async (t) => {
      let closed = 0;
      const server = await serveApplication(
        t,
        backend,
        'wsgi',
        (environ: { PATH_INFO: string }, start: StartResponse) => {
          start('200 OK', []);
          if (environ.PATH_INFO === '/next') return ['next'];
          const chunks = (function* () {
            for (;;) yield Buffer.alloc(65_536);
          })();
          const close = (): void => {
            closed += 1;
          };
          return { [Symbol.iterator]: () => chunks, close };
        },
      );
      const client = await Client.open(t, server.port);
      await client.write(get());
      await client.until('some of it', () => client.bytes > 1_000_000);
      client.reset();
      await until('close()', () => closed > 0);
      await servesOn(t, server);
      assert.equal(closed, 1);
      assert.deepEqual(server.errors, []);
    });

    test('wsgi: is not called for a body that did not come', async (t) => {
      let calls = 0;
      const server = await serveApplication(t, backend, 'wsgi', (_environ: unknown, start: StartResponse) => {
        calls += 1;
        start('200 OK', []);
        return [];
      });
      const client = await Client.open(t, server.port);
      await client.write(post('/', 100, 'half'));
      await until('the request', () => server.stats().inFlight === 1);
      client.reset();
      await servesOn(t, server);
      assert.equal(calls, 1);
      assert.deepEqual(server.errors, []);
    });
  });
}
