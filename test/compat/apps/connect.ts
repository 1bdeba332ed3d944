import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorHandleFunction, NextFunction, NextHandleFunction, Server } from 'connect';
import type { Make } from '../../helpers/compare-servers.js';
import { startListener, streamedFile, untyped } from './application.js';

export const name = 'Connect';

const connect = untyped<() => Server>('connect');
const bodyParser = untyped<{ json(): NextHandleFunction }>('body-parser');

type Request = IncomingMessage & { body?: unknown; originalUrl?: string | undefined };

function text(res: ServerResponse, status: number, body: string): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  res.end(body);
}

const routes: Readonly<Record<string, (req: Request, res: ServerResponse, next: NextFunction) => unknown>> = {
  '/': (_req, res) => text(res, 200, 'Hello, World!'),
  '/users/7': (req, res) => {
    const q = new URL(req.originalUrl ?? '', 'http://a').searchParams.get('q');
    text(res, 200, JSON.stringify({ id: '7', q }));
  },
  '/json': (req, res) => text(res, 200, JSON.stringify(req.body)),
  '/echo': (req, res) => req.pipe(res),
  '/empty': (_req, res) => res.writeHead(204).end(),
  '/redirect': (_req, res) => res.writeHead(302, { Location: '/', 'Content-Length': 0 }).end(),
  '/headers': (req, res) => {
    res.setHeader('Set-Cookie', ['a=1', 'b=2']);
    res.setHeader('X-Two', ['one', 'two']);
    text(res, 201, String(req.headers['x-ask']));
  },
  '/file': (_req, res) => createReadStream(streamedFile).pipe(res),
  '/throw': () => {
    throw new Error('thrown');
  },
  '/reject': (_req, _res, next) => Promise.reject(new Error('rejected')).catch(next),
  '/later': (_req, res) => setImmediate(() => text(res, 200, 'later')),
};

export function create() {
  const app = connect();
  app.use(bodyParser.json());
  app.use((req, res, next) => {
    const route = routes[new URL(req.url ?? '', 'http://a').pathname];
    if (route === undefined) next();
    else route(req, res, next);
  });
  const onError: ErrorHandleFunction = (error, _req, res, _next) => {
    text(res, error.status ?? 500, `handled: ${error.message}`);
  };
  app.use(onError);
  return app;
}

export const start = (make: Make) => startListener(make, create());
