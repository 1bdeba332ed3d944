// What the suites of Express, supertest, engine.io, @hono/node-server, Fastify and @fastify/static found.
import { AsyncLocalStorage, AsyncResource, createHook, executionAsyncId } from 'node:async_hooks';
import { once } from 'node:events';
import * as http from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  closed,
  compare,
  exchangeBytes,
  get,
  listening,
  type Make,
  serving,
} from '../helpers/compare-servers.js';

/** What a listener answers to a request. */
async function answer(make: Make, request: string, listener: http.RequestListener): Promise<string> {
  const server = make(listener);
  const bytes = await exchangeBytes(await listening(server), request);
  await closed(server);
  return bytes;
}

const last = 'Connection: close\r\n\r\n';

for (const host of ['http://example.com', 'a b', '']) {
  compare(`the Host ${JSON.stringify(host)} reaches the program`, (make) =>
    answer(make, `GET / HTTP/1.1\r\nHost: ${host}\r\n${last}`, (req, res) => res.end(req.headers.host)),
  );
}

compare('101 is a final status where nobody switches', (make) =>
  answer(make, `GET / HTTP/1.1\r\nHost: a\r\n${last}`, (_req, res) => res.writeHead(101).end()),
);

compare("methods of Node's prototype see the fields of a response", (make) =>
  answer(make, `GET / HTTP/1.1\r\nHost: a\r\n${last}`, (_req, res) => {
    const node = http.OutgoingMessage.prototype;
    res.setHeader('X-One', '1');
    node.setHeader.call(res, 'Set-Cookie', ['a=1', 'b=2']);
    node.setHeader.call(res, 'X-Two', '2');
    node.removeHeader.call(res, 'x-one');
    res.end(
      JSON.stringify([node.getHeaders.call(res), node.getHeaderNames.call(res), res.getHeader('x-two')]),
    );
  }),
);

compare('two spellings of a name in one writeHead are two fields', (make) =>
  answer(make, `GET / HTTP/1.1\r\nHost: a\r\n${last}`, (_req, res) =>
    res.writeHead(200, { 'set-cookie': 'a=1', 'Set-Cookie': 'b=2', 'content-length': 0 }).end(),
  ).then((bytes) => bytes.toLowerCase()),
);

compare('close() and listen() at once: it listens, and how often it has closed', async (make) => {
  const server = make((_req, res) => res.end('again'));
  const port = await listening(server);
  let closes = 0;
  server.on('close', () => closes++);
  server.close();
  server.listen(port);
  await once(server, 'listening');
  const bytes = await exchangeBytes(port, `GET / HTTP/1.1\r\nHost: a\r\n${last}`);
  const early = closes;
  await closed(server);
  return [bytes, early, closes];
});

compare('what came of a body can be read when the client has left', async (make) => {
  const seen = new Promise((resolve) => {
    const server = make(async (req) => {
      while (!req.complete) await new Promise(setImmediate);
      req.once('aborted', () => resolve([String(req.read()), req.destroyed, server.close().listening]));
      socket.destroy();
    });
    const socket = new Socket().on('error', () => {});
    server.listen(0, '127.0.0.1', () => {
      socket.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
    });
  });
  return seen;
});

compare(
  'limits that are no numbers, a port without a value, a handle, idle connections at close()',
  async (make) => {
    const server = make((_req, res) => res.end());
    Object.assign(server, {
      keepAliveTimeout: undefined,
      headersTimeout: undefined,
      requestTimeout: undefined,
    });
    let closes = 0;
    const { closeIdleConnections } = server;
    server.closeIdleConnections = () => {
      closes++;
      closeIdleConnections.call(server);
    };
    server.listen({ port: undefined, host: '127.0.0.1' });
    await once(server, 'listening');
    const hasHandle = (): boolean => Boolean((server as unknown as { _handle: unknown })._handle);
    const handles = [hasHandle()];
    server.close();
    handles.push(hasHandle());
    await once(server, 'close');
    return [handles, closes];
  },
);

compare('the socket is destroyed when the response to a client that left closes', async (make) => {
  const seen: unknown[] = [];
  const server = make((req, res) => {
    const { socket } = req;
    const look = (event: string) =>
      seen.push([event, socket.destroyed, socket.readyState, socket.writable, req.destroyed]);
    req.on('aborted', () => look('aborted'));
    res.on('close', () => look('close'));
    socket.on('close', () => server.emit('seen'));
    res.flushHeaders();
  });
  const client = connect({ port: await listening(server), host: '127.0.0.1' });
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  client.once('data', () => client.destroy());
  await once(server, 'seen');
  await closed(server);
  return seen;
});

compare('close() leaves the connection that is in use to the keep-alive time-out', async (make) => {
  const server = make((req, res) => {
    if (req.url === '/first') {
      res.on('finish', () => server.emit('answered'));
      server.close();
    }
    res.end(req.url);
  });
  const port = await listening(server);
  const client = connect({ port, host: '127.0.0.1' });
  const request = (path: string) => client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  let received = '';
  client.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  request('/first');
  await once(server, 'answered');
  const [refused] = await once(connect({ port, host: '127.0.0.1' }), 'error');
  request('/second');
  while (!received.endsWith('/second')) await once(client, 'data');
  server.closeIdleConnections();
  await once(server, 'close');
  return [received.replace(/^(date): .*$/gim, '$1: now'), (refused as NodeJS.ErrnoException).code];
});

compare('an idle connection does not hold the request that it has brought', async (make) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held: WeakRef<http.IncomingMessage>[] = [];
  const server = make((req, res) => {
    held.push(new WeakRef(req));
    res.end(String(req.socket.remotePort !== undefined));
  });
  const client = connect({ port: await listening(server), host: '127.0.0.1' });
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(client, 'data');
  // A WeakRef holds what it refers to until the end of its job.
  await new Promise(setImmediate);
  collect();
  const isHeld = held[0]?.deref() !== undefined;
  client.destroy();
  await closed(server);
  return isHeld;
});

