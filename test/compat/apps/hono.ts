import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { setCookie } from 'hono/cookie';
import { HTTPException } from 'hono/http-exception';
import type { Make } from '../../helpers/compare-servers.js';
import { startListener, streamedFile } from './application.js';

export const name = 'Hono';

export function create() {
  const app = new Hono();
  app.get('/', (c) => c.text('Hello, World!'));
  app.get('/users/:id', (c) => c.json({ id: c.req.param('id'), q: c.req.query('q') }));
  app.post('/json', async (c) => {
    try {
      return c.json(await c.req.json());
    } catch {
      throw new HTTPException(400, { message: 'no JSON' });
    }
  });
  app.put('/echo', (c) => c.body(c.req.raw.body ?? '', 200, { 'content-type': 'text/plain' }));
  app.delete('/empty', (c) => c.body(null, 204));
  app.get('/redirect', (c) => c.redirect('/'));
  app.get('/headers', (c) => {
    setCookie(c, 'a', '1');
    setCookie(c, 'b', '2');
    c.header('x-two', 'one');
    c.header('x-two', 'two', { append: true });
    return c.text(c.req.header('x-ask') ?? '', 201);
  });
  app.get('/file', (c) => {
    const stream = Readable.toWeb(createReadStream(streamedFile)) as ReadableStream;
    return c.body(stream, 200, { 'content-type': 'application/json' });
  });
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/reject', async () => {
    throw new Error('rejected');
  });
  app.get('/later', async (c) => {
    await new Promise(setImmediate);
    return c.text('later');
  });
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    return c.text(`handled: ${error.message}`, 500);
  });
  return app;
}

export const start = (make: Make) => startListener(make, getRequestListener(create().fetch));
