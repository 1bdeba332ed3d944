import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import fastifyStatic from '@fastify/static';
import { getRequestListener } from '@hono/node-server';
import { serveStatic as honoStatic } from '@hono/node-server/serve-static';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa, { type Middleware } from 'koa';
import { compare, exchangeBytes, get, type Make } from '../helpers/compare-servers.js';
import { portOf, type Started, startListener, untyped } from './apps/application.js';

const root = mkdtempSync(join(tmpdir(), 'chaussette-static-'));
after(() => rmSync(root, { recursive: true }));
for (const [name, content] of [
  ['small.txt', '0123456789'.repeat(300)],
  ['large.bin', '0123456789abcdef'.repeat(40_000)],
  ['index.html', '<p>index</p>'],
  ['empty.txt', ''],
  ['with space ü.txt', 'name'],
] as const) {
  writeFileSync(join(root, name), content);
  utimesSync(join(root, name), 1_700_000_000, 1_700_000_000);
}

type Serve = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;
const serveStatic = untyped<(root: string) => Serve>('serve-static');
const koaStatic = untyped<(root: string) => Middleware>('koa-static');
const send = untyped<(req: IncomingMessage, path: string, options: object) => NodeJS.ReadableStream>('send');

function fail(res: ServerResponse, error: unknown): void {
  res.statusCode = (error as { status?: number } | undefined)?.status ?? 404;
  res.end(String(error));
}

const servers: Readonly<Record<string, (make: Make) => Promise<Started>>> = {
  'express.static': (make) => startListener(make, express().use(express.static(root))),
  'Express 4, static': (make) => {
    const express4 = untyped<typeof express>('express4');
    return startListener(make, express4().use(express4.static(root)));
  },
  'serve-static': (make) => {
    const serve = serveStatic(root);
    const listener: RequestListener = (req, res) => serve(req, res, (error) => fail(res, error));
    return startListener(make, listener);
  },
  send: (make) => {
    const listener: RequestListener = (req, res) => {
      const path = new URL(req.url ?? '', 'http://a').pathname;
      send(req, path, { root })
        .on('error', (error) => fail(res, error))
        .pipe(res);
    };
    return startListener(make, listener);
  },
  'koa-static': (make) => startListener(make, new Koa().use(koaStatic(root)).callback()),
  '@fastify/static': async (make) => {
    const app = fastify({ serverFactory: (handler) => make(handler) });
    app.register(fastifyStatic, { root });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: portOf(app.server), close: () => app.close() };
  },
  'serveStatic of @hono/node-server': (make) =>
    startListener(make, getRequestListener(new Hono().use('*', honoStatic({ root })).fetch)),
  'res.sendFile and res.download': (make) => {
    const app = express();
    app.get('/download/:name', (req, res) => res.download(join(root, req.params.name), 'other "ü".txt'));
    app.get('/:name', (req, res) => res.sendFile(req.params.name, { root, maxAge: 1000 }));
    return startListener(make, app);
  },
};

const requests: readonly (readonly [path: string, ...fields: string[]])[] = [
  ['/small.txt'],
  ['/large.bin'],
  ['/'],
  ['/empty.txt'],
  ['/with%20space%20%C3%BC.txt'],
  ['/download/small.txt'],
  ['/small.txt', 'Range: bytes=0-0'],
  ['/small.txt', 'Range: bytes=-5'],
  ['/large.bin', 'Range: bytes=100000-'],
  ['/small.txt', 'Range: bytes=0-1,5-6'],
  ['/small.txt', 'Range: bytes=9999-'],
  ['/small.txt', 'Range: nonsense'],
  ['/small.txt', 'If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT'],
  ['/small.txt', 'If-Modified-Since: Tue, 14 Nov 2000 22:13:20 GMT'],
  ['/small.txt', 'If-None-Match: *'],
  ['/small.txt', 'If-Match: "other"'],
  ['/small.txt', 'If-Range: "other"', 'Range: bytes=0-1'],
  ['/nowhere'],
  ['/..%2f..%2fetc/passwd'],
  ['/%00'],
];

for (const [name, start] of Object.entries(servers)) {
  describe(`static files: ${name}`, () => {
    const asking = (title: string, ask: (port: number) => Promise<string>) =>
      compare(title, async (make: Make) => {
        const started = await start(make);
        try {
          return await ask(started.port);
        } finally {
          await started.close();
        }
      });
    for (const [path, ...fields] of requests) {
      asking([path, ...fields].join(', '), (port) => get(port, path, ...fields));
    }
    asking('HEAD', (port) =>
      exchangeBytes(port, 'HEAD /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    );
    asking('POST', (port) =>
      exchangeBytes(
        port,
        'POST /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx',
      ),
    );
    asking('several on one connection', async (port) => {
      const one = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
      const answer = await exchangeBytes(
        port,
        one('/small.txt') + one('/large.bin') + one('/nowhere') + one('/small.txt', 'Range: bytes=1-2\r\n'),
        one('/empty.txt', 'Connection: close\r\n'),
      );
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 5);
      return answer;
    });
  });
}
