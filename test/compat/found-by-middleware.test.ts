// What the suites of on-finished, finalhandler, router, multiparty, Hapi and Fastify found.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import { connect, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { createServer } from '../../lib/create-server.js';
import {
  closed,
  compare,
  exchangeBytes,
  get,
  listening,
  type Make,
  serving,
} from '../helpers/compare-servers.js';

const post = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

/** What the socket of a request tells when its body is broken in a way. */
async function brokenBody(
  make: Make,
  breakIt: (socket: ReturnType<typeof connect>) => void,
  answers: boolean,
) {
  const seen: unknown[] = [];
  const server = make((req, res) => {
    const { socket } = req;
    socket.on('error', (error: NodeJS.ErrnoException) => seen.push(['error', error.code, socket.destroyed]));
    socket.on('close', (hadError) => {
      seen.push(['socket', hadError]);
      server.emit('seen');
    });
    res.on('close', () => seen.push(['response', res.writableFinished]));
    if (answers) res.write('begun');
    server.emit('asked');
  });
  const client = connect({ port: await listening(server), host: '127.0.0.1' }).on('error', () => {});
  let received = '';
  client.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  client.write(post);
  await once(server, 'asked');
  if (answers) await once(client, 'data');
  breakIt(client);
  await once(server, 'seen');
  client.destroy();
  await closed(server);
  return [seen, received.replace(/^(date): .*$/gim, '$1: now')];
}

describe('the socket has the error of a body that is broken', () => {
  for (const answers of [false, true]) {
    const when = answers ? 'behind a response that has begun' : 'that nobody has answered';
    compare(`no chunk, ${when}`, (make) => brokenBody(make, (socket) => socket.write('W'), answers));
    compare(`its client is reset, ${when}`, (make) =>
      brokenBody(make, (socket) => socket.resetAndDestroy(), answers),
    );
  }
});

compare('the url and the method can be taken away', (make) =>
  serving(
    make,
    (req, res) => {
      Object.assign(req, { url: undefined, method: undefined });
      const without = [req.url, req.method];
      req.url = '/other';
      res.end(JSON.stringify([without, req.url]));
    },
    (port) => get(port),
  ),
);

describe('what is written in the tick of destroy() is not sent', () => {
  const listeners: Record<string, http.RequestListener> = {
    'res.destroy()': (_req, res) => {
      res.write('some');
      res.destroy();
    },
    'req.socket.destroy()': (req, res) => {
      res.write('some');
      req.socket.destroy();
    },
    'a stream that fails behind its first chunk': (_req, res) => {
      const stream = new Readable({
        read() {
          this.push('some');
          this.destroy(new Error('broken'));
        },
      });
      stream.on('error', () => res.destroy()).pipe(res);
    },
    'later, it is': (_req, res) => {
      res.write('some');
      setImmediate(() => res.destroy());
    },
    'of the end, it is': (_req, res) => res.end('some').destroy(),
  };
  const pipelined = ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /2 HTTP/1.1\r\nHost: a\r\n\r\n'];
  for (const [name, listener] of Object.entries(listeners)) {
    compare(name, (make) => serving(make, listener, (port) => exchangeBytes(port, ...pipelined)));
  }

  const destroyed = (res: http.ServerResponse) => {
    res.write('second');
    res.destroy();
  };
  /** Listeners whose second response is destroyed while the first one is on its way. */
  const first = 'x'.repeat(8 * 1024 * 1024);
  const behind: Record<string, [string, http.RequestListener]> = {
    'that is complete': ['first', (req, res) => void (req.url === '/' ? res.end('first') : destroyed(res))],
    'that the client has not read yet': [
      first,
      (req, res) => void (req.url === '/' ? res.end(first) : destroyed(res)),
    ],
    'that nobody has given yet': [
      'later',
      (req, res) => void (req.url === '/' ? setImmediate(() => res.end('later')) : destroyed(res)),
    ],
    'that is without an answer to come': [
      'first',
      (req, res) => void (req.url === '/' ? res.end('first') : res.destroy()),
    ],
    'when it is complete itself': [
      'later',
      (req, res) => {
        if (req.url === '/') setImmediate(() => setImmediate(() => res.end('later')));
        else setImmediate(() => res.end('second').destroy());
      },
    ],
  };
  // From Node 24 on, node:http forgets that such a response was destroyed, and its client waits: ours closes in each.
  const isKept = Number(process.versions.node.split('.', 1)[0]) >= 24;
  for (const [name, [expected, listener]] of Object.entries(behind)) {
    test(`behind a response ${name}`, async () => {
      for (const make of isKept ? [createServer as Make] : [http.createServer, createServer as Make]) {
        const bytes = await serving(make, listener, (port) => exchangeBytes(port, pipelined.join('')));
        assert.match(bytes, /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)+\r\n/);
        const body = bytes.slice(bytes.indexOf('\r\n\r\n') + 4);
        assert.deepEqual([body.length, body.slice(0, 99)], [expected.length, expected.slice(0, 99)]);
      }
    });
  }
});

