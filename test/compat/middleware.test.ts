import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import compression from 'compression';
import cors from 'cors';
import express from 'express';
import session from 'express-session';
import fastify from 'fastify';
import helmet from 'helmet';
import morgan from 'morgan';
import multer from 'multer';
import onFinished from 'on-finished';
import onHeaders from 'on-headers';
import {
  closed,
  compare,
  exchangeBytes,
  get,
  listening,
  type Make,
  serving,
} from '../helpers/compare-servers.js';

const file = join(tmpdir(), `chaussette-middleware-${process.pid}.txt`);
writeFileSync(file, 'x'.repeat(3000));
after(() => rmSync(file));

/** Response of an Express application that `build` fills, on both servers. */
function app(
  name: string,
  build: (app: express.Express) => void,
  ...asks: ((port: number) => Promise<string>)[]
) {
  compare(name, (make) => {
    const application = express();
    build(application);
    return serving(make, application as RequestListener, async (port) => {
      const answers: string[] = [];
      for (const ask of asks) answers.push(await ask(port));
      return answers;
    });
  });
}

describe('middleware', () => {
  app(
    'compression',
    (it) => {
      it.use(compression({ threshold: 100 }));
      it.get('/', (_req, res) => void res.type('text').send('a'.repeat(2000)));
      it.get('/stream', (_req, res) => {
        res.type('text');
        for (let i = 0; i < 20; i++) res.write(`${i} `.repeat(100));
        res.end();
      });
    },
    (port) => get(port, '/', 'Accept-Encoding: gzip'),
    (port) => get(port, '/stream', 'Accept-Encoding: deflate'),
    (port) => get(port, '/', 'Accept-Encoding: identity'),
  );

  app(
    'helmet and cors',
    (it) => {
      it.use(helmet(), cors({ origin: 'http://a.example', credentials: true, optionsSuccessStatus: 200 }));
      it.get('/', (_req, res) => void res.json({ ok: true }));
    },
    (port) => get(port, '/', 'Origin: http://a.example'),
    (port) =>
      exchangeBytes(
        port,
        'OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nOrigin: http://a.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n',
      ),
  );

  app(
    'express-session',
    (it) => {
      it.use(
        session({ secret: 's', resave: false, saveUninitialized: true, genid: () => 'same', cookie: {} }),
      );
      it.get('/', (req, res) => void res.send(`${req.sessionID} ${res.headersSent}`));
    },
    (port) => get(port, '/'),
  );

  app(
    'serve-static with ranges and conditions',
    (it) => {
      it.use(express.static(tmpdir(), { lastModified: false, etag: false }));
    },
    (port) => get(port, `/${file.slice(tmpdir().length + 1)}`),
    (port) => get(port, `/${file.slice(tmpdir().length + 1)}`, 'Range: bytes=10-19'),
    (port) => get(port, `/${file.slice(tmpdir().length + 1)}`, 'Range: bytes=9999-'),
    (port) => get(port, '/not-there'),
  );

  app(
    'multer',
    (it) => {
      it.post('/', multer().single('f'), (req, res) => {
        res.json([req.body, req.file?.originalname, req.file?.buffer.toString()]);
      });
    },
    (port) => {
      const part = (head: string, body: string) =>
        `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
      const body = `${part('name="a"', '1')}${part('name="f"; filename="f.txt"', 'content')}--b--\r\n`;
      const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b`;
      return exchangeBytes(port, `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    },
  );

  compare('morgan writes the same line', async (make: Make) => {
    const lines: string[] = [];
    const format = ':remote-addr :method :url HTTP/:http-version :status :res[content-length] :req[host]';
    const log = morgan(format, { stream: { write: (line) => void lines.push(line) } });
    let logged: Promise<unknown> | undefined;
    await serving(
      make,
      (req, res) => {
        logged = once(res, 'finish');
        log(req, res, () => res.end('hello'));
      },
      async (port) => {
        await get(port, '/path');
        await logged;
      },
    );
    return lines;
  });

  compare('on-headers and on-finished', async (make) => {
    const events: string[] = [];
    const listener = (req: IncomingMessage, res: ServerResponse) => {
      onHeaders(res, () => {
        events.push('headers 1');
        res.setHeader('x-late', `${res.statusCode}`);
      });
      onHeaders(res, () => events.push('headers 2'));
      onFinished(req, (error) => events.push(`req ${error}`));
      onFinished(res, (error) => events.push(`res ${error} ${res.headersSent}`));
      events.push(`finished ${onFinished.isFinished(res)}`);
      res.writeHead(202, { 'x-early': '1' });
      res.end();
    };
    const server = make(listener);
    const port = await listening(server);
    const asked = once(server, 'request');
    const answer = await get(port);
    const [, res] = (await asked) as [unknown, ServerResponse];
    if (!res.closed) await once(res, 'close');
    await closed(server);
    return [answer.replace(/(content-length|transfer-encoding)[\s\S]*$/i, ''), events.sort()];
  });

  compare('Fastify through serverFactory', async (make) => {
    const it = fastify({ serverFactory: (handler) => make(handler) });
    it.get('/', async (request) => ({ hello: request.url, ip: request.ip }));
    it.post('/', async (request) => request.body);
    await it.listen({ port: 0, host: '127.0.0.1' });
    const { port } = it.server.address() as { port: number };
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n';
    const answers = [
      await get(port),
      await get(port, '/nowhere'),
      await exchangeBytes(port, `${head}Content-Length: 7\r\n\r\n{"a":1}`),
      await exchangeBytes(port, `${head}Content-Length: 1\r\n\r\n{`),
    ];
    await it.close();
    return answers;
  });
});
