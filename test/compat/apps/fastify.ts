import { createReadStream } from 'node:fs';
import fastify, { type FastifyServerOptions } from 'fastify';
import type { Make } from '../../helpers/compare-servers.js';
import { portOf, type Started, streamedFile } from './application.js';

export const name = 'Fastify';

export function create(options: FastifyServerOptions = {}) {
  const app = fastify(options);
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (_req: unknown, body: unknown) => body,
  );
  app.get('/', async () => 'Hello, World!');
  app.get<{ Params: { id: string }; Querystring: { q: string } }>('/users/:id', async (request) => ({
    id: request.params.id,
    q: request.query.q,
  }));
  app.post('/json', async (request) => request.body);
  app.put('/echo', async (request) => request.body);
  app.delete('/empty', async (_request, reply) => reply.code(204).send());
  app.get('/redirect', async (_request, reply) => reply.redirect('/'));
  app.get('/headers', async (request, reply) => {
    reply.header('set-cookie', 'a=1').header('set-cookie', 'b=2').header('x-two', ['one', 'two']);
    return reply.code(201).send(request.headers['x-ask']);
  });
  app.get('/file', async (_request, reply) =>
    reply.type('application/json').send(createReadStream(streamedFile)),
  );
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
  app.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
    reply.code(error.statusCode ?? 500).send(`handled: ${error.message}`);
  });
  return app;
}

export async function start(make: Make): Promise<Started> {
  const app = create({ serverFactory: (handler) => make(handler) });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: portOf(app.server), close: () => app.close() };
}
