// Requests that share a turn, a connection and a thread never share an async context.
import assert from 'node:assert/strict';
import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, post, until } from '../helpers/lifetime-client.js';
import { serveApplication, servesOn } from '../helpers/lifetime-handler.js';

// node:http itself runs pipelined requests in the context of the one before them, when that called enterWith: these
// promises are the native backend's own. On http, run() is tested.

const clients = 25;
const requests = 100;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Pipelined GETs of one client, each with an id of its own. */
function batch(client: number): string {
  let bytes = '';
  for (let n = 0; n < requests; n += 1) bytes += get(`/${client}.${n}`);
  return bytes;
}

const entered = new AsyncLocalStorage<string>();

/** Enter a context and pause in each of the ways that lose one. @returns The id, when it is still that of the context. */
async function inContext(id: string): Promise<string> {
  if (entered.getStore() !== undefined) return `begins with ${entered.getStore()}`;
  entered.enterWith(id);
  await undefined;
  await new Promise((resolve) => setImmediate(resolve));
  await pause(id.length % 3);
  return entered.getStore() ?? 'none';
}

for (const backend of testedBackends) {
  describe(`${backend}: AsyncLocalStorage`, () => {
    for (const [how, asynchronous] of [
      ['run', false],
      ['run', true],
      ['enterWith', false],
      ['enterWith', true],
    ] as const) {
      if (how === 'enterWith' && backend === 'http') continue;
      test(`${how}() in ${asynchronous ? 'asynchronous' : 'synchronous'} handlers`, async (t) => {
        const storage = new AsyncLocalStorage<string>();
        const leaks: string[] = [];
        const check = (where: string, id: string): void => {
          const found = storage.getStore();
          if (found !== id) leaks.push(`${where}: ${String(found)} in ${id}`);
        };
        const work = async (id: string, res: ServerResponse): Promise<void> => {
          check('start', id);
          if (asynchronous) {
            await undefined;
            check('promise', id);
            await new Promise((resolve) => setImmediate(resolve));
            check('immediate', id);
            await pause(id.length % 4);
            check('timer', id);
            process.nextTick(check, 'tick', id);
          }
          if (backend === 'native') res.on('finish', () => check('finish', id));
          res.end(id);
          if (backend === 'native') res.on('close', () => check('close', id));
        };
        const server = await serveApplication(
          t,
          backend,
          'node',
          (req: IncomingMessage, res: ServerResponse) => {
            const id = req.url ?? '';
            const before = storage.getStore();
            if (before !== undefined) leaks.push(`${id} begins with ${before}`);
            if (how === 'run') return storage.run(id, work, id, res);
            storage.enterWith(id);
            return work(id, res);
          },
        );
        const all = await Promise.all(Array.from({ length: clients }, () => Client.open(t, server.port)));
        // The clients have no part in it: what they do runs without a store.
        for (const [index, client] of all.entries()) void client.write(batch(index));
        for (const client of all) {
          await client.until('the responses', () => client.text.split('HTTP/1.1 200').length > requests);
        }
        for (const [index, client] of all.entries()) {
          const bodies = client.responses.map(({ body }) => body.toString());
          assert.deepEqual(
            bodies,
            Array.from({ length: requests }, (_, n) => `/${index}.${n}`),
          );
          client.socket.destroy();
        }
        assert.deepEqual(leaks, []);
        await servesOn(t, server);
        assert.deepEqual(server.errors, []);
      });
    }

    if (backend === 'http') return;

    for (const [name, application] of [
      ['fetch', async (request: Request) => new Response(await inContext(new URL(request.url).pathname))],
      [
        'wsgi',
        async function* (environ: Record<string, string>, start: (status: string, headers: []) => void) {
          const answer = await inContext(environ['PATH_INFO'] ?? '');
          start('200 OK', []);
          yield answer;
        },
      ],
    ] as const) {
      test(`enterWith() behind the ${name} interface, pipelined`, async (t) => {
        const server = await serveApplication(t, backend, name, application);
        const all = await Promise.all(Array.from({ length: clients }, () => Client.open(t, server.port)));
        for (const [index, client] of all.entries()) void client.write(batch(index));
        for (const [index, client] of all.entries()) {
          await client.response(requests - 1);
          const bodies = client.responses.map(({ body }) => body.toString());
          const paths = Array.from({ length: requests }, (_, n) => `/${index}.${n}`);
          assert.deepEqual(bodies, paths);
          client.socket.destroy();
        }
        await servesOn(t, server);
      });
    }

    test('a listener that comes after the end runs in the context of its own request', async (t) => {
      const storage = new AsyncLocalStorage<string>();
      const leaks: string[] = [];
      const server = await serveApplication(
        t,
        backend,
        'node',
        (req: IncomingMessage, res: ServerResponse) => {
          const id = req.url ?? '';
          storage.enterWith(id);
          res.end(id);
          res.on('finish', () => {
            if (storage.getStore() !== id) leaks.push(`${storage.getStore()} in ${id}`);
          });
        },
      );
      const client = await Client.open(t, server.port);
      await client.write(batch(0));
      await client.response(requests - 1);
      client.socket.destroy();
      await servesOn(t, server);
      assert.deepEqual(leaks, []);
    });

    test('a body, an abort and a drain come in the context of their request', async (t) => {
      const storage = new AsyncLocalStorage<string>();
      const seen: string[] = [];
      const server = await serveApplication(
        t,
        backend,
        'node',
        (req: IncomingMessage, res: ServerResponse) => {
          if (req.url === '/next') return res.end('next');
          storage.enterWith(req.url ?? '');
          const log = (event: string) => seen.push(`${event} ${storage.getStore()}`);
          req.on('data', () => log('data'));
          req.on('end', () => log('end'));
          res.on('close', () => log('close'));
          res.once('drain', () => log('drain'));
          if (req.url === '/drain') return res.write(Buffer.alloc(16 * 1024 * 1024));
          return undefined;
        },
      );
      const [left, right] = [await Client.open(t, server.port), await Client.open(t, server.port)];
      const reader = await Client.open(t, server.port, { paused: true, hash: true });
      for (const [client, path] of [
        [left, '/left'],
        [right, '/right'],
      ] as const) {
        await client.write(post(path, 8, 'half'));
      }
      await reader.write(get('/drain'));
      await until('the data', () => seen.filter((event) => event.startsWith('data')).length === 2);
      await Promise.all([right.write('full'), left.write('full')]);
      await until('the ends', () => seen.filter((event) => /^end \/[lr]/.test(event)).length === 2);
      reader.read();
      await until('the drain', () => seen.includes('drain /drain'));
      for (const client of [left, right, reader]) client.reset();
      await servesOn(t, server);
      assert.deepEqual(
        [...new Set(seen)].sort(),
        [
          'close /drain',
          'close /left',
          'close /right',
          'data /left',
          'data /right',
          'drain /drain',
          ...(seen.includes('end /drain') ? ['end /drain'] : []),
          'end /left',
          'end /right',
        ].sort(),
      );
    });

    test('each request is an async resource of its own', async (t) => {
      const ids = new Set<number>();
      const server = await serveApplication(t, backend, 'fetch', () => {
        ids.add(executionAsyncId());
        return new Response('next');
      });
      const client = await Client.open(t, server.port);
      await client.write(get().repeat(40));
      await client.response(39);
      client.socket.destroy();
      await servesOn(t, server);
      assert.equal(ids.size, 41);
    });
  });
}
