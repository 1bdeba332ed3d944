import { createReadStream } from 'node:fs';
import Koa, { type Context } from 'koa';
import type { Make } from '../../helpers/compare-servers.js';
import { startListener, streamedFile } from './application.js';

async function read(ctx: Context): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of ctx.req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const routes: Readonly<Record<string, (ctx: Context) => unknown>> = {
  '/': (ctx) => {
    ctx.body = 'Hello, World!';
  },
  '/users/7': (ctx) => {
    ctx.body = { id: '7', q: ctx.query['q'] };
  },
  '/json': async (ctx) => {
    const text = await read(ctx);
    try {
      ctx.body = JSON.parse(text);
    } catch {
      ctx.throw(400, 'no JSON');
    }
  },
  '/echo': (ctx) => {
    ctx.type = 'text';
    ctx.body = ctx.req;
  },
  '/empty': (ctx) => {
    ctx.status = 204;
  },
  '/redirect': (ctx) => ctx.redirect('/'),
  '/headers': (ctx) => {
    ctx.cookies.set('a', '1');
    ctx.cookies.set('b', '2');
    ctx.append('X-Two', ['one', 'two']);
    ctx.status = 201;
    ctx.body = ctx.get('X-Ask');
  },
  '/file': (ctx) => {
    ctx.type = 'json';
    ctx.body = createReadStream(streamedFile);
  },
  '/throw': () => {
    throw new Error('thrown');
  },
  '/reject': () => Promise.reject(new Error('rejected')),
  '/later': async (ctx) => {
    await new Promise(setImmediate);
    ctx.body = 'later';
  },
};

export const name = 'Koa';

export function create() {
  const app = new Koa();
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const { status, message } = error as { status?: number; message: string };
      ctx.status = status ?? 500;
      ctx.body = `handled: ${message}`;
    }
  });
  app.use((ctx) => routes[ctx.path]?.(ctx));
  return app;
}

export const start = (make: Make) => startListener(make, create().callback());
