// What responses answer, refuse and show of themselves, in the words of the Node that runs: each handler logs it.
import { once } from 'node:events';
import type * as http from 'node:http';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { closed, compare, listening } from '../helpers/compare-servers.js';

type Log = (...words: unknown[]) => void;
type Handler = (req: http.IncomingMessage, res: Response, log: Log) => void;

/** Members that not every Node has, or that are not documented. */
interface Response extends http.ServerResponse {
  writeInformation?: (status: number, headers?: unknown, callback?: () => void) => unknown;
  readonly _hasBody: boolean;
  readonly _contentLength: number | null;
  readonly _sent100: boolean;
}

/** Log what a call returns or throws. */
function tried(log: Log, name: string, call: () => unknown): void {
  try {
    const value = call();
    log(name, typeof value === 'object' ? 'an object' : value);
  } catch (error) {
    const { name: type, code, message } = error as NodeJS.ErrnoException;
    log(name, type, code, message);
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException | null | undefined)?.code;
}

const handlers: Record<string, Handler> = {
  'a list of fields behind others': (_req, res) => {
    res.setHeader('x-a', '0');
    res.writeHead(200, ['x-a', '1', 'x-a', '2', 'x-b', '3']).end();
  },
  'a list of fields keeps the case of each': (_req, res) =>
    res.writeHead(200, ['x-a', '1', 'X-A', '2']).end(),
  'a field without a name': (_req, res, log) => {
    const set = res.setHeader as unknown as (...words: unknown[]) => void;
    for (const words of [[], [undefined, 'x'], ['x-a'], ['', 'x'], [0, 'x']])
      tried(log, String(words), () => set.apply(res, words));
    res.end();
  },
  'a Content-Disposition of UTF-8 with a length': (_req, res) => {
    res.setHeader('Content-Disposition', Buffer.from('å.txt').toString('latin1'));
    res.end('text');
  },
  'the same behind Content-Length, with bytes': (_req, res) => {
    res.writeHead(200, { 'Content-Length': 1, 'Content-Disposition': Buffer.from('å').toString('latin1') });
    res.end(Buffer.from('x'));
  },
  'the same in front of it, and in chunks': (_req, res) => {
    res.writeHead(200, { 'content-disposition': Buffer.from('å').toString('latin1'), 'Content-Length': 1 });
    res.end('x');
  },
  'the same of no length': (_req, res) => {
    res.setHeader('content-disposition', Buffer.from('å').toString('latin1'));
    res.write('x');
    res.end('x');
  },
  'the same of a letter beyond latin-1': (_req, res) => {
    res.setHeader('content-disposition', Buffer.from('€').toString('latin1'));
    res.end(Buffer.from('x'));
  },
  'a list with an odd end': (_req, res, log) => {
    tried(log, 'writeHead', () => res.writeHead(200, ['x-a']));
    res.end();
  },
  'lists of pairs behind others': (_req, res, log) => {
    res.setHeader('x-z', '0');
    const lists = [
      [['x-a', '1']],
      [
        ['x-a', '1'],
        ['x-b', '2'],
      ],
      [['x-a', '1'], 'x-b'],
      ['x-a', ['1', '2']],
    ];
    for (const list of lists)
      tried(log, JSON.stringify(list), () => res.writeHead(200, list as unknown as string[]));
    res.end();
  },
  '100 Continue': (_req, res, log) => {
    tried(log, 'writeContinue', () => res.writeContinue(() => log('told')));
    log(res._sent100);
    res.end();
  },
  'informational responses': (_req, res, log) => {
    tried(log, 'hints', () =>
      res.writeEarlyHints({ link: '</a>; rel=preload', 'x-z': '1' }, () => log('told')),
    );
    tried(log, 'no link', () => res.writeEarlyHints({ link: 'nope' }));
    const write = res.writeInformation?.bind(res);
    if (write !== undefined) {
      tried(log, '104', () => write(104, { 'x-y': '1' }, () => log('told')));
      for (const status of [101, 200]) tried(log, String(status), () => write(status));
      tried(log, 'a bad name', () => write(105, { 'x y': '1' }));
      tried(log, 'a list', () => write(105, ['a', 'b']));
    }
    res.end('x');
  },
  'destroyed, and then written': (_req, res, log) => {
    res.destroy();
    res.destroy(new Error('too late'));
    tried(log, 'write', () => res.write('x', (error) => log('written', codeOf(error))));
    log(res.destroyed, res.errored, res.writable, res.closed);
    res.on('close', () => log('closed', res.closed));
  },
  'destroyed with an error': (_req, res, log) => {
    res.on('error', (error) => log('error', error.message));
    res.on('close', () => log('closed', res.errored?.message));
    res.destroy(new Error('boom'));
  },
  'a status without a body': (_req, res, log) => {
    res.statusCode = 204;
    log(res._hasBody);
    tried(log, 'write', () => res.write('x'));
    res.end('y');
    log(res._hasBody, res.chunkedEncoding);
  },
  'chunked, on a connection that ends': (_req, res, log) => {
    res.write('x');
    log(res.chunkedEncoding, res._hasBody, res.useChunkedEncodingByDefault, res.shouldKeepAlive);
    res.end();
  },
  'with a length': (_req, res, log) => {
    res.setHeader('content-length', 1);
    log(res._contentLength);
    res.write('x');
    log(res.chunkedEncoding, res.headersSent, res._contentLength);
    res.end();
  },
  'trailers that are none': (_req, res, log) => {
    tried(log, 'name', () => res.addTrailers({ 'a b': '1' }));
    tried(log, 'value', () => res.addTrailers({ a: '\n' }));
    res.end('x');
  },
  'a head twice': (_req, res, log) => {
    res.writeHead(200);
    tried(log, 'writeHead', () => res.writeHead(200));
    res.end();
    tried(log, 'again', () => res.writeHead(200));
    tried(log, 'setHeader', () => res.setHeader('a', 'b'));
    tried(log, 'flushHeaders', () => res.flushHeaders());
    res.on('error', (error) => log('error', codeOf(error)));
    tried(log, 'write', () => res.write('x', (error) => log('written', codeOf(error))));
  },
};

