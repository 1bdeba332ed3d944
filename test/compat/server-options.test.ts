import { once } from 'node:events';
import * as http from 'node:http';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { closed, compare, exchangeBytes, get, listening, type Make } from '../helpers/compare-servers.js';

// Options and properties of node:http's servers, and fields that a response does not want.

/** Ask a server made with options. */
async function asked(
  make: Make,
  options: http.ServerOptions,
  listener: http.RequestListener,
  ...requests: string[]
): Promise<string[]> {
  const server = make(options, listener);
  const port = await listening(server);
  const answers: string[] = [];
  for (const request of requests) answers.push(await exchangeBytes(port, request));
  await closed(server);
  return answers;
}

const plain = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

class Request extends http.IncomingMessage {
  readonly made = 'own';
  get agent(): string {
    return `${this.made} ${this.url} ${this.headers['x-name']}`;
  }
}

class Response extends http.ServerResponse {
  status(code: number): this {
    this.statusCode = code;
    return this;
  }
}

describe('createServer: options', () => {
  compare('message classes of the application', async (make) => {
    let body = '';
    const options = { IncomingMessage: Request, ServerResponse: Response };
    const listener = (req: http.IncomingMessage, res: http.ServerResponse) => {
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => (res as Response).status(201).end(`${(req as Request).agent} ${body}`));
    };
    const text =
      'POST /x HTTP/1.1\r\nHost: a\r\nX-Name: n\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi';
    return (await asked(make, options as http.ServerOptions, listener, text, text)).concat(body);
  });

  compare('requireHostHeader, and Host missing where it is required', async (make) => {
    const hostless = 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n';
    const seen: unknown[] = [];
    for (const requireHostHeader of [true, false]) {
      seen.push(await asked(make, { requireHostHeader }, (_req, res) => res.end('ok'), hostless));
    }
    return seen;
  });

  compare('uniqueHeaders, and cookies in one field', async (make) =>
    asked(
      make,
      { uniqueHeaders: ['X-One', 'x-two'] } as http.ServerOptions,
      (_req, res) => {
        res.setHeader('x-one', ['a', 'b']);
        res.setHeader('x-many', ['a', 'b']);
        res.setHeader('cookie', ['a', 'b']);
        res.end('ok');
      },
      plain,
    ),
  );

  compare('rejectNonStandardBodyWrites', async (make) => {
    const codes: unknown[] = [];
    const listener: http.RequestListener = (_req, res) => {
      res.statusCode = 204;
      try {
        res.end('body');
      } catch (error) {
        codes.push((error as { code?: unknown }).code);
        res.end();
      }
    };
    const answers = await asked(
      make,
      { rejectNonStandardBodyWrites: true } as http.ServerOptions,
      listener,
      plain,
    );
    return [...answers, ...codes];
  });

  compare('maxHeadersCount', async (make) => {
    const server = make((req, res) =>
      res.end(JSON.stringify([req.headers, req.headersDistinct, req.rawHeaders])),
    );
    server.maxHeadersCount = 2;
    const port = await listening(server);
    const answer = await get(port, '/', 'X-One: 1', 'X-Two: 2');
    await closed(server);
    return answer;
  });

  compare('more fields than are let through, and as many as there are', async (make) => {
    const fields = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: ${i}`);
    const seen: string[] = [];
    for (const [maxHeadersCount, count] of [
      [null, 998],
      [null, 1100],
      [0, 1500],
      [20, 18],
      [20, 19],
    ] as const) {
      const server = make((req, res) => res.end(String(Object.keys(req.headers).length)));
      server.maxHeadersCount = maxHeadersCount;
      const port = await listening(server);
      seen.push(await get(port, '/', ...fields(count)));
      await closed(server);
    }
    return seen;
  });

  compare('chunk extensions of 10 and 20 KiB', async (make) => {
    const bodies = [10, 20].map((kib) => `3;x=${'y'.repeat(1024 * kib)}\r\nabc\r\n0\r\n\r\n`);
    const requests = bodies.map(
      (body) =>
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    );
    return asked(make, {}, (req, res) => req.resume().on('end', () => res.end('ok')), ...requests);
  });

  compare('the properties of time-outs, and what is told of them', async (make) => {
    const server = make({ keepAliveTimeout: 7000, connectionsCheckingInterval: 5000 }, (_req, res) =>
      res.end(),
    );
    const { keepAliveTimeoutBuffer } = server as { keepAliveTimeoutBuffer?: number };
    const port = await listening(server);
    const answer = await exchangeBytes(port, `GET / HTTP/1.1\r\nHost: a\r\n\r\n${plain}`);
    await closed(server);
    const interval = (server as { connectionsCheckingInterval?: number }).connectionsCheckingInterval;
    return [answer, keepAliveTimeoutBuffer, 'keepAliveTimeoutBuffer' in server, interval];
  });

  compare('a head as long as maxHeaderSize lets it be', async (make) => {
    const lengths = [200, 230, 240, 260];
    const requests = lengths.map(
      (n) => `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${'x'.repeat(n)}\r\n\r\n`,
    );
    return (await asked(make, { maxHeaderSize: 256 }, (_req, res) => res.end('ok'), ...requests)).map(
      (each) => each.slice(0, 12),
    );
  });

  compare('keepAliveTimeout 0 keeps connections without end', async (make) => {
    const server = make({ keepAliveTimeout: 0 }, (_req, res) => res.end('ok'));
    const port = await listening(server);
    const client = connect(port, '127.0.0.1');
    const answers: string[] = [];
    for (const _ of [1, 2]) {
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const [data] = (await once(client, 'data')) as [Buffer];
      answers.push(data.toString().replace(/^(date): .*$/im, '$1: now'));
    }
    client.destroy();
    await closed(server);
    return answers;
  });
});

describe('createServer: fields that are not wanted', () => {
  for (const name of ['Connection', 'Content-Length', 'Transfer-Encoding', 'Date']) {
    for (const streamed of [false, true]) {
      compare(`removeHeader('${name}'), ${streamed ? 'streamed' : 'in one'}`, async (make) =>
        asked(
          make,
          {},
          (_req, res) => {
            res.removeHeader(name);
            if (streamed) res.write('o');
            res.end('k');
          },
          plain,
        ),
      );
    }
  }

  compare('shouldKeepAlive, and a connection field of its own', async (make) => {
    const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    const answers = [
      ...(await asked(
        make,
        {},
        (_req, res) => Object.assign(res, { shouldKeepAlive: false }).end('ok'),
        request,
      )),
      ...(await asked(make, {}, (_req, res) => res.setHeader('connection', 'close').end('ok'), request)),
    ];
    return answers;
  });

  compare('req ends and closes behind a response that came first', async (make) => {
    const events: string[] = [];
    let done: Promise<unknown> | undefined;
    const server = make((req, res) => {
      res.end('ok');
      for (const name of ['finish', 'close']) res.on(name, () => events.push(`res ${name}`));
      for (const name of ['end', 'close']) req.on(name, () => events.push(`req ${name}`));
      done = once(req, 'close');
    });
    const port = await listening(server);
    await get(port);
    await done;
    await closed(server);
    return events;
  });
});
