// The same applications without Chaussette, each on its own server: node bench/apps/plain.js NAME PORT [CERT KEY]
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [name, port, cert, key] = process.argv.slice(2);
const { app } = await import(`./${name}.js`);
const at = { host: '127.0.0.1', port: Number(port) };

if (name === 'fastify') {
  await app.listen(at);
} else if (name === 'hono') {
  const { serve } = await import('@hono/node-server');
  serve({ fetch: app.fetch, hostname: at.host, port: at.port });
} else if (cert && key) {
  const { createServer } = await import('node:https');
  createServer({ cert: readFileSync(cert), key: readFileSync(key) }, app).listen(at);
} else {
  createServer(name === 'koa' ? app.callback() : app).listen(at);
}
