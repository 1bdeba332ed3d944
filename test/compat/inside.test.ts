// What no document tells of node:http's objects, and what programs look at all the same; most of it was found by Node's
// own tests.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import { connect, type Socket } from 'node:net';
import * as stream from 'node:stream';
import {
  closed,
  compare,
  exchangeBytes,
  get,
  listening,
  type Make,
  serving,
} from '../helpers/compare-servers.js';

type Inside = Record<string, unknown>;
const last = 'Connection: close\r\n\r\n';

/** What a listener finds, for one request. */
function found(
  make: Make,
  look: (req: http.IncomingMessage, res: http.ServerResponse) => unknown,
  request = '',
) {
  return serving(
    make,
    (req, res) => {
      const seen = look(req, res);
      res.end(JSON.stringify(seen));
    },
    (port) => exchangeBytes(port, request || `GET / HTTP/1.1\r\nHost: a\r\n${last}`),
  );
}

compare('the listeners of a socket', (make) =>
  found(make, ({ socket }) => {
    const names = ['timeout', 'data', 'error', 'drain', 'resume', 'pause', 'end', 'close'];
    socket.on('close', () => {});
    return [
      names.map((name) => [
        name,
        socket.listenerCount(name),
        socket.listeners(name).map((each) => each.name),
      ]),
      socket.eventNames().map(String).sort().slice(0, 8),
    ];
  }),
);

compare('the streams of a socket', (make) =>
  found(make, ({ socket }) => {
    const { _readableState: readable, _writableState: writable } = socket as unknown as Record<
      string,
      Inside
    >;
    const { readableLength, readableDidRead, readableAborted, writableLength, writableCorked } = socket;
    return [
      [readable?.['ended'], readable?.['endEmitted'], readable?.['destroyed'], readable?.['flowing']],
      [writable?.['ended'], writable?.['finished'], writable?.['destroyed'], writable?.['length']],
      [readableLength, readableDidRead, readableAborted, writableLength, writableCorked],
      socket.isPaused(),
    ];
  }),
);

compare('a socket after its end', (make) =>
  serving(
    make,
    (_req, res) => res.end(),
    async (port, server) => {
      const gone = new Promise((resolve) => {
        server.once('request', (req) => {
          const { socket } = req as http.IncomingMessage & { socket: Inside & Socket };
          socket.once('close', () => {
            const {
              _writableState: writable,
              _handle,
              parser,
              destroyed,
            } = socket as unknown as Record<string, Inside>;
            resolve([writable?.['destroyed'], writable?.['ended'], _handle, parser, destroyed]);
          });
        });
      });
      await get(port);
      return gone;
    },
  ),
);

compare('what else there is of a socket, a request, a response and a server', (make) =>
  found(make, (req, res) => {
    const pick = (from: object, names: string[]): unknown[] =>
      names.map((name) => {
        const value = (from as Inside)[name];
        return [name, typeof value === 'object' && value !== null ? 'object' : (value ?? String(value))];
      });
    const { server } = req.socket as unknown as { server: object };
    return [
      pick(req.socket, [
        '_hadError',
        '_host',
        '_parent',
        '_paused',
        '_pendingData',
        '_pendingEncoding',
        '_handle',
      ]),
      pick(req.socket, ['_sockname', 'timeout', 'encrypted', 'parser', '_server', '_httpMessage']),
      pick(req, ['upgrade', '_consuming', '_dumped', 'joinDuplicateHeaders', 'readableHighWaterMark']),
      pick(res, ['_defaultKeepAlive', '_expect_continue', '_removedConnection', '_removedTE', '_sent100']),
      pick(res, [
        '_keepAliveTimeout',
        '_maxRequestsPerSocket',
        'maxRequestsOnConnectionReached',
        'outputData',
      ]),
      pick(res, ['writableHighWaterMark', 'outputSize']),
      pick(server, ['requireHostHeader', 'rejectNonStandardBodyWrites', 'highWaterMark', 'maxConnections']),
    ];
  }),
);

compare('the handle of a socket tells how much is queued', (make) => {
  const seen: unknown[] = [];
  return serving(
    make,
    (req, res) => {
      const { _handle: handle } = req.socket as unknown as { _handle: { writeQueueSize: number } };
      seen.push(handle.writeQueueSize);
      res.write(Buffer.alloc(30_000_000));
      setImmediate(() => {
        seen.push(handle.writeQueueSize > 0, (req.socket as unknown as Inside)['_handle'] === handle);
        res.end();
      });
    },
    async (port) => [(await get(port)).length, seen],
  );
});

compare('the parser of a socket knows its request', (make) =>
  found(make, (req) => {
    const { parser } = req.socket as unknown as {
      parser: { incoming: object; socket: object; free: () => void };
    };
    return [parser.incoming === req, parser.socket === req.socket, typeof parser.free];
  }),
);

