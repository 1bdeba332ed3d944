// What Node's own streams do with requests and responses: they know them by members that no document names.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { finished, PassThrough, pipeline, Readable, Transform } from 'node:stream';
import { describe } from 'node:test';
import { compare, exchangeBytes, serving } from '../helpers/compare-servers.js';

const chunked =
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n';
const last = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

function refuse(req: IncomingMessage, res: ServerResponse, text: string): void {
  res.statusCode = 413;
  res.end(`${text} ${req.destroyed} ${req.aborted}`);
}

const broken = (): Transform =>
  new Transform({ transform: (_chunk, _encoding, done) => done(new Error('too much')) });

/** Each gives up the body of a request, and answers on the same connection, which then serves another request. */
const listeners: Record<string, RequestListener> = {
  'a pipeline that fails': (req, res) => {
    pipeline(req, broken(), new PassThrough(), (error) => refuse(req, res, String(error)));
  },
  'an iteration that throws': async (req, res) => {
    try {
      for await (const chunk of req) throw new Error(String(chunk));
    } catch (error) {
      refuse(req, res, String(error));
    }
  },
  'an iteration that is left': async (req, res) => {
    for await (const chunk of req) if (chunk !== undefined) break;
    refuse(req, res, 'left');
  },
  'a web stream that is cancelled': async (req, res) => {
    const reader = Readable.toWeb(req).getReader();
    await reader.read();
    await reader.cancel(new Error('cancelled'));
    refuse(req, res, 'cancelled');
  },
};

describe('a request whose body is given up can be answered', () => {
  for (const [name, listener] of Object.entries(listeners)) {
    compare(`by ${name}`, (make) =>
      serving(
        make,
        (req, res) => (req.url === '/last' ? res.end('last') : listener(req, res)),
        (port) => exchangeBytes(port, chunked, last),
      ),
    );
  }
});

describe('stream.finished() and pipeline() of a response', () => {
  const sources: Record<string, () => Readable> = {
    'that is complete': () => Readable.from(['a', 'b']),
    'whose source fails': () =>
      new Readable({
        read() {
          this.push('a');
          this.destroy(new Error('broken'));
        },
      }),
  };
  for (const [name, source] of Object.entries(sources)) {
    compare(`one ${name}`, async (make) => {
      const told: unknown[] = [];
      let done: Promise<unknown> | undefined;
      const bytes = await serving(
        make,
        (_req, res) => {
          done = new Promise((resolve) => {
            finished(res, (error) => resolve(told.push(['finished', codeOf(error), res.destroyed])));
          });
          pipeline(source(), res, (error) => told.push(['pipeline', codeOf(error), res.destroyed]));
        },
        async (port) => {
          const all = await exchangeBytes(port, last);
          await done;
          return all;
        },
      );
      return [bytes, told.sort()];
    });
  }
});

function codeOf(error: NodeJS.ErrnoException | null | undefined): string {
  return error?.code ?? String(error);
}

compare('by these members a request and a response are known', (make) => {
  const names = ['_consuming', '_dumped', 'upgrade'];
  const resNames = [
    '_closed',
    '_defaultKeepAlive',
    '_removedConnection',
    '_removedContLen',
    '_removedTE',
    '_sent100',
  ];
  const types = (of: object, members: string[]): string[] =>
    members.map((name) => typeof (of as Record<string, unknown>)[name]);
  const listener: RequestListener = (req, res) => {
    res.end(JSON.stringify([types(req, names), types(res, resNames)]));
  };
  return serving(make, listener, (port) => exchangeBytes(port, last));
});
