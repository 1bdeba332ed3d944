import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { Client, fetch as undiciFetch, request as undiciRequest } from 'undici';
import {
  closed,
  compare,
  exchangeBytes,
  get,
  listening,
  type Make,
  serving,
} from '../helpers/compare-servers.js';
import { untyped } from './apps/application.js';

interface HttpProxy {
  web(
    req: http.IncomingMessage,
    res: http.ServerResponse,
    options?: object,
    onError?: (e: Error) => void,
  ): void;
  ws(req: http.IncomingMessage, socket: unknown, head: unknown): void;
}
const createProxy = untyped<{ createProxyServer(options: object): HttpProxy }>(
  'http-proxy',
).createProxyServer;

/** What stands behind the proxies. */
const upstream: http.RequestListener = (req, res) => {
  if (req.url === '/slow') {
    res.write('one ');
    setImmediate(() => res.end('two'));
    return;
  }
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const { host: _host, connection, 'x-forwarded-port': _port, ...headers } = req.headers;
    const body = Buffer.concat(chunks).toString().length;
    const text = JSON.stringify([req.method, req.url, body, connection, headers]);
    res.writeHead(req.url === '/missing' ? 404 : 200, [
      ...['Content-Type', 'application/json', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
      ...['X-Case', 'Kept', 'Content-Length', String(text.length)],
    ]);
    res.end(text);
  });
};

const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const chunked =
  'PUT /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';

/** Ask a proxy for all of it. Where one chunk ends and the next begins is left out: Node 26 joins small ones. */
async function asking(port: number): Promise<string[]> {
  const answers = [
    await get(port, '/path?q=1', 'X-Ask: yes', 'X-Ask: twice'),
    await get(port, '/slow'),
    await get(port, '/missing'),
    await exchangeBytes(port, post('/post', 'x'.repeat(200_000))),
    await exchangeBytes(port, chunked),
    await exchangeBytes(port, 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
  ];
  return answers;
}

/** Make a proxy's listener from the address behind it. */
type Proxy = (target: string) => http.RequestListener;

const proxies: Readonly<Record<string, Proxy>> = {
  'http-proxy': (target) => {
    const proxy = createProxy({ target, xfwd: true });
    return (req, res) => proxy.web(req, res, {}, () => res.writeHead(502).end('bad gateway'));
  },
  'http-proxy-middleware': (target) => {
    const proxy = createProxyMiddleware<http.IncomingMessage, http.ServerResponse>({
      target,
      changeOrigin: true,
      on: { proxyRes: (_from, _req, res) => res.setHeader('X-Proxied', '1') },
    });
    return (req, res) => void proxy(req, res, () => res.end('not proxied'));
  },
  'http.request and pipe': (target) => (req, res) => {
    const { method, headers } = req;
    const options = { method: method ?? '', headers, agent: false };
    const outgoing = http.request(new URL(req.url ?? '', target), options, (answer) => {
      res.writeHead(answer.statusCode ?? 0, answer.statusMessage, answer.rawHeaders);
      answer.pipe(res);
    });
    outgoing.on('error', () => {});
    res.on('close', () => outgoing.destroy());
    req.pipe(outgoing);
  },
  'undici.request': (target) => async (req, res) => {
    const { host: _host, connection: _connection, 'transfer-encoding': _coding, ...headers } = req.headers;
    const answer = await undiciRequest(new URL(req.url ?? '', target), {
      method: req.method as 'GET',
      headers,
      body: req.method === 'GET' || req.method === 'HEAD' ? null : req,
    });
    res.statusCode = answer.statusCode;
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value !== undefined && name !== 'date' && name !== 'connection') res.setHeader(name, value);
    }
    answer.body.pipe(res);
  },
};

for (const [name, proxy] of Object.entries(proxies)) {
  describe(`proxy: ${name}`, () => {
    compare('before node:http', (make) =>
      serving(http.createServer, upstream, (behind) =>
        serving(make, proxy(`http://127.0.0.1:${behind}`), asking),
      ),
    );
    compare('before a server of the same kind', (make) =>
      serving(make, upstream, (behind) => serving(make, proxy(`http://127.0.0.1:${behind}`), asking)),
    );
  });
}

describe('proxy', () => {
  const { 'http-proxy': proxy, 'http.request and pipe': piping } = proxies as Record<string, Proxy> as {
    'http-proxy': Proxy;
    'http.request and pipe': Proxy;
  };

  compare('nobody behind it', async (make) => {
    const gone = http.createServer();
    const port = await listening(gone);
    await closed(gone);
    const answer = await serving(make, proxy(`http://127.0.0.1:${port}`), (front) => get(front));
    assert.match(answer, /^HTTP\/1.1 502 /);
    return answer;
  });

  compare('a client that goes away takes its request behind the proxy along', async (make: Make) => {
    let tell: (how: unknown) => void = () => {};
    const gone = new Promise((resolve) => {
      tell = resolve;
    });
    const reached: (() => void)[] = [];
    const behind: http.RequestListener = (_req, res) => {
      res.on('close', () => tell([res.writableEnded, res.destroyed]));
      for (const go of reached) go();
    };
    return serving(http.createServer, behind, (port) =>
      serving(make, piping(`http://127.0.0.1:${port}`), async (front) => {
        const socket = connect({ port: front, host: '127.0.0.1' });
        const asked = new Promise<void>((resolve) => reached.push(resolve));
        socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await asked;
        socket.destroy();
        return gone;
      }),
    );
  });

  compare('an upgrade', async (make) => {
    const behind = http.createServer();
    behind.on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    const port = await listening(behind);
    const proxy = createProxy({ target: `http://127.0.0.1:${port}`, ws: true });
    const front = make();
    front.on('upgrade', (req, socket, head) => proxy.ws(req, socket, head));
    const socket = connect({ port: await listening(front), host: '127.0.0.1' });
    socket.setEncoding('latin1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    let received = '';
    while (!received.endsWith('\r\n\r\n')) received += (await once(socket, 'data'))[0];
    socket.write('echoed');
    while (!received.endsWith('echoed')) received += (await once(socket, 'data'))[0];
    const ended = once(socket, 'end');
    socket.end();
    await ended;
    await closed(front);
    await closed(behind);
    return received;
  });
});

describe('clients of undici', () => {
  compare('pipelining', (make) =>
    serving(make, upstream, async (port) => {
      const client = new Client(`http://127.0.0.1:${port}`, { pipelining: 10 });
      const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
      const answers = await Promise.all(
        paths.map(async (path) => {
          const { statusCode, headers, body } = await client.request({ path, method: 'GET' });
          const { date: _date, ...kept } = headers;
          return [statusCode, kept, await body.text()];
        }),
      );
      await client.close();
      return answers;
    }),
  );
  compare('fetch with a stream', (make) =>
    serving(make, upstream, async (port) => {
      const body = new Blob(['a'.repeat(100_000)]).stream();
      const response = await undiciFetch(`http://127.0.0.1:${port}/stream`, {
        method: 'POST',
        body,
        duplex: 'half',
      });
      const fields = [...response.headers].filter(([name]) => name !== 'date');
      return [response.status, fields, await response.text()];
    }),
  );
});
