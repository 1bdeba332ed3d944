import { createReadStream } from 'node:fs';
import { type ServerOptions, server } from '@hapi/hapi';
import type { Make } from '../../helpers/compare-servers.js';
import { portOf, type Started, streamedFile } from './application.js';

export const name = 'Hapi';

export function create(options: ServerOptions = {}) {
  const app = server(options);
  app.route([
    { method: 'GET', path: '/', handler: () => 'Hello, World!' },
    {
      method: 'GET',
      path: '/users/{id}',
      handler: ({ params, query }) => ({ id: params['id'], q: query['q'] }),
    },
    { method: 'POST', path: '/json', handler: ({ payload }) => payload as object },
    {
      method: 'PUT',
      path: '/echo',
      options: { payload: { parse: false, output: 'stream' } },
      handler: ({ payload }, h) => h.response(payload as NodeJS.ReadableStream).type('text/plain'),
    },
    { method: 'DELETE', path: '/empty', handler: (_request, h) => h.response().code(204) },
    { method: 'GET', path: '/redirect', handler: (_request, h) => h.redirect('/') },
    {
      method: 'GET',
      path: '/headers',
      handler: ({ headers }, h) =>
        h
          .response(String(headers['x-ask']))
          .code(201)
          .header('X-Two', 'one')
          .header('X-Two', 'two', { append: true })
          .state('a', '1')
          .state('b', '2'),
    },
    {
      method: 'GET',
      path: '/file',
      handler: (_request, h) => h.response(createReadStream(streamedFile)).type('application/json'),
    },
    {
      method: 'GET',
      path: '/throw',
      handler: () => {
        throw new Error('thrown');
      },
    },
    { method: 'GET', path: '/reject', handler: () => Promise.reject(new Error('rejected')) },
    {
      method: 'GET',
      path: '/later',
      handler: async () => {
        await new Promise(setImmediate);
        return 'later';
      },
    },
  ]);
  app.ext('onPreResponse', ({ response }, h) => {
    if (!('isBoom' in response)) return h.continue;
    const { statusCode } = response.output;
    return h.response(`handled: ${response.message}`).code(statusCode);
  });
  return app;
}

/** Hapi is given a server, and here listens on it by itself; see also `autoListen: false` in frameworks.test.ts. */
export async function start(make: Make): Promise<Started> {
  const app = create({ listener: make(), port: 0, host: '127.0.0.1' });
  await app.start();
  return { port: portOf(app.listener), close: () => app.stop({ timeout: 1000 }) };
}