/** Those of req.signal, where the running Node has it. */
const signals: Record<string, (req: http.IncomingMessage, res: Response) => void> = {
  'of a response that finishes': (_req, res) => res.end('x'),
  'of a response that is destroyed': (_req, res) => res.destroy(),
  'of a request that is destroyed': (req) => req.destroy(),
};
for (const [name, act] of Object.entries(signals)) {
  handlers[`req.signal ${name}`] = (req, res, log) => {
    const signal = (req as { signal?: AbortSignal }).signal;
    if (signal === undefined) {
      res.end('this Node has none');
      return;
    }
    log((req as { signal?: AbortSignal }).signal === signal, signal.aborted);
    res.on('close', () => log('closed', signal.aborted));
    act(req, res);
  };
}

describe('a response', () => {
  for (const [name, handler] of Object.entries(handlers)) {
    compare(name, async (make) => {
      const seen: unknown[] = [];
      const ends: Promise<unknown>[] = [];
      const server = make((req, res) => {
        ends.push(new Promise((resolve) => res.once('close', resolve)));
        handler(req, res as Response, (...words) => seen.push(words.join(' ')));
      });
      const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
      let text = '';
      client.on('data', (data: Buffer) => {
        text += data.toString('latin1');
      });
      client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await new Promise((resolve) => client.once('close', resolve));
      await Promise.all(ends);
      await closed(server);
      return [seen, text.replace(/^(date): .*$/gim, '$1: now')];
    });
  }
});

describe('a server that has closed', () => {
  compare('says so to whoever closes it again', async (make) => {
    const server = make((_req, res) => res.end());
    const seen: unknown[] = [];
    await listening(server);
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]().catch((error: unknown) => seen.push(codeOf(error)));
    await new Promise<void>((resolve) => {
      server.close((error) => {
        seen.push(codeOf(error));
        resolve();
      });
    });
    return seen;
  });

  compare('also when a connection has just been answered', async (make) => {
    const server = make((_req, res) => res.end('last'));
    const client = connect(await listening(server), '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    client.resume();
    await once(client, 'close');
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return new Promise((resolve) => server.close((error) => resolve(codeOf(error))));
  });
});
