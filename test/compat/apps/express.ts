import { createReadStream } from 'node:fs';
import express, { type ErrorRequestHandler } from 'express';
import type { Make } from '../../helpers/compare-servers.js';
import { startListener, streamedFile } from './application.js';

export const name = 'Express 5';

export function create() {
  const app = express();
  app.use(express.json());
  app.get('/', (_req, res) => void res.send('Hello, World!'));
  app.get('/users/:id', (req, res) => void res.json({ id: req.params.id, q: req.query['q'] }));
  app.post('/json', (req, res) => void res.json(req.body));
  app.put('/echo', (req, res) => void req.pipe(res.type('text')));
  app.delete('/empty', (_req, res) => void res.status(204).end());
  app.get('/redirect', (_req, res) => res.redirect('/'));
  app.get('/headers', (req, res) => {
    res.cookie('a', '1').cookie('b', '2').append('X-Two', 'one').append('X-Two', 'two');
    res.status(201).send(req.get('X-Ask'));
  });
  app.get('/file', (_req, res) => void createReadStream(streamedFile).pipe(res.type('json')));
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/reject', async () => {
    throw new Error('rejected');
  });
  app.get('/later', async (_req, res) => {
    await new Promise(setImmediate);
    res.send('later');
  });
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).send(`handled: ${error.message}`);
  };
  app.use(onError);
  return app;
}

export const start = (make: Make) => startListener(make, create());
