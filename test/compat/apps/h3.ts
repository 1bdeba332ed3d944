import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { getQuery, getRouterParam, H3, HTTPError, noContent, redirect, toNodeHandler } from 'h3';
import type { Make } from '../../helpers/compare-servers.js';
import { startListener, streamedFile } from './application.js';

export const name = 'h3';

export function create(): H3 {
  const app = new H3({
    onError: (error) =>
      new Response(`handled: ${(error.cause as Error | undefined)?.message ?? error.message}`, {
        status: error.status,
        headers: { 'content-type': 'text/plain' },
      }),
  });
  app.get('/', () => 'Hello, World!');
  app.get('/users/:id', (event) => ({ id: getRouterParam(event, 'id'), q: getQuery(event)['q'] }));
  app.post('/json', async (event) => {
    try {
      return (await event.req.json()) as object;
    } catch {
      throw new HTTPError('no JSON', { status: 400 });
    }
  });
  app.put('/echo', (event) => new Response(event.req.body, { headers: { 'content-type': 'text/plain' } }));
  app.delete('/empty', () => noContent());
  app.get('/redirect', () => redirect('/'));
  app.get('/headers', (event) => {
    const { headers } = event.res;
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    headers.append('x-two', 'one');
    headers.append('x-two', 'two');
    event.res.status = 201;
    return event.req.headers.get('x-ask');
  });
  app.get('/file', () => Readable.toWeb(createReadStream(streamedFile)));
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/reject', async () => {
    throw new Error('rejected');
  });
  app.get('/later', async () => {
    await new Promise(setImmediate);
    return 'later';
  });
  return app;
}

type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

export const start = (make: Make) => startListener(make, toNodeHandler(create()) as Listener);
