import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import type { PasteSettings as Settings, WsgiApplication, WsgiMiddleware } from '../../lib/index.js';
import type { NodeFunction } from '../../lib/interfaces/node.js';

// What test/compat/paste.ini names, and what is mounted by paste.test.ts. Every application answers with one line:
// name, greeting, prefix, the rest of the path, method and body.

type FetchApp = { fetch(request: Request, environment: { baseUrl?: string }): Promise<Response> };

function lineOf(
  name: string,
  greeting: string,
  prefix: string,
  rest: string,
  method: string,
  body: string,
): string {
  return `${name} ${greeting} [${prefix}] [${rest}] ${method} ${body}`;
}

export function nodeApp({ greeting = '' }: Settings, { name = '' }: Settings): NodeFunction {
  return async (req, res) => {
    const { baseUrl = '' } = req as { baseUrl?: string };
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    res.end(lineOf(name, greeting, baseUrl, req.url ?? '', req.method ?? '', String(Buffer.concat(chunks))));
  };
}

export function nodeFilter(_globals: Settings, { name = '' }: Settings) {
  return (next: NodeFunction): NodeFunction =>
    (req: IncomingMessage, res: ServerResponse) => {
      if (req.headers['x-stop'] === name) return res.end(`stopped by ${name}`);
      res.setHeader(`x-${name}`, String(res.getHeaderNames().length));
      return next(req, res);
    };
}

export async function fetchApp({ greeting = '' }: Settings, { name = '' }: Settings): Promise<FetchApp> {
  return {
    async fetch(request, { baseUrl = '' }) {
      const { pathname, search } = new URL(request.url);
      const line = lineOf(name, greeting, baseUrl, pathname + search, request.method, await request.text());
      return new Response(line);
    },
  };
}

export function fetchFilter(_globals: Settings, { name = '' }: Settings) {
  let filters = 0;
  return (next: FetchApp): FetchApp['fetch'] =>
    async (request, environment) => {
      if (request.headers.get('x-stop') === name) return new Response(`stopped by ${name}`);
      // One hands on the request as it is, the other a request of its own making.
      const own = filters % 2 === 0 ? request : new Request(request, { headers: request.headers });
      filters += 1;
      const response = await next.fetch(own, environment);
      response.headers.set(
        `x-${name}`,
        String([...response.headers.keys()].filter((key) => /^x-/.test(key)).length),
      );
      return response;
    };
}

export function wsgiApp({ greeting = '' }: Settings, { name = '' }: Settings): WsgiApplication {
  return (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    const { SCRIPT_NAME: prefix, PATH_INFO: path, QUERY_STRING: query, REQUEST_METHOD: method } = environ;
    const body = String(Buffer.from(environ['wsgi.input'].read()));
    return [lineOf(name, greeting, prefix, path + (query && `?${query}`), method, body)];
  };
}

export function wsgiFilter(_globals: Settings, { name = '' }: Settings): WsgiMiddleware {
  return (next) => (environ, startResponse) => {
    if (environ['HTTP_X_STOP'] === name) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [`stopped by ${name}`];
    }
    return next(environ, (status, headers, excInfo) => {
      const count = headers.filter(([key]) => /^x-/.test(key)).length;
      return startResponse(status, [...headers, [`x-${name}`, String(count)]], excInfo);
    });
  };
}

export const node = nodeApp({ greeting: 'hi' }, { name: 'node' });
export const fetch = await fetchApp({ greeting: 'hi' }, { name: 'fetch' });
export const wsgi = wsgiApp({ greeting: 'hi' }, { name: 'wsgi' });

export const expressApp = express();
expressApp.use('/deep', (req, res) => res.send(`express [${req.baseUrl}] [${req.url}] [${req.originalUrl}]`));

export const fastifyApp = fastify();
fastifyApp.get('/deep/:id', (request) => `fastify [${(request.params as { id: string }).id}]`);

export const koaApp = new Koa();
koaApp.use((context) => {
  context.body = `koa [${context.path}]`;
});

export const hono = new Hono();
hono.get('/deep/:id', (context) =>
  context.text(`hono [${context.req.param('id')}] [${new URL(context.req.url).pathname}]`),
);
