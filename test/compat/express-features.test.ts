import type { RequestListener } from 'node:http';
import { describe } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type expressType from 'express';
import express, { type ErrorRequestHandler } from 'express';
import { compare, exchangeBytes, get, serving } from '../helpers/compare-servers.js';
import { untyped } from './apps/application.js';

// What applications of Express use of it, on both of its versions.

const versions: Readonly<Record<string, typeof expressType>> = {
  'Express 4': untyped<typeof expressType>('express4'),
  'Express 5': express,
};

function build(version: typeof expressType): RequestListener {
  const app = version();
  app.set('trust proxy', 'loopback');
  app.set('jsonp callback name', 'call');
  app.get('/jsonp', (_req, res) => res.jsonp({ a: '</script>' }));
  app.get('/ip', (req, res) => res.json([req.ip, req.ips, req.protocol, req.secure, req.hostname, req.xhr]));
  app.get('/accepts', (req, res) =>
    res.json([req.accepts(['html', 'json']), req.acceptsEncodings(), req.acceptsLanguages(), req.is('json')]),
  );
  app.get('/format', (_req, res) =>
    res.format({ text: () => res.send('text'), json: () => res.send({ json: true }) }),
  );
  app.get('/fresh', (_req, res) => res.set('ETag', '"a"').send('body'));
  app.get('/attachment', (_req, res) => res.attachment('a.png').links({ next: '/2' }).vary('X-A').send('x'));
  app.get('/status', (_req, res) => res.sendStatus(418));
  app.get('/buffer', (_req, res) => res.send(Buffer.from([0, 1, 255])));
  app.get('/cookies', (_req, res) => {
    res.cookie('a', { b: 1 }, { httpOnly: true, sameSite: 'strict', path: '/p' }).clearCookie('c').end();
  });
  app.get('/stream', async (_req, res) => {
    for (let i = 0; i < 3; i++) {
      res.write(`part ${i}\n`);
      await turn();
    }
    res.end('end\n');
  });
  app.get('/events', async (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    res.flushHeaders();
    for (let i = 0; i < 3; i++) {
      res.write(`id: ${i}\ndata: {"i":${i}}\n\n`);
      await turn();
    }
    res.end();
  });
  app.get('/late-error', (_req, res, next) => {
    res.write('begun');
    setImmediate(() => next(new Error('too late')));
  });
  app.get('/error', (_req, _res, next) =>
    next(Object.assign(new Error('said'), { status: 422, expose: true })),
  );
  app.get('/error-headers', (_req, _res, next) =>
    next(Object.assign(new Error('wait'), { status: 503, headers: { 'Retry-After': '3' } })),
  );
  app.get('/twice', (_req, res) => {
    res.send('first');
    try {
      res.send('second');
    } catch (error) {
      seenErrors.push((error as NodeJS.ErrnoException).code);
    }
  });
  const parsers = version.Router();
  parsers.use(
    version.json({ limit: 100 }),
    version.urlencoded({ extended: true }),
    version.raw(),
    version.text(),
  );
  parsers.all('/', (req, res) =>
    res.json([Buffer.isBuffer(req.body) ? 'bytes' : typeof req.body, req.body ?? null]),
  );
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status).json([error.type, error.message, error.status]);
  };
  parsers.use(onError);
  app.use('/parse', parsers);
  const nested = version();
  nested.get('/deep', (req, res) => res.json([req.baseUrl, req.path, req.originalUrl, nested.path()]));
  app.use('/nested', nested);
  app
    .route('/route')
    .get((_req, res) => void res.send('got'))
    .put((_req, res) => void res.send('put'));
  return app as RequestListener;
}

const seenErrors: unknown[] = [];

const gets: readonly (readonly [path: string, ...fields: string[]])[] = [
  ['/jsonp?call=f.g'],
  ['/jsonp'],
  [
    '/ip',
    'X-Forwarded-For: 203.0.113.7, 127.0.0.1',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: b.example',
  ],
  ['/ip'],
  [
    '/accepts',
    'Accept: application/json;q=0.5, text/*',
    'Accept-Encoding: br',
    'Accept-Language: de, en;q=0.1',
  ],
  ['/format', 'Accept: application/json'],
  ['/format', 'Accept: image/png'],
  ['/fresh', 'If-None-Match: "a"'],
  ['/fresh', 'If-None-Match: "a"', 'Cache-Control: no-cache'],
  ['/attachment'],
  ['/status'],
  ['/buffer'],
  ['/cookies'],
  ['/stream'],
  ['/events'],
  ['/late-error'],
  ['/error'],
  ['/error-headers'],
  ['/twice'],
  ['/nested/deep'],
  ['/route'],
  ['/%'],
  ['//double'],
  ['/nowhere?<script>'],
];

const posts: Readonly<Record<string, readonly [fields: string, body: string]>> = {
  json: ['Content-Type: application/json', '{"a":[1]}'],
  'an empty JSON body': ['Content-Type: application/json', ''],
  'JSON that is none': ['Content-Type: application/json', '{"a":'],
  'JSON that is too long': ['Content-Type: application/json', `{"a":"${'x'.repeat(200)}"}`],
  'a form': ['Content-Type: application/x-www-form-urlencoded', 'a[b]=1&c=%20&c=2'],
  bytes: ['Content-Type: application/octet-stream', '\x00\xff'],
  text: ['Content-Type: text/plain; charset=iso-8859-1', 'caf\xe9'],
  'an unknown charset': ['Content-Type: application/json; charset=nonsense', '{}'],
  'an unknown coding': ['Content-Type: application/json\r\nContent-Encoding: nonsense', '{}'],
  'a coding that is broken': ['Content-Type: application/json\r\nContent-Encoding: gzip', 'no gzip'],
  'a type that nobody reads': ['Content-Type: image/png', 'png'],
};

for (const [name, version] of Object.entries(versions)) {
  describe(name, () => {
    for (const [path, ...fields] of gets) {
      compare([path, ...fields].join(', '), (make) =>
        serving(make, build(version), async (port) => [
          await get(port, path, ...fields),
          seenErrors.splice(0),
        ]),
      );
    }
    for (const [title, [fields, body]] of Object.entries(posts)) {
      compare(`a body: ${title}`, (make) =>
        serving(make, build(version), (port) => {
          const head = `POST /parse HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\nContent-Length: ${body.length}\r\n\r\n`;
          return exchangeBytes(port, head, body);
        }),
      );
    }
    for (const method of ['OPTIONS', 'HEAD', 'DELETE']) {
      compare(`${method} of a route`, (make) =>
        serving(make, build(version), (port) =>
          exchangeBytes(port, `${method} /route HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
        ),
      );
    }
  });
}
