// What node:http keeps of a head and shows of it, and how it writes it.
import type * as http from 'node:http';
import { describe } from 'node:test';
import { compare, exchangeBytes, serving } from '../helpers/compare-servers.js';

type Listener = (req: http.IncomingMessage, res: http.ServerResponse, log: (text: unknown) => void) => void;

const requests = {
  GET: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  HEAD: 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
};

/** What a listener has told, and what the client got. */
function same(name: string, listener: Listener, method: keyof typeof requests = 'GET'): void {
  compare(`${name} (${method})`, async (make) => {
    const lines: unknown[] = [];
    const log = (text: unknown): void => {
      lines.push(typeof text === 'string' ? text.replace(/^Date: .*$/m, 'Date: then') : text);
    };
    const bytes = await serving(
      make,
      (req, res) => listener(req, res, log),
      (port) => exchangeBytes(port, requests[method]),
    );
    return { lines, bytes };
  });
}

/** The code of what a call throws. */
function thrown(call: () => unknown): string {
  try {
    call();
    return 'nothing';
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code}: ${(error as Error).message}`;
  }
}

const shown = [
  '_header',
  '_headerSent',
  '_contentLength',
  '_defaultKeepAlive',
  '_expect_continue',
  '_hasBody',
  '_last',
  '_removedConnection',
  '_removedContLen',
  '_removedTE',
  '_sent100',
  '_trailer',
  'chunkedEncoding',
  'headersSent',
  'maxRequestsOnConnectionReached',
  'shouldKeepAlive',
  'statusMessage',
  'useChunkedEncodingByDefault',
  'writableEnded',
];

function show(res: http.ServerResponse): string {
  return shown
    .map((name) => `${name}: ${String((res as unknown as Record<string, unknown>)[name])}`)
    .join('\n');
}

describe('what is shown of a response', () => {
  const ways: Record<string, (res: http.ServerResponse) => void> = {
    nothing: () => {},
    'end()': (res) => res.end(),
    'end(text)': (res) => res.end('hello'),
    'write()': (res) => res.write('hello'),
    'flushHeaders()': (res) => res.flushHeaders(),
    'writeHead() with fields': (res) => res.writeHead(404, { 'X-One': '1', 'Content-Length': 5 }),
    'writeHead() with 304': (res) => res.writeHead(304, 'Same'),
    'removed fields': (res) => {
      for (const name of ['connection', 'content-length', 'transfer-encoding', 'date'])
        res.removeHeader(name);
      res.end('hello');
    },
    'fields of its own': (res) => {
      res.setHeader('Keep-Alive', 'timeout=9');
      res.addTrailers({ 'X-T': ['a', 'b'] });
      res.write('hello');
    },
  };
  for (const [name, way] of Object.entries(ways)) {
    for (const method of Object.keys(requests) as (keyof typeof requests)[]) {
      // In HTTP/1.0 a response that ends with its head has a Content-Length here; see docs/server-behavior.md.
      if (method === 'HTTP/1.0' && ['nothing', 'end()', 'end(text)'].includes(name)) continue;
      same(
        `after ${name}`,
        (req, res, log) => {
          way(res);
          log(show(res));
          log(
            `${(req as { upgrade?: unknown }).upgrade} ${(req as { _consuming?: unknown })._consuming} ${'encrypted' in req.socket}`,
          );
          if (!res.writableEnded) res.end(name === 'writeHead() with fields' ? 'hello' : 'x');
        },
        method,
      );
    }
  }
});

describe('fields', () => {
  same('of a writeHead() alone are in the head only', (_req, res, log) => {
    res.writeHead(200, { 'X-One': '1' });
    log([res.getHeaderNames(), res.getHeader('x-one'), res.hasHeader('x-one')]);
    res.end();
  });

  same('are those that writeHead() has found in a list', (_req, res) => {
    const list = ['a=1', 'b=2'];
    res.writeHead(200, { 'Set-Cookie': list, 'Content-Length': 1 });
    list.push('c=3');
    res.end('x');
  });

  same('are those that writeHead() has found in a list, beside others', (_req, res, log) => {
    const list = ['a=1', 'b=2'];
    res.setHeader('X-One', list);
    list[0] = 'a=0';
    res.writeHead(200, { 'Content-Length': 1 });
    list.push('c=3');
    log((res.getHeader('x-one') as string[]).length === list.length ? 'all' : 'not all');
    res.end('x');
  });

  same('of a writeHead() go through setHeader() when there are others', (_req, res, log) => {
    const { setHeader } = res;
    res.setHeader('X-One', '1');
    res.setHeader = function (name, value) {
      log(name);
      return setHeader.call(this, name, value);
    };
    res.writeHead(200, { 'X-Two': '2' }).end();
  });

  same('are sent whatever their value was', (_req, res, log) => {
    log(thrown(() => res.setHeader('X-Null', null as unknown as string)));
    log(thrown(() => res.setHeader('X-List', [undefined] as unknown as string[])));
    log(thrown(() => res.setHeader('X-Lines', ['a\nb'])));
    log(thrown(() => res.setHeader('X-Nothing', undefined as unknown as string)));
    log(thrown(() => res.writeHead(200, ['X-Pair', undefined as unknown as string])));
    res.end();
  });

  const first: Record<string, (res: http.ServerResponse) => void> = {
    'with text': (res) => res.end('fünf'),
    'with bytes': (res) => res.end(Buffer.from('fünf')),
    'with text in another encoding': (res) => res.end('fünf', 'latin1'),
    'with nothing': (res) => res.end(),
    'with chunks': (res) => {
      res.write('fünf');
      res.end();
    },
    'before a body': (res) => {
      res.flushHeaders();
      res.end('fünf');
    },
    'with text of a known length': (res) => {
      res.setHeader('Content-Length', 5);
      res.write('fünf');
      res.end();
    },
  };
  for (const [name, send] of Object.entries(first)) {
    same(`beyond ASCII, sent ${name}`, (_req, res) => {
      res.setHeader('X-Name', 'Zoë');
      res.statusMessage = 'Schön';
      send(res);
    });
  }
});

describe('a body', () => {
  same('that cannot be sends no head before the end', (_req, res, log) => {
    res.writeHead(304);
    log(res.write('hello', () => log('told')));
    log((res as { _headerSent?: boolean })._headerSent);
    res.end('x');
  });

  same(
    'of HEAD sends no head before the end',
    (_req, res, log) => {
      log(res.write('hello'));
      log((res as { _headerSent?: boolean })._headerSent);
      res.end();
    },
    'HEAD',
  );

  same('in an encoding that there is not', (_req, res, log) => {
    log(thrown(() => res.write('hello', 5 as unknown as BufferEncoding)));
    res.destroy();
  });
});

describe('trailers', () => {
  same('that are announced make chunks of an empty response', (_req, res) => {
    res.setHeader('Trailer', 'X-T');
    res.end();
  });

  same('that cannot be sent', (_req, res, log) => {
    res.setHeader('Trailer', 'X-T');
    log(thrown(() => res.writeHead(204)));
    log(thrown(() => res.writeHead(200, { 'Content-Length': 3 })));
    res.removeHeader('Trailer');
    res.end();
  });

  same('that are not valid', (_req, res, log) => {
    log(thrown(() => res.addTrailers({ 'a b': '1' })));
    log(thrown(() => res.addTrailers([['X-T', 'a\r\nb']])));
    log((res as { _trailer?: string })._trailer);
    res.end();
  });
});