compare('a second end() a tick later is no error', async (make) => {
  const errors: unknown[] = [];
  const server = make((req, res) => {
    req.on('close', () => {}); // who waits for it has the response wait for the socket
    res.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
    res.end('first');
    if (req.url === '/at-once') res.end('second');
    else process.nextTick(() => res.end('second'));
  });
  const port = await listening(server);
  const answers = [await get(port, '/at-once'), await get(port, '/later')];
  await closed(server);
  return [answers, errors];
});

compare('close() in the tick of an answer leaves the connection for its keep-alive time', async (make) => {
  const server = make((_req, res) => {
    res.end('last');
    server.close();
  });
  Object.assign(server, { keepAliveTimeout: 1, keepAliveTimeoutBuffer: 1 }); // Six seconds otherwise.
  const bytes = await exchangeBytes(await listening(server), 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  if (server.listening) await once(server, 'close');
  return bytes;
});

/** What a server sees of bytes that a client sends before it leaves or stays. */
async function seeing(
  make: Make,
  bytes: string,
  look: (server: http.Server, client: Socket, seen: unknown[]) => http.RequestListener,
): Promise<unknown[]> {
  const seen: unknown[] = [];
  const client = new Socket().on('error', () => {});
  const server = make();
  server.on('request', look(server, client, seen));
  client.connect(await listening(server), '127.0.0.1');
  client.write(bytes);
  await once(server, 'seen');
  client.destroy();
  await closed(server);
  return seen;
}

compare('the end of a body comes when what its bytes have brought about has run', (make) =>
  seeing(
    make,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody',
    (server, _client, seen) => (req) => {
      req.on('data', async () => {
        for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => process.nextTick(resolve));
        seen.push('data');
      });
      req.on('end', () => {
        seen.push('end');
        server.emit('seen');
      });
    },
  ),
);

compare('a request without a body has nothing to come', (make) =>
  seeing(make, 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', (server, _client, seen) => (req) => {
    setImmediate(() => {
      const { _readableState: state } = req as unknown as { _readableState: { ended: boolean } };
      seen.push(state.ended, req.readable, req.readableEnded);
      req.resume().on('end', () => server.emit('seen'));
    });
  }),
);

compare('pipelined requests of a client that left learn of it together', (make) => {
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  let count = 0;
  return seeing(make, request.repeat(3), (server, client, seen) => (req, res) => {
    const number = ++count;
    req.on('aborted', () => {
      seen.push(`aborted ${number}`);
      process.nextTick(() => {
        seen.push(`tick ${number}`);
        if (number === 3) server.emit('seen');
      });
    });
    if (number === 1) res.end();
    if (number === 3) client.destroy();
  });
});

compare('a client that leaves behind half a body', (make) =>
  seeing(make, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf', (server, client, seen) => {
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      seen.push(error.message, error.code, socket.readable, socket.writable);
      socket.destroy(error);
      server.emit('seen');
    });
    return () => client.end();
  }),
);

for (const event of ['error', 'close']) {
  compare(`close() at the '${event}' of a socket that broke does not wait for its client`, async (make) => {
    const seen: string[] = [];
    const server = make(() => {});
    const asked = once(server, 'request');
    const client = connect({ port: await listening(server), host: '127.0.0.1' }).on('error', () => {});
    client.write(post);
    const [{ socket }] = (await asked) as [http.IncomingMessage];
    // The client does not read, and so does not learn that it is over.
    client.on('close', () => seen.push('client'));
    socket.on('error', () => {});
    const end = new Promise<void>((resolve) => {
      socket.on(event, () => server.close(() => resolve()));
    });
    client.write('W');
    await end;
    seen.push('server');
    client.destroy();
    await once(client, 'close');
    return seen;
  });
}
