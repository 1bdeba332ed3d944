import { createReadStream } from 'node:fs';
import type express from 'express';
import type { ErrorRequestHandler } from 'express';
import type { Make } from '../../helpers/compare-servers.js';
import { startListener, streamedFile, untyped } from './application.js';

export const name = 'Express 4';

const express4 = untyped<typeof express>('express4');

export function create() {
  const app = express4();
  app.use(express4.json());
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
  // Version 4 does not look at promises.
  app.get('/reject', (_req, _res, next) => void Promise.reject(new Error('rejected')).catch(next));
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
