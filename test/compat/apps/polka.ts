import { createReadStream } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { closed, type Make } from '../../helpers/compare-servers.js';
import { portOf, type Started, streamedFile, untyped } from './application.js';

export const name = 'Polka';

interface Request extends IncomingMessage {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
type Next = (error?: unknown) => void;
type Route = (req: Request, res: ServerResponse, next: Next) => unknown;
type OnError = (
  error: Error & { status?: number; code?: number },
  req: Request,
  res: ServerResponse,
  next: Next,
) => void;

interface Polka {
  readonly server: Server;
  use(route: unknown): this;
  get(path: string, route: Route): this;
  head(path: string, route: Route): this;
  post(path: string, route: Route): this;
  put(path: string, route: Route): this;
  delete(path: string, route: Route): this;
  listen(port: number, host: string, callback: () => void): this;
}

const polka = untyped<(options: { server?: Server; onError?: OnError }) => Polka>('polka');
const bodyParser = untyped<{ json(): unknown }>('body-parser');

const onError: OnError = (error, _req, res) => {
  res.statusCode = error.status ?? error.code ?? 500;
  res.end(`handled: ${error.message}`);
};

const hello: Route = (_req, res) => res.end('Hello, World!');
const file: Route = (_req, res) => createReadStream(streamedFile).pipe(res);

export function create(server?: Server) {
  const app = polka(server === undefined ? { onError } : { onError, server });
  app.use(bodyParser.json());
  app.get('/', hello).head('/', hello);
  app.get('/users/:id', (req, res) => res.end(JSON.stringify({ id: req.params['id'], q: req.query['q'] })));
  app.post('/json', (req, res) => res.end(JSON.stringify(req.body)));
  app.put('/echo', (req, res) => req.pipe(res));
  app.delete('/empty', (_req, res) => res.writeHead(204).end());
  app.get('/redirect', (_req, res) => res.writeHead(302, { Location: '/', 'Content-Length': 0 }).end());
  app.get('/headers', (req, res) => {
    res.writeHead(201, { 'Set-Cookie': ['a=1', 'b=2'], 'X-Two': ['one', 'two'], 'Content-Length': 2 });
    res.end(req.headers['x-ask']);
  });
  app.get('/file', file).head('/file', file);
  app.get('/throw', (_req, _res, next) => next(new Error('thrown')));
  app.get('/reject', (_req, _res, next) => Promise.reject(new Error('rejected')).catch(next));
  app.get('/later', (_req, res) => setImmediate(() => res.end('later')));
  return app;
}

export async function start(make: Make): Promise<Started> {
  const app = create(make());
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  return { port: portOf(app.server), close: () => closed(app.server) };
}
