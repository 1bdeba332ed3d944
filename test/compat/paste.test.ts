import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { loadMounted } from '../../lib/app/mounted.js';
import { loadPaste } from '../../lib/app/paste.js';
import { readOptions } from '../../lib/config.js';
import { handlerFor } from '../../lib/interfaces/index.js';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { root } from '../helpers/processes.js';
import { startBackend } from '../helpers/start-backend.js';

const directory = join(root, 'test/compat');
const apps = join(directory, 'paste-apps.ts');

for (const backend of testedBackends) {
  for (const name of ['node', 'fetch', 'wsgi'] as const) {
    describe(`a composite behind a pipeline, ${name} on ${backend}`, async () => {
      const wanted = name === 'wsgi' ? 'wsgi' : 'auto';
      const loading = { cwd: directory, modulePaths: [] };
      const { application, description } = await loadPaste({ file: 'paste.ini', name }, wanted, loading);
      const server = await startBackend(backend, handlerFor(application));
      after(() => server.close());

      assert.equal(description, `paste:paste.ini#${name}`);
      assert.equal(application.interface, name);

      // A prefix that is the whole path leaves nothing in PATH_INFO, and `/` where there must be a path.
      const nothing = name === 'wsgi' ? '' : '/';
      const cases: readonly (readonly [string, string, string?])[] = [
        ['/', 'home hello [] [/] GET '],
        ['/shop', `shop hello [/shop] [${nothing}] GET `],
        ['/shop?q=1', `shop hello [/shop] [${nothing}?q=1] GET `],
        ['/shop/cart?q=1', 'shop hello [/shop] [/cart?q=1] GET '],
        ['/shopping', 'home hello [] [/shopping] GET '],
        ['/shop/cart', 'host hello [/shop] [/cart] GET ', 'shop.example'],
        ['/other', 'home hello [] [/other] GET ', 'shop.example:80'],
        ['/shop/cart', 'host hello [/shop] [/cart] GET ', 'ported.example'],
        ['/shop/cart', 'shop hello [/shop] [/cart] GET ', 'ported.example:81'],
      ];
      for (const [path, line, host = 'localhost'] of cases) {
        test(`${host}${path}`, async () => {
          const { text, headers } = await ask({ port: server.port, path, headers: { host } });
          assert.equal(text, line);
          const counts = [headers['x-outer'], headers['x-inner']];
          assert.deepEqual(counts, name === 'node' ? ['0', '1'] : ['1', '0'], 'the order of the filters');
        });
      }

      test('a body goes through to the application', async () => {
        const body = 'x'.repeat(100_000);
        for (let turn = 0; turn < 2; turn += 1) {
          const reply = await ask({ port: server.port, path: '/shop/a', method: 'POST' }, body);
          assert.equal(reply.text, `shop hello [/shop] [/a] POST ${body}`);
        }
      });

      test('a filter may answer itself', async () => {
        for (const filter of ['outer', 'inner']) {
          const reply = await ask({ port: server.port, path: '/shop', headers: { 'x-stop': filter } });
          assert.equal(reply.text, `stopped by ${filter}`);
        }
        assert.deepEqual(server.errors, []);
      });
    });
  }

  describe(`--mount on ${backend}`, async () => {
    const mount = [
      '/n=node',
      '/f=fetch',
      '/w=wsgi:wsgi',
      '/e=expressApp',
      '/fa=fastifyApp',
      '/k=koaApp',
      '/h=hono',
    ]
      .map((text) => text.replace(/=(wsgi:)?/, `=$1${apps}:`))
      .concat(
        `/paste=wsgi:paste:${join(directory, 'paste.ini')}#wsgi`,
        `http://other.example/n=${apps}:hono`,
      );
    const main = { fetch: (request: Request) => new Response(`main ${new URL(request.url).pathname}`) };
    const both = await loadMounted(main, readOptions({ mount }), []);
    const server = await startBackend(backend, both.handler);
    after(() => server.close());

    const cases: readonly (readonly [string, string, string?])[] = [
      ['/', 'main /'],
      ['/nn', 'main /nn'],
      ['/n', 'node hi [/n] [/] GET '],
      ['/n/a?b', 'node hi [/n] [/a?b] GET '],
      ['/f/a?b', 'fetch hi [/f] [/a?b] GET '],
      ['/f?b', 'fetch hi [/f] [/?b] GET '],
      ['/w/a%20b?b', 'wsgi hi [/w] [/a b?b] GET '],
      ['/e/deep/x?y', 'express [/e/deep] [/x?y] [/e/deep/x?y]'],
      ['/fa/deep/7', 'fastify [7]'],
      ['/k/x', 'koa [/x]'],
      ['/h/deep/7', 'hono [7] [/deep/7]'],
      ['/paste/shop/a', 'shop hello [/paste/shop] [/a] GET '],
      ['/n/deep/8', 'hono [8] [/deep/8]', 'other.example'],
      ['http://other.example/n/deep/9', 'hono [9] [/deep/9]'],
      ['http://any.example/n/a', 'node hi [/n] [/a] GET '],
    ];
    for (const [path, line, host = 'localhost'] of cases) {
      test(`${host} ${path}`, async () => {
        const reply = await ask({ port: server.port, path, headers: { host } });
        assert.equal(reply.text, line);
      });
    }

    test('where nothing is mounted, 404', async () => {
      const alone = await loadMounted(undefined, readOptions({ mount: [`/n=${apps}:node`] }), []);
      const other = await startBackend(backend, alone.handler);
      const reply = await ask({ port: other.port, path: '/' });
      assert.equal(reply.status, 404);
      assert.equal((await ask({ port: other.port, path: '/n' })).status, 200);
      await other.close();
    });
  });
}

test('two applications in one place are a mistake', async () => {
  const mount = [`/n=${apps}:node`, `/n/=${apps}:fetch`];
  await assert.rejects(loadMounted(undefined, readOptions({ mount }), []), {
    code: 'CHAUSSETTE_ERR_USAGE',
    message: '--mount: two applications are mounted at /n',
  });
});
