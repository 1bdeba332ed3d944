import { once } from 'node:events';
import type * as http from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe } from 'node:test';
import { closed, compare, exchangeBytes, get, listening, type Make } from '../helpers/compare-servers.js';

// What a server of node:http tells besides its requests, with listeners that are there from the start and with ones
// that come after listen().

type When = 'before' | 'after';

/** A server that listens, with listeners added before or after it began to. */
async function withListeners(
  make: Make,
  when: When,
  options: http.ServerOptions,
  add: (server: http.Server) => void,
): Promise<{ server: http.Server; port: number }> {
  const server = make(options);
  if (when === 'before') add(server);
  const port = await listening(server);
  if (when === 'after') add(server);
  return { server, port };
}

const bad: Record<string, string> = {
  'a word without an end of line': 'GARBAGE',
  'an octet that begins no method': '*',
  'a method that is none': 'FOO / HTTP/1.1\r\nHost: a\r\n\r\n',
  'a field that is none': 'GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n',
  'a head that is too long': `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  'a chunk size that is none': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
  'text that is no HTTP': 'hello world\r\n\r\n',
};

for (const when of ['before', 'after'] as const) {
  describe(`server events, listeners added ${when} listen()`, () => {
    compare('connection: one socket, with addresses, counters and the end', async (make) => {
      const seen: unknown[] = [];
      const { server, port } = await withListeners(make, when, {}, (target) => {
        target.on('connection', (socket: Socket) => {
          seen.push([
            'connection',
            socket.remoteAddress,
            socket.bytesRead,
            socket.bytesWritten,
            socket.destroyed,
          ]);
          target.on('request', (req, res) => {
            seen.push([req.socket === socket, res.socket === socket, socket.bytesRead > 0]);
            res.end('ok');
          });
          socket.on('close', (failed: boolean) => seen.push(['close', failed, socket.destroyed]));
        });
      });
      const answer = await get(port);
      await closed(server);
      return [answer, ...seen];
    });

    compare('connection: the listener may write, end and destroy before any request', async (make) => {
      const seen: string[] = [];
      for (const act of [
        (socket: Socket) => socket.end('bye'),
        (socket: Socket) => socket.destroy(),
        (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n', () => socket.end()),
      ]) {
        const { server, port } = await withListeners(make, when, {}, (target) =>
          target.on('connection', act),
        );
        seen.push(await exchangeBytes(port, ''));
        await closed(server);
      }
      return seen;
    });

    compare('connection: the listener may read along', async (make) => {
      let read = '';
      const { server, port } = await withListeners(make, when, {}, (target) => {
        target.on('connection', (socket: Socket) => socket.on('data', (chunk) => (read += chunk.toString())));
        target.on('request', (req, res) => req.resume().on('end', () => res.end('ok')));
      });
      const text = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello';
      const answer = await exchangeBytes(port, text);
      await closed(server);
      return [answer, read];
    });

    compare('request: its socket may be read from then on', async (make) => {
      let read = '';
      const { server, port } = await withListeners(make, when, {}, (target) => {
        target.on('request', (req, res) => {
          req.socket.on('data', (chunk) => (read += chunk.toString()));
          req.on('end', () => res.end('ok')).resume();
        });
      });
      const client = connect(port, '127.0.0.1');
      client.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n');
      await once(server, 'request');
      client.write('hello');
      await once(client.resume(), 'end');
      client.destroy();
      await closed(server);
      return read;
    });

    for (const [name, bytes] of Object.entries(bad)) {
      compare(`clientError: ${name}`, async (make) => {
        const seen: unknown[] = [];
        const { server, port } = await withListeners(make, when, {}, (target) => {
          target.on('request', (req) => req.resume().on('error', () => {}));
          target.on(
            'clientError',
            (error: NodeJS.ErrnoException & { rawPacket?: Buffer; bytesParsed?: number }, socket: Socket) => {
              seen.push(Object.keys(error), error.bytesParsed);
              seen.push([error.code, error.name, error instanceof Error, socket.writable, socket.destroyed]);
              seen.push(error.rawPacket?.toString('latin1') === bytes);
              socket.end(`HTTP/1.1 400 Mine\r\nConnection: close\r\n\r\n${error.code}`);
            },
          );
        });
        seen.push(await exchangeBytes(port, bytes));
        await closed(server);
        return seen;
      });
    }

    compare('clientError: the end inside a head, and a time-out', async (make) => {
      const codes: unknown[] = [];
      const options = { headersTimeout: 500, requestTimeout: 500, connectionsCheckingInterval: 50 };
      const { server, port } = await withListeners(make, when, options, (target) => {
        target.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
          codes.push({ ...error });
          socket.destroy();
        });
      });
      const client = connect(port, '127.0.0.1').on('error', () => {});
      client.end('GET / HTTP/1.1\r\nHost');
      await once(client.resume(), 'close');
      const slow = connect(port, '127.0.0.1').on('error', () => {});
      slow.write('GET / HTTP/1.1\r\nHost');
      await once(slow.resume(), 'close');
      await closed(server);
      return codes;
    });

    compare(
      'clientError: a body that comes a byte at a time for longer than requestTimeout',
      async (make) => {
        const codes: unknown[] = [];
        const options = { headersTimeout: 400, requestTimeout: 400, connectionsCheckingInterval: 700 };
        const { server, port } = await withListeners(make, when, options, (target) => {
          target.on('request', (req) => req.on('error', () => {}).resume());
          target.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
            codes.push(error.code);
            socket.destroy();
          });
        });
        const client = connect(port, '127.0.0.1').on('error', () => {});
        client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
        const drip = setInterval(() => client.write('x'), 5);
        // A byte that comes too late is answered with a reset: once() would reject.
        await new Promise((resolve) => client.resume().on('close', resolve));
        clearInterval(drip);
        await closed(server);
        return codes;
      },
    );

    compare('checkContinue and checkExpectation', async (make) => {
      const seen: string[] = [];
      const { server, port } = await withListeners(make, when, {}, (target) => {
        target.on('checkContinue', (_req, res) => res.writeHead(413).end('too much'));
        target.on('checkExpectation', (req, res) => res.end(`expected ${req.headers.expect}`));
        target.on('request', (_req, res) => res.end('request'));
      });
      for (const expect of ['100-continue', 'a cake']) {
        const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n';
        seen.push(await exchangeBytes(port, `${head}Expect: ${expect}\r\n\r\n`, 'x'));
      }
      await closed(server);
      return seen;
    });

    compare('dropRequest: one more than maxRequestsPerSocket', async (make) => {
      const seen: string[] = [];
      const { server, port } = await withListeners(make, when, {}, (target) => {
        target.maxRequestsPerSocket = 2;
        target.on('request', (req, res) => {
          seen.push(`request ${req.url}`);
          res.end();
        });
        target.on('dropRequest', (req: http.IncomingMessage, socket: Socket) => {
          seen.push(`drop ${req.url} ${socket === req.socket}`);
        });
      });
      const client = connect(port, '127.0.0.1').on('error', () => {});
      let received = '';
      client.on('data', (chunk) => (received += chunk.toString()));
      for (const path of ['/1', '/2', '/3']) {
        client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
        const [data] = (await once(client, 'data')) as [Buffer];
        seen.push(data.toString().replace(/^(date): .*$/im, '$1: now'));
      }
      client.destroy();
      await closed(server);
      return [seen, received.split('HTTP/1.1 ').length];
    });

    compare('drop: one more than maxConnections', async (make) => {
      let seen: unknown;
      const { server, port } = await withListeners(make, when, {}, (target) => {
        target.maxConnections = 1;
        target.on('drop', (data) => {
          seen = [data?.localPort === port, data?.remoteFamily, data?.localAddress];
        });
        target.on('request', (_req, res) => res.end('ok'));
      });
      const first = connect(port, '127.0.0.1');
      first.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(first, 'data');
      const second = connect(port, '127.0.0.1').on('error', () => {});
      await once(second.resume(), 'close');
      first.destroy();
      await closed(server);
      return seen;
    });

    compare('timeout: of an idle connection, of a request, and without a listener', async (make) => {
      const seen: unknown[] = [];
      const { server, port } = await withListeners(make, when, {}, (target) => {
        target.setTimeout(500, (socket: Socket) => {
          seen.push(['server', socket.bytesRead > 0]);
          socket.destroy();
        });
      });
      for (const text of ['', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'])
        seen.push(await exchangeBytes(port, text));
      await closed(server);
      const other = await withListeners(make, when, {}, (target) => {
        target.timeout = 500;
      });
      seen.push(await exchangeBytes(other.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
      await closed(other.server);
      return seen;
    });

    compare('timeout: the keep-alive time is over', async (make) => {
      const seen: string[] = [];
      const { server, port } = await withListeners(make, when, { keepAliveTimeout: 500 }, (target) => {
        target.on('request', (_req, res) => res.end('ok'));
        target.on('timeout', (socket: Socket) => {
          seen.push('timeout');
          socket.end('late');
        });
      });
      const answer = await exchangeBytes(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await closed(server);
      return [answer.split('\r\n\r\n')[1], ...seen];
    });
  });
}

describe('sockets of the application', () => {
  compare("an error of the socket makes an end of it: 'clientError', or 400", async (make) => {
    const seen: unknown[] = [];
    for (const listen of [false, true]) {
      const server = make((_req, res) => res.socket?.emit('error', new Error('kaboom')));
      if (listen) {
        server.on('clientError', (error, socket) => {
          seen.push(error.message);
          socket.destroy();
        });
      }
      const port = await listening(server);
      seen.push(await get(port));
      await closed(server);
    }
    return seen;
  });
});

describe('server events, bytes past the responses', () => {
  const bye = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

  compare(
    'end: what is answered behind it does not leave',
    async (make) => {
      const server = make((req, res) => {
        req.socket.end(bye);
        res.end('late');
      });
      const port = await listening(server);
      const received = await exchangeBytes(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await closed(server);
      return received;
    },
    bye,
  );

  compare(
    'data: each byte once, although a request has to wait',
    async (make) => {
      const second = 'GET /2 HTTP/1.1\r\nHost: a\r\n\r\n';
      const read: string[] = [];
      const server = make((req, res) => {
        if (req.url === '/2') return void res.end();
        res.socket?.on('data', (bytes) => {
          read.push(bytes.toString());
          if (read.length === 1) client.write(second.slice(1));
          else res.end();
        });
        client.write(second.slice(0, 1));
      });
      const port = await listening(server);
      const client = connect(port, '127.0.0.1').setNoDelay(true);
      client.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
      let received = '';
      for await (const bytes of client) {
        received += String(bytes);
        if (received.split('HTTP/1.1 200').length === 3) break;
      }
      await closed(server);
      return read;
    },
    ['G', 'ET /2 HTTP/1.1\r\nHost: a\r\n\r\n'],
  );
});

compare(
  'close() does not wait for a client that keeps its half of an answered connection',
  async (make) => {
    const seen: unknown[] = [];
    const server = make((req, res) => {
      req.socket.on('close', () => seen.push('socket'));
      res.setHeader('Connection', 'close').end('last');
    });
    const client = connect({ port: await listening(server), host: '127.0.0.1', allowHalfOpen: true });
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(client.resume(), 'end');
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    server.getConnections((_error, count) => seen.push(count));
    await new Promise(setImmediate);
    await new Promise((resolve) => server.close(resolve));
    seen.push('server');
    client.destroy();
    return seen;
  },
  ['socket', 0, 'server'],
);
