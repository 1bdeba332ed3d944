import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describe } from 'node:test';
import { compare, exchangeBytes, get, serving } from '../helpers/compare-servers.js';

/** What `action` throws: code and message. */
function thrown(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    return `${code}: ${message}`;
  }
}

/** A listener on both servers; its response is compared byte for byte. */
function answers(name: string, listener: RequestListener, ...fields: string[]): void {
  compare(name, (make) => serving(make, listener, (port) => get(port, '/path?q=1', ...fields)));
}

type Response = ServerResponse<IncomingMessage>;

describe('responses, byte for byte', () => {
  const bodies: [string, (res: Response) => unknown][] = [
    ['end with text', (res) => res.end('text')],
    ['end with bytes', (res) => res.end(Buffer.from('bytes'))],
    ['end with an encoding', (res) => res.end('616263', 'hex')],
    ['end with nothing', (res) => res.end()],
    ['writeHead and end with nothing', (res) => res.writeHead(302, { location: '/' }).end()],
    [
      'writeHead of one that middleware has put in its place',
      (res) => {
        const { writeHead } = res;
        res.writeHead = function (this: Response, ...args: unknown[]) {
          return writeHead.apply(this, args as never);
        } as never;
        res.end('x');
      },
    ],
    ['204 with a length of 0, as cors says it', (res) => res.writeHead(204, { 'Content-Length': '0' }).end()],
    [
      '_headers, _headerNames and _renderHeaders of old Nodes, where they still are',
      (res) => {
        const old = res as unknown as Record<string, unknown> & { _renderHeaders?: () => object };
        res.setHeader('Accept-Ranges', 'bytes');
        res.setHeader('X-List', ['1', '2']);
        const seen = [old['_headers'], old['_headerNames'], old._renderHeaders?.()];
        old['_headers'] = { ...res.getHeaders(), 'X-New': 1 };
        old['_headerNames'] = { 'x-list': 'X-LIST' };
        res.end(JSON.stringify([...seen, old['_headers'], old['_headerNames'], res.getHeaderNames()]));
      },
    ],
    [
      'write and end',
      (res) => {
        res.write('one');
        res.end('two');
      },
    ],
    ['writeHead with an object', (res) => res.writeHead(201, { 'X-A': '1', 'x-b': ['2', '3'] }).end('x')],
    ['writeHead with a reason', (res) => res.writeHead(404, 'Gone Fishing', { 'X-A': 1 }).end('x')],
    ['writeHead with a flat list', (res) => res.writeHead(200, ['X-A', '1', 'X-A', '2'] as never).end('x')],
    [
      'writeHead over setHeader',
      (res) => {
        res.setHeader('X-A', '0');
        res.writeHead(200, { 'x-a': '1' }).end();
      },
    ],
    [
      'statusCode and statusMessage',
      (res) => {
        res.statusCode = 418;
        res.statusMessage = 'Pot';
        res.end();
      },
    ],
    [
      'writeHead, and a statusCode that comes too late',
      (res) => {
        res.writeHead(200);
        res.statusCode = 500;
        res.end('x');
      },
    ],
    [
      'set-cookie as a list',
      (res) => {
        res.setHeader('Set-Cookie', ['a=1', 'b=2']);
        res.end();
      },
    ],
    [
      'appendHeader',
      (res) => {
        res.appendHeader('X-A', '1');
        res.appendHeader('x-a', ['2', '3']);
        res.end();
      },
    ],
    [
      'setHeaders',
      (res) => {
        res.setHeaders(
          new Map([
            ['x-a', '1'],
            ['x-b', '2'],
          ]),
        );
        res.end();
      },
    ],
    [
      'removeHeader',
      (res) => {
        res.setHeader('X-A', '1');
        res.removeHeader('x-a');
        res.end();
      },
    ],
    [
      "content-length of one's own",
      (res) => {
        res.setHeader('Content-Length', 3);
        res.end('abc');
      },
    ],
    [
      'no date',
      (res) => {
        res.sendDate = false;
        res.end('x');
      },
    ],
    [
      '204 with a body',
      (res) => {
        res.statusCode = 204;
        res.end('x');
      },
    ],
    [
      '304',
      (res) => {
        res.statusCode = 304;
        res.end();
      },
    ],
    [
      'trailers',
      (res) => {
        res.writeHead(200, { Trailer: 'X-T' });
        res.write('a');
        res.addTrailers({ 'X-T': 'v' });
        res.end();
      },
    ],
    [
      'flushHeaders',
      (res) => {
        res.flushHeaders();
        res.end('x');
      },
    ],
    [
      'early hints',
      (res) => {
        res.writeEarlyHints({ link: '</a.css>; rel=preload' });
        res.end('x');
      },
    ],
    [
      '102',
      (res) => {
        res.writeProcessing();
        res.end('x');
      },
    ],
    [
      "keep-alive of one's own",
      (res) => {
        res.setHeader('Keep-Alive', 'timeout=9');
        res.end('x');
      },
    ],
  ];
  for (const [name, respond] of bodies) answers(name, (_req, res) => void respond(res));

  compare('keep-alive fields', (make) =>
    serving(
      make,
      (_req, res) => {
        res.setHeader('Keep-Alive', 'timeout=9');
        res.end('x');
      },
      (port) =>
        exchangeBytes(
          port,
          'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
          'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
        ),
    ),
  );

  const lengths: Record<string, RequestListener> = {
    'no length': (_req, res) => res.end('body'),
    'a length': (_req, res) => res.setHeader('Content-Length', 4).end('body'),
    'an empty body': (_req, res) => res.end(),
    'no body': (_req, res) => res.writeHead(204).end(),
    'a body in pieces': (_req, res) => {
      res.write('bo');
      res.end('dy');
    },
  };
  for (const [what, listener] of Object.entries(lengths)) {
    compare(`HTTP/1.0 that asks to keep the connection, answered with ${what}`, (make) =>
      serving(make, listener, async (port) => {
        const answers: string[] = [];
        for (const method of ['GET', 'HEAD']) {
          const asked = `${method} / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`;
          answers.push(await exchangeBytes(port, asked, `${method} / HTTP/1.0\r\n\r\n`));
        }
        return answers;
      }),
    );
  }

  compare('HTTP/1.0', (make) =>
    serving(
      make,
      (_req, res) => {
        res.write('x');
        res.end('y');
      },
      (port) => exchangeBytes(port, 'GET / HTTP/1.0\r\n\r\n'),
    ),
  );

  compare('HEAD', (make) =>
    serving(
      make,
      (_req, res) => void res.end('body'),
      (port) => exchangeBytes(port, 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    ),
  );
});

describe('requests', () => {
  answers(
    'fields and their joining',
    (req, res) => {
      const { method, url, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders } = req;
      const proto = Object.getPrototypeOf(req.headers) === Object.prototype;
      const facts = { method, url, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders };
      res.end(JSON.stringify({ ...facts, headers: req.headers, distinct: req.headersDistinct, proto }));
    },
    'X-A: 1',
    'x-a: 2',
    'Cookie: a=1',
    'Cookie: b=2',
    'Referer: one',
    'Referer: two',
    'constructor: c',
    'Set-Cookie: s=1',
  );

  compare('a body, flowing and by iteration, and trailers', (make) =>
    serving(
      make,
      async (req, res) => {
        let text = '';
        for await (const chunk of req.setEncoding('utf8')) text += chunk;
        res.end(JSON.stringify([text, req.trailers, req.rawTrailers, req.complete]));
      },
      (port) =>
        exchangeBytes(
          port,
          'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
          '3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n',
        ),
    ),
  );

  compare('events of a request and its response, in order', (make) => {
    const events: string[] = [];
    return serving(
      make,
      (req, res) => {
        req.on('end', () => events.push('req end')).on('close', () => events.push('req close'));
        for (const name of ['prefinish', 'finish', 'close']) res.on(name, () => events.push(`res ${name}`));
        req.resume().on('close', () => res.end('x'));
      },
      async (port, server) => {
        const asked = once(server, 'request');
        await get(port);
        const [, res] = (await asked) as [unknown, Response];
        if (!res.closed) await once(res, 'close');
        return events;
      },
    );
  });
});

describe('error codes', () => {
  const misuses: [string, (res: Response) => unknown][] = [
    [
      'setHeader after the head',
      (res) => {
        res.writeHead(200);
        res.setHeader('a', 'b');
      },
    ],
    [
      'appendHeader after the head',
      (res) => {
        res.writeHead(200);
        res.appendHeader('a', 'b');
      },
    ],
    [
      'removeHeader after the head',
      (res) => {
        res.writeHead(200);
        res.removeHeader('a');
      },
    ],
    [
      'writeHead twice',
      (res) => {
        res.writeHead(200);
        res.writeHead(200);
      },
    ],
    ['a name that is no token', (res) => res.setHeader('a b', 'c')],
    ['a value with a line break', (res) => res.setHeader('a', 'b\r\nc: d')],
    ['no value', (res) => res.setHeader('a', undefined as never)],
    ['no name', (res) => res.getHeader(undefined as never)],
    ['a status of 99', (res) => res.writeHead(99)],
    ['a status that is an object', (res) => res.writeHead({} as never)],
    ['a reason with a line break', (res) => res.writeHead(200, 'a\r\nb')],
    ['null written', (res) => res.write(null)],
    ['an object written', (res) => res.write({})],
    ['undefined written', (res) => res.write(undefined)],
    ['headers that are no map', (res) => res.setHeaders({ a: 'b' } as never)],
    ['early hints without a link', (res) => res.writeEarlyHints({ link: 'nonsense' })],
    [
      'more than the content-length',
      (res) => {
        res.strictContentLength = true;
        res.setHeader('content-length', 1);
        res.write('a');
        res.write('b');
      },
    ],
  ];
  for (const [name, misuse] of misuses) {
    compare(name, (make) =>
      serving(
        make,
        (_req, res) => {
          const what = thrown(() => misuse(res));
          res.destroy();
          seen = what;
        },
        async (port) => {
          await get(port);
          return seen;
        },
      ),
    );
  }
  let seen = '';

  compare('write after end', (make) => {
    const events: string[] = [];
    return serving(
      make,
      (_req, res) => {
        res.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code}`));
        res.end('x');
        res.write('y', (error) => events.push(`callback ${(error as NodeJS.ErrnoException | null)?.code}`));
        res.end('z', () => events.push('end'));
      },
      async (port) => {
        await get(port);
        return events;
      },
    );
  });
});
