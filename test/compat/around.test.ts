import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import compression from 'compression';
import express from 'express';
import { buildSchema } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/http';
import { createHttpTerminator } from 'http-terminator';
import Koa from 'koa';
import inject from 'light-my-request';
import { compare, exchangeBytes, get, listening, type Make, serving } from '../helpers/compare-servers.js';
import { untyped } from './apps/application.js';

// What stands around an application: what renders, compresses, asks and stops it.

interface React {
  createElement(type: unknown, props: object | null, ...children: unknown[]): object;
  Suspense: unknown;
  use(promise: Promise<unknown>): unknown;
}
interface Rendering {
  pipe(to: ServerResponse): void;
  abort(): void;
}
const { createElement, Suspense, use } = untyped<React>('react');
const { renderToPipeableStream } = untyped<{
  renderToPipeableStream(what: object, events: object): Rendering;
}>('react-dom/server');

const page: RequestListener = (req, res) => {
  const later = turn('came later');
  const Later = () => createElement('p', null, use(later));
  const body = createElement(
    'body',
    null,
    createElement('h1', null, req.url),
    createElement(Suspense, { fallback: 'wait' }, createElement(Later, null)),
  );
  const rendering = renderToPipeableStream(createElement('html', null, body), {
    onShellReady() {
      res.statusCode = 200;
      res.setHeader('Content-Type', 'text/html');
      rendering.pipe(res);
    },
    onShellError(error: unknown) {
      res.statusCode = 500;
      res.end(String(error));
    },
  });
};

/** The body of a chunked or plain response, as bytes. */
function bodyOf(response: string): Buffer {
  const [head = '', ...rest] = response.split('\r\n\r\n');
  let left = rest.join('\r\n\r\n');
  if (!/^transfer-encoding: chunked$/im.test(head)) return Buffer.from(left, 'latin1');
  let body = '';
  for (let size = Number.parseInt(left, 16); size > 0; size = Number.parseInt(left, 16)) {
    const start = left.indexOf('\r\n') + 2;
    body += left.slice(start, start + size);
    left = left.slice(start + size + 2);
  }
  return Buffer.from(body, 'latin1');
}

function compressed(): RequestListener {
  const app = express();
  app.use(compression({ threshold: 0 }));
  app.get('/flushed', async (_req, res) => {
    res.type('text/event-stream');
    for (let i = 0; i < 3; i++) {
      res.write(`data: ${i}\n\n`);
      res.flush();
      await turn();
    }
    res.end();
  });
  app.get('/large', (_req, res) => void res.type('text').send('large '.repeat(50_000)));
  app.get('/none', (_req, res) => void res.set('Cache-Control', 'no-transform').send('as it is'));
  app.get('/304', (_req, res) => void res.status(304).end());
  return app as RequestListener;
}

type Agent = (server: Server | RequestListener) => {
  get(path: string): Ask;
  post(path: string): Ask;
};
interface Ask extends PromiseLike<{ status: number; headers: Record<string, string>; text: string }> {
  set(name: string, value: string): this;
  send(body: unknown): this;
  expect(status: number): this;
}
const supertest = untyped<Agent>('supertest');

const rawBody = untyped<(req: IncomingMessage, options: object) => Promise<string>>('raw-body');

describe('around an application', () => {
  compare('react-dom renders into a response', (make) =>
    serving(make, page, async (port) => {
      const answer = await get(port, '/page');
      assert.match(answer, /came later/);
      return answer;
    }),
  );

  for (const [coding, decode] of [
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ] as const) {
    compare(`compression: ${coding}`, (make) =>
      serving(make, compressed(), async (port) => {
        const answers: unknown[] = [];
        for (const path of ['/flushed', '/large', '/none', '/304']) {
          const answer = await get(port, path, `Accept-Encoding: ${coding}`);
          const isCoded = answer.toLowerCase().includes(`content-encoding: ${coding}`);
          answers.push(answer, isCoded && decode(bodyOf(answer)).toString());
        }
        return answers;
      }),
    );
  }

  compare('graphql-http', (make) => {
    const handler = createHandler({
      schema: buildSchema('type Query { hello(name: String!): String }'),
      rootValue: { hello: ({ name }: { name: string }) => `Hello, ${name}!` },
    });
    return serving(make, handler, async (port) => {
      const ask = (body: string) =>
        exchangeBytes(
          port,
          `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
      return [
        await ask('{"query":"{ hello(name: \\"you\\") }"}'),
        await ask('{"query":"{ nothing }"}'),
        await ask('{'),
        await get(port, '/?query=%7Bhello(name:%22a%22)%7D', 'Accept: application/json'),
      ];
    });
  });

  compare('supertest', async (make) => {
    const app = express();
    app.post('/', express.json(), (req, res) => void res.status(201).json([req.body, req.get('x-ask')]));
    app.get('/', (_req, res) => void res.send('got'));
    const server = make(app as RequestListener);
    await listening(server);
    const post = await supertest(server).post('/').set('X-Ask', 'yes').send({ a: 1 }).expect(201);
    const got = await supertest(server).get('/').expect(200);
    const fresh = await supertest(make(app as RequestListener)).get('/');
    await new Promise((resolve) => server.close(resolve));
    return [post, got, fresh].map(({ status, text, headers: { date: _date, ...headers } }) => [
      status,
      text,
      headers,
    ]);
  });

  compare('light-my-request beside a server that runs', async (make) => {
    const app = new Koa();
    app.use((ctx) => {
      ctx.body = [ctx.method, ctx.ip, ctx.host.replace(/:.*/, '')];
    });
    const listener = app.callback();
    return serving(make, listener, async (port) => {
      const { statusCode, headers, payload } = await inject(listener as never, { method: 'GET', url: '/' });
      const { date: _date, ...kept } = headers;
      return [await get(port), statusCode, kept, payload, await get(port)];
    });
  });

  compare('raw-body', (make) => {
    const listener: RequestListener = async (req, res) => {
      try {
        res.end(await rawBody(req, { length: req.headers['content-length'], limit: 10, encoding: true }));
      } catch (error) {
        const { type, message, status, limit, received } = error as Record<string, unknown>;
        res.end(JSON.stringify([type, message, status, limit, received]));
      }
    };
    return serving(make, listener, async (port) => {
      const ask = (body: string) =>
        exchangeBytes(
          port,
          `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
      return [await ask('short'), await ask('too long by far')];
    });
  });

  compare('raw-body and a client that goes away', async (make: Make) => {
    let tell: (seen: unknown) => void = () => {};
    const told = new Promise((resolve) => {
      tell = resolve;
    });
    const listener: RequestListener = (req) => {
      rawBody(req, { length: req.headers['content-length'] }).catch(({ type, code, message, received }) =>
        tell([type, code, message, received]),
      );
    };
    return serving(make, listener, async (port) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf', () => socket.destroy());
      return told;
    });
  });

  compare('http-terminator', async (make) => {
    let answer: () => void = () => {};
    const asked: (() => void)[] = [];
    const server = make((req, res) => {
      if (req.url === '/idle') return void res.end('idle');
      answer = () => res.end('in flight');
      for (const go of asked) go();
    });
    const terminator = createHttpTerminator({ server });
    const port = await listening(server);
    const idle = connect({ port, host: '127.0.0.1' });
    idle.write('GET /idle HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(idle, 'data');
    const idleEnded = once(idle, 'close');
    const reached = new Promise<void>((resolve) => asked.push(resolve));
    const inFlight = exchangeBytes(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await reached;
    const terminated = terminator.terminate();
    await idleEnded;
    answer();
    const received = await inFlight;
    await terminated;
    return [received, server.listening];
  });
});
