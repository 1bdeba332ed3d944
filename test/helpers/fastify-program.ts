// Fastify started as its documentation says, in a process of its own: what was preloaded there decides who serves.
// It tells its parent the port, and at the end what its hooks have seen.

import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { portOf } from '../compat/apps/application.js';
import { create } from '../compat/apps/fastify.js';

const app = create({ bodyLimit: 100_000, keepAliveTimeout: 5000, return503OnClosing: true });
const seen: string[] = [];

app.addHook('onRequest', async (request) => void seen.push(`onRequest ${request.url} ${request.ip}`));
app.addHook('preParsing', async (request) => void seen.push(`preParsing ${request.raw.complete}`));
app.addHook('onSend', async (_request, reply) => void seen.push(`onSend ${reply.raw.headersSent}`));
app.addHook('onResponse', async (_request, reply) => {
  seen.push(`onResponse ${reply.statusCode} ${reply.raw.writableFinished} ${reply.sent}`);
});
app.addHook('onRequestAbort', async (request) => {
  seen.push(`onRequestAbort ${request.raw.aborted} ${request.raw.destroyed}`);
  process.send?.({ event: 'aborted', url: request.url });
});
app.addHook('onClose', async () => void seen.push('onClose'));

app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
app.post('/upload', { bodyLimit: 1e9 }, async (request) => {
  let bytes = 0;
  for await (const chunk of request.body as Readable) bytes += (chunk as Buffer).length;
  return { bytes };
});
app.post('/refused', async (_request, reply) => reply.code(403).send('no'));
app.get('/events', (_request, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of ['one', 'two']) reply.raw.write(`data: ${event}\n\n`);
  setImmediate(() => reply.raw.end('data: three\n\n'));
});
app.get('/trailers', async (_request, reply) => {
  reply.trailer('x-sum', async () => '42');
  return reply.send(Readable.from(['a', 'b']));
});
app.get('/broken', (_request, reply) => {
  const stream = new Readable({ read: () => {} });
  stream.push('begun');
  setImmediate(() => setImmediate(() => stream.destroy(new Error('broken'))));
  reply.send(stream);
});
app.get('/inject', async () => (await app.inject('/users/8?q=inside')).body);
app.get('/early', (_request, reply) => {
  reply.raw.writeEarlyHints({ link: '</a.css>; rel=preload' });
  reply.send('hinted');
});
app.get('/waits', () => pause(60_000, 'never', { ref: false }));

await app.listen({ port: 0 });
const { server } = app;
const handle = (server as unknown as { _handle?: object })._handle;
const addresses = app.addresses().map((at) => (typeof at === 'string' ? at : at.address));
process.send?.({
  event: 'listening',
  port: portOf(server),
  addresses,
  served: handle?.constructor.name === 'TCP' ? 'node' : 'native',
});
process.once('message', async () => {
  await app.close();
  process.send?.({ event: 'closed', seen });
  process.disconnect();
});