compare('a program keeps what it likes on a response and a socket', (make) =>
  serving(
    make,
    () => {},
    async (port, server) => {
      const told = new Promise((resolve) => {
        server.once('request', (req, res) => {
          for (const name of ['aborted', 'flushed', 'adopt']) Object.assign(res, { [name]: true });
          for (const name of ['left', 'fail', 'ended', 'forget', 'answered', 'carries', 'timedOut'])
            Object.assign(req.socket, { [name]: true });
          res.once('close', () => resolve(res.writableFinished));
        });
      });
      const client = connect(port, '127.0.0.1');
      client.write(`GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
      await once(server, 'request');
      client.destroy();
      return told;
    },
  ),
);

for (const highWaterMark of [undefined, 1000, 100_000]) {
  compare(`what write() returns with a highWaterMark of ${highWaterMark}`, async (make) => {
    const server = (make as (options: object, listener: http.RequestListener) => http.Server)(
      highWaterMark === undefined ? {} : { highWaterMark },
      (req, res) => {
        const sizes = [500, 8000, 20_000, 50_000, 70_000];
        const returned: unknown[] = [req.readableHighWaterMark, res.writableHighWaterMark];
        const next = (): void => {
          const size = sizes.shift();
          if (size === undefined) return void res.end(JSON.stringify(returned));
          const more = res.write('x'.repeat(size));
          returned.push(more, res.writableNeedDrain);
          if (more) setImmediate(next);
          else
            res.once('drain', () => {
              returned.push(res.writableNeedDrain, res.writableLength);
              next();
            });
        };
        next();
      },
    );
    const port = await listening(server);
    const bytes = await get(port);
    await closed(server);
    return bytes.slice(bytes.lastIndexOf('x'));
  });
}

compare('what a client takes at once never fills a response', (make) =>
  serving(
    make,
    (_req, res) => {
      let left = 200;
      const next = (): void => {
        if (left-- === 0) res.end();
        else if (res.write('x'.repeat(1000))) setImmediate(next);
        else res.end('full');
      };
      next();
    },
    async (port) => (await get(port)).endsWith('full'),
  ),
);

compare('the bytes of a response that waits for another', (make) =>
  serving(
    make,
    (() => {
      let first: http.ServerResponse | undefined;
      return (_req: http.IncomingMessage, res: http.ServerResponse) => {
        if (first === undefined) {
          first = res;
          return;
        }
        const size = (): number => (res as unknown as { outputSize: number }).outputSize;
        const before = size();
        res.write('x'.repeat(500));
        setImmediate(() => {
          const full = size() >= 500 && res.writableLength >= 500;
          res.end();
          first?.end(JSON.stringify([before, full]));
        });
      };
    })() as http.RequestListener,
    async (port) => {
      const bytes = await exchangeBytes(
        port,
        'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n',
        `GET /2 HTTP/1.1\r\nHost: a\r\n${last}`,
      );
      return /\[0,.*\]/.exec(bytes)?.[0];
    },
  ),
);

compare('the timer that looks for slow connections', async (make) => {
  const server = make(() => {});
  const symbol = Reflect.ownKeys(http.Server.prototype)
    .concat(Object.getOwnPropertySymbols(listened))
    .find((key) => typeof key === 'symbol' && key.description === 'http.server.connectionsCheckingInterval');
  assert(symbol !== undefined);
  const timer = () =>
    (server as unknown as Record<symbol, { _destroyed: boolean } | undefined>)[symbol as symbol];
  const before = timer();
  const names = server.listeners('listening').map((each) => each.name);
  await listening(server);
  const running = timer()?._destroyed;
  server.emit('listening');
  const again = timer()?._destroyed;
  const old = timer();
  await closed(server);
  return [before, names, running, again, old?._destroyed, timer()?._destroyed];
});

/** Where Node's symbols are found. */
const listened = new http.Server();
listened.emit('listening');
listened.close();

compare('stream.destroy() of a request leaves the connection to the response', (make) =>
  serving(
    make,
    (req, res) => {
      const told: unknown[] = [];
      // Newer Nodes document it.
      (stream as unknown as { destroy(stream: object): void }).destroy(req);
      req.on('error', (error) => told.push(error.name));
      req.on('close', () => res.end(JSON.stringify([told, req.aborted, req.socket])));
    },
    (port) => exchangeBytes(port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n${last}`, 'abc'),
  ),
);

compare('destroy() of a CONNECT that was taken closes its connection', async (make) => {
  const server = make(() => {});
  server.on('connect', (req) => req.destroy());
  const port = await listening(server);
  const bytes = await exchangeBytes(port, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
  await closed(server);
  return bytes;
});

compare("'pause' and 'resume' of a socket whose body nobody reads", (make) =>
  serving(
    make,
    (req, res) => {
      req.socket.once('pause', () => res.end());
      res.flushHeaders();
    },
    async (port, server) => {
      const resumed = new Promise((resolve) => {
        server.once('request', (req: http.IncomingMessage) =>
          req.socket.once('resume', () => resolve(req.readableEnded)),
        );
      });
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n';
      await exchangeBytes(port, `${head}${last}`, 'x'.repeat(200_000));
      return resumed;
    },
  ),
);

compare('a request that is paused is read over behind the response', (make) =>
  serving(
    make,
    (req, res) => {
      req.pause();
      req.on('data', () => {});
      res.flushHeaders();
      req.socket.once('data', () => res.end());
    },
    async (port, server) => {
      const resumed = new Promise((resolve) => {
        server.once('request', (req: http.IncomingMessage) =>
          req.once('resume', () => resolve(req.listenerCount('data'))),
        );
      });
      const client = connect(port, '127.0.0.1').on('error', () => {});
      client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n');
      client.once('data', () => client.write('hello'));
      const listeners = await resumed;
      client.destroy();
      return listeners;
    },
  ),
);

compare('close() again in the callback of close()', async (make) => {
  const server = make((_req, res) => res.end());
  const port = await listening(server);
  await get(port);
  const told = await new Promise((resolve) => {
    server.close((first) =>
      server.close((second) => resolve([first, (second as NodeJS.ErrnoException).code])),
    );
  });
  return told;
});

compare('no connections at all: maxConnections = 0', async (make) => {
  const server = make((_req, res) => res.end('served'));
  server.maxConnections = 0;
  const port = await listening(server);
  const bytes = await get(port);
  server.maxConnections = 10;
  const later = await get(port);
  await closed(server);
  return [bytes, later];
});
