import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import type { InterfaceName } from '../../lib/exchange.js';
import { createHandler, splitInterface } from '../../lib/interfaces/index.js';

const auto = { interface: 'auto' } as const;

describe('detection', () => {
  const applications: readonly (readonly [string, unknown, InterfaceName])[] = [
    ['a function of two parameters', (_req: unknown, _res: unknown) => {}, 'node'],
    ['a function of one parameter, which is not counted', (_request: unknown) => {}, 'node'],
    ['a function of no parameter', () => {}, 'node'],
    ['an object with fetch', { fetch: () => new Response('') }, 'fetch'],
    ['Hono', new Hono(), 'fetch'],
    ['Express', express(), 'node'],
    ['Koa', new Koa(), 'node'],
    ['Fastify', fastify(), 'node'],
    ['an http.Server', createServer(), 'node'],
  ];
  for (const [name, application, expected] of applications) {
    test(`${name} is ${expected}`, async () => {
      assert.equal((await createHandler(application, auto)).interface, expected);
    });
  }

  test('Express hands over its prototypes', async () => {
    const app = express();
    const { nodePrototypes } = await createHandler(app, auto);
    assert.equal(nodePrototypes?.request, app.request);
    assert.equal(nodePrototypes?.response, app.response);
  });

  test('Nest is started, and the application that it runs on serves', async () => {
    const app = express();
    let started = 0;
    const nest = {
      init: async () => {
        started += 1;
      },
      getHttpServer: () => ({}),
      getHttpAdapter: () => ({ getInstance: () => app }),
    };
    const handler = await createHandler(nest, auto);
    assert.equal(handler.nodePrototypes?.request, app.request);
    assert.equal(started, 1);
  });

  test('the interface can be forced', async () => {
    const application = () => new Response('');
    for (const name of ['node', 'fetch', 'wsgi'] as const) {
      assert.equal((await createHandler(application, { interface: name })).interface, name);
    }
  });

  const invalid: readonly (readonly [unknown, 'auto' | InterfaceName, RegExp])[] = [
    ['app', 'auto', /^a string \("app"\) is not an application$/],
    [undefined, 'auto', /^undefined is not an application$/],
    [{}, 'auto', /^an empty object is not an application$/],
    [{ port: 1 }, 'auto', /^an object with port is not an application$/],
    [new Map(), 'auto', /^an instance of Map is not an application$/],
    [class App {}, 'auto', /^the class App is not an application$/],
    [new Koa(), 'fetch', /^an instance of Application is not an application for the fetch interface$/],
    [{ fetch: () => {} }, 'wsgi', /^an object with fetch is not an application for the wsgi interface$/],
    [{ fetch: () => {} }, 'node', /not an application for the node interface$/],
  ];
  for (const [value, wanted, message] of invalid) {
    test(`refused for ${wanted}: ${message.source}`, async () => {
      await assert.rejects(createHandler(value, { interface: wanted }), {
        code: 'CHAUSSETTE_ERR_APP_INVALID',
        message,
      });
    });
  }

  test('an application that does not get ready is one that threw', async () => {
    const app = fastify();
    app.register(async () => {
      throw new Error('no database');
    });
    await assert.rejects(createHandler(app, auto), {
      code: 'CHAUSSETTE_ERR_APP_THREW',
      message: /Fastify .* no database/,
    });
  });
});

test('wsgi: is a prefix, and the name of a module where nothing but a name follows', () => {
  assert.deepEqual(splitInterface('wsgi:blog.app'), { spec: 'blog.app', interface: 'wsgi' });
  assert.deepEqual(splitInterface('wsgi:./blog.ts'), { spec: './blog.ts', interface: 'wsgi' });
  assert.deepEqual(splitInterface('wsgi:blog:app'), { spec: 'blog:app', interface: 'wsgi' });
  assert.deepEqual(splitInterface('wsgi:app'), { spec: 'wsgi:app' });
  assert.deepEqual(splitInterface('wsgi.app'), { spec: 'wsgi.app' });
});
