// fs.createReadStream().pipe(res): what the application and the client see is the same, whoever sends the bytes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs, { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, Transform } from 'node:stream';
import { after, describe, type TestContext, test } from 'node:test';
import serveStatic from 'serve-static';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, until, within } from '../helpers/lifetime-client.js';
import { serveApplication } from '../helpers/lifetime-handler.js';

const folder = mkdtempSync(join(tmpdir(), 'chaussette-piped-'));
const path = join(folder, 'file.bin');
const content = noise(3_000_001);
writeFileSync(path, content);
after(() => rmSync(folder, { recursive: true }));

type Application = (req: IncomingMessage, res: ServerResponse) => unknown;

for (const backend of testedBackends) {
  /** One answer, and how many times its file was read. */
  const answer = async (t: TestContext, application: Application, fields = '') => {
    const read = t.mock.method(fs, 'read');
    const server = await serveApplication(t, backend, 'node', application);
    const client = await Client.open(t, server.port);
    await client.write(get('/file.bin', fields) + get('/file.bin', fields));
    const [first, second] = [await client.response(0), await client.response(1)];
    assert.equal(Buffer.compare(first.body, second.body), 0);
    return { body: first.body, reads: read.mock.callCount() };
  };
  /** The kernel sends on `native`; else, and where somebody looks at the bytes, they are read. */
  const readOnlyBy = (reads: number) => assert.equal(reads === 0, backend === 'native');

  describe(`${backend}: a file that is piped into a response`, () => {
    test('whole, with all events of both streams', async (t) => {
      const told: string[] = [];
      const { body, reads } = await answer(t, (_req, res) => {
        const source = fs.createReadStream(path);
        for (const event of ['open', 'ready', 'end', 'close']) source.on(event, () => told.push(event));
        source.on('end', () => assert.equal(source.bytesRead, content.length));
        res.on('finish', () => told.push('finish'));
        res.setHeader('Content-Length', content.length);
        source.pipe(res);
      });
      assert.equal(Buffer.compare(body, content), 0);
      await until('the end of both', () => told.length === 10);
      assert.deepEqual([...new Set(told)].sort(), ['close', 'end', 'finish', 'open', 'ready']);
      readOnlyBy(reads);
    });

    test('with a length that writeHead() alone tells', async (t) => {
      const { body, reads } = await answer(t, (_req, res) => {
        res.writeHead(200, { 'Content-Length': content.length });
        fs.createReadStream(path).pipe(res);
      });
      assert.equal(Buffer.compare(body, content), 0);
      readOnlyBy(reads);
    });

    test('without a length: in the chunks of the stream', async (t) => {
      const { body, reads } = await answer(t, (_req, res) => fs.createReadStream(path).pipe(res));
      assert.equal(Buffer.compare(body, content), 0);
      assert.ok(reads > 0);
    });

    test('a part of it, behind other bytes', async (t) => {
      const { body, reads } = await answer(t, (_req, res) => {
        res.setHeader('Content-Length', 1_000_006);
        res.write('first ');
        fs.createReadStream(path, { start: 1_000_000, end: 1_999_999 }).pipe(res);
      });
      assert.equal(Buffer.compare(body.subarray(6), content.subarray(1_000_000, 2_000_000)), 0);
      readOnlyBy(reads);
    });

    test('serve-static, a range', async (t) => {
      const serve = serveStatic(folder);
      const application: Application = (req, res) => serve(req, res, () => res.end('none'));
      const { body, reads } = await answer(t, application, 'Range: bytes=10-1000009\r\n');
      assert.equal(Buffer.compare(body, content.subarray(10, 1_000_010)), 0);
      readOnlyBy(reads);
    });

    test('pipeline tells of the end', async (t) => {
      const errors: unknown[] = [];
      const { body, reads } = await answer(t, (_req, res) => {
        res.setHeader('Content-Length', content.length);
        pipeline(fs.createReadStream(path), res, (error) => errors.push(error));
      });
      assert.equal(Buffer.compare(body, content), 0);
      await until('the callbacks', () => errors.length === 2);
      assert.deepEqual(errors, [undefined, undefined]);
      readOnlyBy(reads);
    });

    test('two files, one behind the other', async (t) => {
      const { body } = await answer(t, (_req, res) => {
        res.setHeader('Content-Length', 2 * content.length);
        const first = fs.createReadStream(path);
        first.on('end', () => fs.createReadStream(path).pipe(res)).pipe(res, { end: false });
      });
      assert.equal(Buffer.compare(body, Buffer.concat([content, content])), 0);
    });

    for (const [who, application] of [
      [
        'a write that was put in place of ours',
        (_req, res) => {
          res.setHeader('Content-Length', content.length);
          const write = res.write.bind(res) as (chunk: Buffer) => boolean;
          res.write = ((chunk: Buffer) =>
            write(Buffer.from(chunk.map((byte) => byte ^ 1)))) as ServerResponse['write'];
          fs.createReadStream(path).pipe(res);
        },
      ],
      [
        'a listener beside the pipe',
        (_req, res) => {
          let seen = 0;
          res.setHeader('Content-Length', content.length);
          const source = fs.createReadStream(path).on('data', (chunk) => {
            seen += chunk.length;
          });
          source.on('end', () => assert.equal(seen, content.length)).pipe(res);
        },
      ],
      [
        'a transform between them',
        (_req, res) =>
          fs
            .createReadStream(path)
            .pipe(new Transform({ transform: (chunk, _, done) => done(null, chunk) }))
            .pipe(res),
      ],
      [
        'functions of its own',
        (_req, res) =>
          fs.createReadStream(path, { fs: { ...fs } }).pipe(res.setHeader('Content-Length', content.length)),
      ],
    ] satisfies [string, Application][]) {
      test(`${who} sees the bytes`, async (t) => {
        const { body, reads } = await answer(t, application);
        const wanted = who.startsWith('a write') ? Buffer.from(content.map((byte) => byte ^ 1)) : content;
        assert.equal(Buffer.compare(body, wanted), 0);
        if (who !== 'functions of its own') assert.ok(reads > 0);
      });
    }

    test('a file that says it is empty, and is not', async (t) => {
      const { body } = await answer(t, (_req, res) => fs.createReadStream('/proc/cpuinfo').pipe(res));
      assert.ok(body.length > 0);
    });

    test('a file that is not there', async (t) => {
      const { body } = await answer(t, (_req, res) => {
        fs.createReadStream(join(folder, 'none'))
          .on('error', () => res.end('none'))
          .pipe(res);
      });
      assert.equal(body.toString(), 'none');
    });

    test('a client that leaves in the middle: no descriptor is left', async (t) => {
      const closed: Promise<unknown>[] = [];
      const server = await serveApplication(t, backend, 'node', ((_req, res) => {
        const source = fs.createReadStream(path);
        res.setHeader('Content-Length', content.length);
        closed.push(once(source, 'close'));
        res.on('close', () => source.destroy());
        source.pipe(res);
      }) satisfies Application);
      const count = () => readdirSync('/proc/self/fd').length;
      const before = count();
      for (let round = 0; round < 5; round += 1) {
        const client = await Client.open(t, server.port, { paused: true });
        await client.write(get());
        await until('the request', () => closed.length > round);
        if (round > 2) await once(client.socket, 'readable');
        client.reset();
        await within('the end of the file', closed[round] ?? Promise.reject(new Error('none')));
      }
      await until('the descriptors', () => count() <= before);
    });
  });
}