compare('a request that was read to its end is not held by its connection', async (make) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held: WeakRef<http.IncomingMessage>[] = [];
  const server = make((req, res) => {
    held.push(new WeakRef(req));
    req.resume();
    req.once('end', () => setImmediate(() => res.end('read')));
  });
  const client = connect({ port: await listening(server), host: '127.0.0.1' });
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
  await once(client, 'data');
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  collect();
  const isHeld = held[0]?.deref() !== undefined;
  client.destroy();
  await closed(server);
  return isHeld;
});

compare('a response that somebody holds does not hold its body', async (make) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const responses: http.ServerResponse[] = [];
  const bodies: WeakRef<Buffer>[] = [];
  const server = make((_req, res) => {
    const body = Buffer.alloc(2000, 'x');
    responses.push(res);
    bodies.push(new WeakRef(body));
    res.end(body);
  });
  const bytes = await get(await listening(server));
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  collect();
  const isHeld = bodies[0]?.deref() !== undefined;
  await closed(server);
  const [response] = responses as unknown as { _contentLength: number }[];
  return [isHeld, bytes.length, response?._contentLength];
});

compare('a request belongs to the async context in which its server began to listen', async (make) => {
  const triggers = new Map<number, number>();
  const hook = createHook({ init: (id, _type, trigger) => triggers.set(id, trigger) }).enable();
  const isBelow = (id: number, above: number): boolean => {
    for (let at: number | undefined = id; at !== undefined; at = triggers.get(at))
      if (at === above) return true;
    return false;
  };
  const storage = new AsyncLocalStorage<string>();
  const servers = ['one', 'two'].map((name) => {
    const context = storage.run(name, () => new AsyncResource('LISTENS'));
    const server = make((_req, res) =>
      res.end(`${storage.getStore()} ${isBelow(executionAsyncId(), context.asyncId())}`),
    );
    server.on('connection', () => seen.push(storage.getStore()));
    return { server, port: context.runInAsyncScope(listening, undefined, server) };
  });
  const seen: unknown[] = [];
  for (const { port } of servers) seen.push(await get(await port));
  for (const { server } of servers) await closed(server);
  hook.disable();
  return seen;
});

compare('connections that come at once, of which the first has the server closed', async (make) => {
  const server = make();
  const port = await listening(server);
  server.on('connection', (socket) => {
    server.close();
    socket.destroy();
  });
  for (let n = 0; n < 8; n++) connect({ port, host: '127.0.0.1' }).on('error', () => {});
  await once(server, 'close');
  return server.listening;
});

compare('a fragment in a target is part of the url', (make) =>
  serving(
    make,
    (req, res) => void res.end(req.url),
    async (port) => [
      await get(port, '/path#one'),
      await get(port, '/?a#two'),
      await get(port, 'http://a#three'),
    ],
  ),
);

compare(
  'ticks and promises of one request run before the handler of the next',
  async (make) => {
    let begun = 0;
    const counts: number[] = [];
    const server = make((_req, res) => {
      begun++;
      process.nextTick(() => counts.push(begun));
      void Promise.resolve().then(() => counts.push(begun));
      res.end();
    });
    const port = await listening(server);
    const clients = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    // All of them at once, so that they come in one turn.
    for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await Promise.all(clients.map((client) => once(client, 'data')));
    for (const client of clients) client.destroy();
    await closed(server);
    return counts;
  },
  [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8],
);

// Fastify's: a server that closes within a handler answers the request that came together with it.
compare('what a long handler puts off runs when the requests behind it are there', (make) => {
  const order: string[] = [];
  const listener: http.RequestListener = ({ url }, res) => {
    order.push(`${url}`);
    void Promise.resolve().then(() => order.push(`job of ${url}`));
    process.nextTick(() => order.push(`tick of ${url}`));
    // The handler of the first one holds the process for longer than the core would wait.
    const until = performance.now() + 20;
    while (url === '/1' && performance.now() < until);
    setImmediate(() => res.end(url));
  };
  const request = (path: string, field = 'X: 1') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`;
  const requests = request('/1') + request('/2') + request('/3', 'Connection: close');
  return serving(make, listener, async (port) => [await exchangeBytes(port, requests), order]);
});

// Fastify's as well: `reply.send()` and `close()` in one handler that is async.
type Ask = (close: () => void) => void;
const moments: readonly (readonly [name: string, ask: Ask])[] = [
  ['within the handler', (close) => close()],
  ['in a promise job of it', (close) => void Promise.resolve().then(close)],
  ['in a tick of it', (close) => process.nextTick(close)],
];
for (const [name, ask] of moments) {
  for (const requests of [1, 2]) {
    compare(`closeIdleConnections() ${name}, behind ${requests} answered`, async (make) => {
      const server = make(({ url }, res) => {
        res.end(url);
        if (url === `/${requests}`) ask(() => server.closeIdleConnections());
      });
      const client = connect(await listening(server), '127.0.0.1');
      let bytes = '';
      const answered = new Promise<void>((resolve) => {
        client.setEncoding('latin1').on('data', (text: string) => {
          bytes += text;
          if (bytes.endsWith(`\r\n\r\n/${requests}`)) resolve();
        });
      });
      for (let i = 1; i <= requests; i++) client.write(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await answered;
      // A connection that is left answers once more.
      client.on('error', () => {}).write(`GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      await once(client, 'close');
      await closed(server);
      return bytes.includes('/last');
    });
  }
}
