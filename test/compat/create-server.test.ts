import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import { type AddressInfo, connect, Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createServer } from '../../lib/create-server.js';
import { closed, compare, exchangeBytes, get, listening, serving } from '../helpers/compare-servers.js';

/** Code of the error that `action` throws or rejects with. */
async function codeOf(action: () => unknown): Promise<unknown> {
  try {
    await action();
    return 'none';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('createServer: listening', () => {
  compare('every form of listen()', async (make) => {
    const path = join(tmpdir(), `chaussette-compat-${process.pid}.sock`);
    const forms: ((server: http.Server) => void)[] = [
      (server) => server.listen(),
      (server) => server.listen(0),
      (server) => server.listen(0, '127.0.0.1'),
      (server) => server.listen(0, '127.0.0.1', 16),
      (server) => server.listen({ port: 0, host: '::1' }),
      (server) => server.listen({ port: 0, host: 'localhost', backlog: 4 }),
      (server) => server.listen(path),
      (server) => server.listen({ path }),
    ];
    const seen: unknown[] = [];
    for (const form of forms) {
      const server = make();
      form(server);
      await once(server, 'listening');
      const address = server.address() as AddressInfo | string;
      seen.push(typeof address === 'string' ? address : { ...address, port: address.port > 0 });
      seen.push(server.listening);
      await closed(server);
      seen.push(server.address(), server.listening);
    }
    return seen;
  });

  compare('errors have the codes and the words of node', async (make) => {
    const other = make();
    const port = await listening(other);
    const server = make();
    const failed = once(server, 'error');
    server.listen(port, '127.0.0.1');
    const [error] = (await failed) as [NodeJS.ErrnoException & { address?: string; port?: number }];
    const { code, errno, syscall, address, message } = error;
    const seen: unknown[] = [{ code, errno, syscall, address, message: message.replace(`${port}`, 'N') }];
    seen.push(await codeOf(() => server.listen(70_000)));
    seen.push(await codeOf(() => other.listen(0)));
    seen.push(await codeOf(() => make().listen({} as never)));
    seen.push(await new Promise((resolve) => server.close((e) => resolve((e as { code?: string }).code))));
    await closed(other);
    return seen;
  });

  compare('close() waits for what is in flight, and calls back once', async (make) => {
    const order: string[] = [];
    let answer: (() => void) | undefined;
    const server = make((_req, res) => {
      answer = () => res.end('late');
    });
    const port = await listening(server);
    const response = get(port);
    await once(server, 'request');
    server.close(() => order.push('callback'));
    server.on('close', () => order.push('close'));
    order.push(`listening ${server.listening}`);
    answer?.();
    const body = (await response).split('\r\n\r\n')[1];
    if (!order.includes('close')) await once(server, 'close');
    return [body, ...order];
  });

  compare('closeIdleConnections, closeAllConnections, getConnections', async (make) => {
    const server = make((req, res) => {
      if (req.url === '/answer') res.end('answer');
    });
    const port = await listening(server);
    const count = () => new Promise((resolve) => server.getConnections((_e, n) => resolve(n)));
    const idle = connect(port, '127.0.0.1');
    const busy = connect(port, '127.0.0.1');
    busy.on('error', () => {});
    idle.write('GET /answer HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(idle, 'data');
    busy.write('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(server, 'request');
    const seen = [await count()];
    server.closeIdleConnections();
    await once(idle.resume(), 'end');
    idle.destroy();
    const gone = once(busy, 'close');
    server.closeAllConnections();
    await gone;
    await closed(server);
    seen.push(await count());
    return seen;
  });

  compare('asyncDispose closes, and an aborted signal too', async (make) => {
    const server = make();
    await listening(server);
    await server[Symbol.asyncDispose]();
    const controller = new AbortController();
    const other = make();
    other.listen({ port: 0, host: '127.0.0.1', signal: controller.signal });
    await once(other, 'listening');
    controller.abort();
    await once(other, 'close');
    return [server.listening, other.listening];
  });

  test('it is an http.Server and a net.Server, with the defaults of node', () => {
    const ours = createServer();
    const nodes = http.createServer();
    assert.ok(ours instanceof http.Server);
    assert.ok(ours instanceof NetServer);
    const names = [
      'timeout',
      'keepAliveTimeout',
      'headersTimeout',
      'requestTimeout',
      'maxHeadersCount',
      'maxRequestsPerSocket',
      'listening',
    ] as const;
    for (const name of names) assert.equal(ours[name], nodes[name], name);
  });

  compare('options are checked', async (make) => {
    const seen: unknown[] = [];
    const options: unknown[] = [
      { headersTimeout: 'x' },
      { requestTimeout: -1 },
      { keepAliveTimeout: 1.5 },
      { headersTimeout: 2000, requestTimeout: 1000 },
      { joinDuplicateHeaders: 1 },
      'text',
      null,
    ];
    for (const each of options) seen.push(await codeOf(() => make(each as http.ServerOptions)));
    return seen;
  });
});

describe('createServer: connections', () => {
  compare('one socket for all requests of a connection', async (make) => {
    const sockets = new Set<unknown>();
    const ask = async (port: number) => {
      const text = 'GET / HTTP/1.1\r\nHost: a\r\n';
      return exchangeBytes(port, `${text}\r\n`, `${text}Connection: close\r\n\r\n`);
    };
    return serving(
      make,
      (req, res) => {
        sockets.add(req.socket);
        res.end(`${sockets.size} ${req.connection === req.socket}`);
      },
      ask,
    );
  });

  compare('the end of a connection is told once, by its socket', async (make) => {
    const events: string[] = [];
    let told: Promise<unknown> | undefined;
    await serving(
      make,
      (req, res) => {
        told = once(req.socket, 'close').then(() => events.push(`close ${req.socket.destroyed}`));
        res.end();
      },
      async (port) => {
        await get(port);
        await told;
      },
    );
    return events;
  });

  compare('listeners for connections are told', async (make) => {
    const seen: string[] = [];
    const server = make((_req, res) => res.end('ok'));
    server.on('connection', (socket: Socket) => seen.push(`connection ${socket.remoteAddress}`));
    const port = await listening(server);
    seen.push(await get(port));
    await closed(server);
    return seen;
  });

  compare('a listener for connections that comes after listen() is told as well', async (make) => {
    const sockets: Socket[] = [];
    const server = make((req, res) => res.end(`${sockets.length} ${req.socket === sockets[0]}`));
    const port = await listening(server);
    server.on('connection', (socket: Socket) => sockets.push(socket));
    const answer = await get(port);
    await closed(server);
    return answer;
  });

  compare('clientError has a socket to answer on', async (make) => {
    const server = make((_req, res) => res.end('ok'));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      socket.end(`HTTP/1.1 400 Custom\r\nConnection: close\r\n\r\n${error.code}`);
    });
    const port = await listening(server);
    const answer = await exchangeBytes(port, 'GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n');
    await closed(server);
    return answer;
  });

  compare('a bad request is refused in the same bytes', async (make) =>
    serving(
      make,
      (_req, res) => res.end('ok'),
      async (port) => [
        await exchangeBytes(port, 'GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n'),
        await exchangeBytes(port, 'GET / HTTP/1.1\r\n\r\n'),
        await exchangeBytes(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      ],
    ),
  );

  compare('a client that shuts down its side before the answer is gone', async (make) => {
    const events: string[] = [];
    let ended: Promise<unknown> | undefined;
    await serving(
      make,
      (req, res) => {
        for (const name of ['aborted', 'error', 'close']) req.on(name, () => events.push(`req ${name}`));
        ended = once(res, 'close').then(() => events.push(`res close ${res.writableFinished}`));
      },
      async (port, server) => {
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await once(server, 'request');
        await once(socket.resume(), 'end');
        await ended;
      },
    );
    return events.sort();
  });

  compare('upgrade: the socket, the head, and what is left alone', async (make) => {
    const server = make((req, res) => res.end(`request ${req.headers.upgrade}`));
    const fields = ['Host: a', 'Connection: Upgrade', 'Upgrade: x'];
    const text = `GET / HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\nhead`;
    server.on('upgrade', (req: http.IncomingMessage, socket: Socket, head: Buffer) => {
      socket.end(`HTTP/1.1 101 Ok\r\n\r\n${req.url} ${head} ${Reflect.get(req, 'upgrade')}`);
    });
    const port = await listening(server);
    const seen = await exchangeBytes(port, text);
    await closed(server);
    return seen;
  });

  compare('a socket handed in with emit("connection")', async (make) => {
    const server = make((req, res) => res.end(`fed ${req.url}`));
    const outer = new NetServer((socket) => server.emit('connection', socket));
    outer.listen(0, '127.0.0.1');
    await once(outer, 'listening');
    const answer = await get((outer.address() as AddressInfo).port, '/fed');
    outer.close();
    return answer;
  });

  compare('a server that needs node:http has it: classes of its own', async (make) => {
    class Request extends http.IncomingMessage {
      readonly mark = 'own request';
    }
    class Response extends http.ServerResponse {
      override end(): this {
        return super.end('own response');
      }
    }
    const options = { IncomingMessage: Request, ServerResponse: Response } as unknown as http.ServerOptions;
    const server = make(options, (req, res) => {
      res.setHeader('x-mark', (req as Request).mark);
      res.end();
    });
    const port = await listening(server);
    const answer = await get(port);
    await closed(server);
    return answer;
  });
});
