// chaussette examples.express:app
import { createReadStream } from 'node:fs';
import express from 'express';

export const app = express();

app.use(express.json());

app.get('/', (_req, res) => {
  res.send('Hello, World!\n');
});

app.post('/hello', (req, res) => {
  res.json({ hello: req.body.name });
});

app.get('/source', (_req, res) => {
  res.type('text/plain');
  createReadStream(new URL(import.meta.url)).pipe(res);
});

app.get('/broken', () => {
  throw new Error('this route is broken on purpose');
});

app.use((error, _req, res, _next) => {
  res.status(500).send(`Sorry: ${error.message}\n`);
});
