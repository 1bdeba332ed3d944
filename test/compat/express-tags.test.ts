import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { createServer as createNodeServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import express from 'express';
import { createServer } from '../../lib/create-server.js';
import { untyped } from './apps/application.js';

// Our server has the tags of an Express application made in one call: they must stay what they are.

const bodies = ['Hello, World!', '', 'é', 'x'.repeat(70_000)];

type Application = express.Express;
type Prepare = (app: Application) => void;

function applicationOf(make: () => Application, prepare: Prepare): Application {
  const app = make();
  prepare(app);
  app.get('/json', (_req, res) => void res.json({ a: [1] }));
  app.get('/octets', (_req, res) => void res.send(Buffer.from([0, 255, 1])));
  app.get('/:body', (req, res) => void res.send(bodies[Number(req.params.body)]));
  return app;
}

/** @returns The tags of all bodies, and the status of a request that knows the first. */
async function tags(server: Server): Promise<(string | number | null)[]> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const seen: (string | number | null)[] = [];
  for (const path of [...bodies.keys(), 'json', 'octets']) {
    const response = await fetch(`${origin}/${path}`);
    await response.text();
    seen.push(response.headers.get('etag'));
  }
  const known = { 'if-none-match': String(seen[0]), 'cache-control': 'max-age=0' };
  const again = await fetch(`${origin}/0`, { headers: known });
  await again.text();
  await new Promise((resolve) => server.close(resolve));
  return [...seen, again.status];
}

const settings: Record<string, Prepare> = {
  'weak, as by default': () => {},
  strong: (app) => app.set('etag', 'strong'),
  'set to true': (app) => app.set('etag', true),
  off: (app) => app.set('etag', false),
  'a function of the application': (app) => app.set('etag', (body: Buffer) => `"${body.length}"`),
  'a function that tells other tags': (app) => {
    app.settings['etag fn'] = (body: Buffer) => `W/"${body.length}"`;
  },
  'of an application that is mounted': (app) => {
    const inner = express();
    inner.get('/json', (_req, res) => void res.json('inner'));
    app.use('/', inner);
  },
};

for (const [version, make] of [
  ['5', express],
  ['4', untyped<typeof express>('express4')],
] as const) {
  describe(`tags of Express ${version}`, () => {
    for (const [what, prepare] of Object.entries(settings)) {
      it(`are those of node:http: ${what}`, async () => {
        const expected = await tags(createNodeServer(applicationOf(make, prepare)));
        assert.deepEqual(await tags(createServer(applicationOf(make, prepare))), expected);
      });
    }
    it('are made without an object for each', async (t) => {
      const { mock } = t.mock.method(crypto, 'createHash');
      const plain = applicationOf(make, () => {});
      await tags(createNodeServer(plain));
      assert.notEqual(mock.callCount(), 0);
      const ours = createServer(applicationOf(make, () => {}));
      await new Promise<void>((resolve) => ours.listen(0, '127.0.0.1', resolve));
      mock.resetCalls();
      const response = await fetch(`http://127.0.0.1:${(ours.address() as AddressInfo).port}/0`);
      assert.equal(response.headers.get('etag'), 'W/"d-CgqfKmdylCVXq1NV12r0Qvj2XgE"');
      assert.equal(mock.callCount(), 0);
      await new Promise((resolve) => ours.close(resolve));
    });
    it('are others when the application sets so later', async () => {
      const app = applicationOf(make, () => {});
      const server = createServer(app);
      const before = await tags(server);
      app.set('etag', 'strong');
      const after = await tags(server);
      assert.deepEqual(
        after.slice(0, -1).map((tag) => `W/${tag}`),
        before.slice(0, -1),
      );
    });
  });
}
