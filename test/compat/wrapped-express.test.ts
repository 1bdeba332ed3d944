import assert from 'node:assert/strict';
import { createServer as createNodeServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import express from 'express';
import { createServer } from '../../lib/create-server.js';

// An Express application behind a listener of somebody else's cannot be seen, and yet it puts its own prototypes on
// every request and response.

const app = express();
app.use(express.json());
app.get('/', (req, res) => {
  res.send(`${req.method} ${req.originalUrl} ${String(req.headers['x-a'])} ${req.ip !== undefined}`);
});
app.post('/json', (req, res) => {
  res.status(201).json({ got: req.body });
});

const listener: RequestListener = (req, res) => {
  app(req, res);
};

async function answers(server: Server): Promise<string[]> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const get = await fetch(`${origin}/?q=1`, { headers: { 'x-a': 'b' } });
  const post = await fetch(`${origin}/json`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":[1,2]}',
  });
  const missing = await fetch(`${origin}/nowhere`);
  const seen = [
    `${get.status} ${await get.text()}`,
    `${post.status} ${await post.text()}`,
    String(missing.status),
  ];
  await missing.text();
  await new Promise((resolve) => server.close(resolve));
  return seen;
}

describe('Express behind a listener of its own', () => {
  it('answers as on node:http, and goes on doing so there', async () => {
    const before = await answers(createNodeServer(listener));
    assert.deepEqual(before, ['200 GET /?q=1 b true', '201 {"got":{"a":[1,2]}}', '404']);
    assert.deepEqual(await answers(createServer(listener)), before);
    assert.deepEqual(await answers(createNodeServer(listener)), before);
  });
});
