import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { describe } from 'node:test';
import express, { type ErrorRequestHandler } from 'express';
import multer from 'multer';
import { compare, exchangeBytes, type Make, serving } from '../helpers/compare-servers.js';
import { untyped } from './apps/application.js';

interface Part {
  readonly name: string;
  readonly file?: string;
  readonly content: string;
}

const boundary = 'x-boundary';
const large = 'y'.repeat(700_000);
const parts: readonly Part[] = [
  { name: 'field', content: 'value' },
  { name: 'file', file: 'a.txt', content: large },
  { name: 'file', file: 'b.txt', content: '' },
  { name: 'last', content: 'z' },
];

function bodyOf(list: readonly Part[]): string {
  const text = list.map(({ name, file, content }) => {
    const type = file === undefined ? '' : `; filename="${file}"\r\nContent-Type: text/plain`;
    return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${type}\r\n\r\n${content}\r\n`;
  });
  return `${text.join('')}--${boundary}--\r\n`;
}

function headOf(length: number): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${length}\r\n\r\n`;
}

function send(port: number, list: readonly Part[]): Promise<string> {
  const body = bodyOf(list);
  const middle = 50 + Math.floor((body.length - 50) / 2);
  return exchangeBytes(
    port,
    headOf(body.length) + body.slice(0, 50),
    body.slice(50, middle),
    body.slice(middle),
  );
}

/** Send half of an upload and go away. */
async function sendHalf(port: number): Promise<void> {
  const body = bodyOf(parts);
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  await new Promise((resolve) => socket.write(headOf(body.length) + body.slice(0, 100_000), resolve));
  socket.destroy();
}

function multerApp(options: multer.Options): express.Express {
  const app = express();
  app.post('/', multer(options).array('file'), (req, res) => {
    const files = req.files as Express.Multer.File[];
    res.json([req.body, files.map((file) => [file.originalname, file.size, file.mimetype])]);
  });
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(400).json([error.name, error.code, error.field, error.message]);
  };
  app.use(onError);
  return app;
}

type Busboy = NodeJS.WritableStream & NodeJS.EventEmitter;
const busboy = untyped<(options: { headers: IncomingMessage['headers'] }) => Busboy>('busboy');

/** What was in the form, or why it could not be read. */
async function withBusboy(req: IncomingMessage): Promise<unknown> {
  const seen: unknown[] = [];
  const form = busboy({ headers: req.headers });
  form.on('field', (name: string, value: string) => seen.push([name, value]));
  form.on('file', (name: string, file: NodeJS.ReadableStream, info: unknown) => {
    let bytes = 0;
    file.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    file.on('end', () => seen.push([name, info, bytes]));
    file.on('error', () => {});
  });
  try {
    await pipeline(req, form);
  } catch (error) {
    seen.push((error as NodeJS.ErrnoException).code);
  }
  return seen;
}

type Formidable = (options: object) => {
  parse(
    req: IncomingMessage,
  ): Promise<readonly [object, Record<string, readonly { originalFilename: string; size: number }[]>]>;
};
const formidable = untyped<{ default: Formidable }>('formidable').default;

async function withFormidable(req: IncomingMessage): Promise<unknown> {
  const { Writable } = await import('node:stream');
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    const options = { fileWriteStreamHandler: nowhere, allowEmptyFiles: true, minFileSize: 0 };
    const [fields, files] = await formidable(options).parse(req);
    return [
      fields,
      Object.entries(files).map(([name, list]) => [
        name,
        list.map((file) => [file.originalFilename, file.size]),
      ]),
    ];
  } catch (error) {
    const { message, code, httpCode } = error as Error & { code: unknown; httpCode: unknown };
    return [message, code, httpCode];
  }
}

function answering(read: (req: IncomingMessage) => Promise<unknown>): RequestListener {
  return async (req: IncomingMessage, res: ServerResponse) => {
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify(await read(req)));
  };
}

const readers: Readonly<Record<string, (req: IncomingMessage) => Promise<unknown>>> = {
  busboy: withBusboy,
  formidable: withFormidable,
};

describe('uploads', () => {
  const app = (options: multer.Options) => multerApp(options) as RequestListener;

  compare('multer', (make) => serving(make, app({}), (port) => send(port, parts)));
  compare('multer with limits that are passed', (make) =>
    serving(make, app({ limits: { fileSize: 1000 } }), (port) => send(port, parts)),
  );
  compare('multer and a field that nobody expects', (make) =>
    serving(make, app({}), (port) => send(port, [{ name: 'other', file: 'c.txt', content: 'c' }])),
  );

  for (const [name, read] of Object.entries(readers)) {
    compare(name, (make) =>
      serving(make, answering(read), async (port) => {
        const answer = await send(port, parts);
        assert.match(answer, /^HTTP\/1.1 200 [\s\S]*a\.txt[\s\S]*700000/);
        return answer;
      }),
    );
    compare(`${name} and a client that goes away`, async (make: Make) => {
      let tell: (seen: unknown) => void = () => {};
      const told = new Promise((resolve) => {
        tell = resolve;
      });
      const listener: RequestListener = async (req) => tell([await read(req), req.aborted, req.complete]);
      return serving(make, listener, async (port) => {
        await sendHalf(port);
        return told;
      });
    });
  }
});
