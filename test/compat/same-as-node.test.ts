// What Node's own tests look at beyond its documentation: the same on node:http and on the native core.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type * as http from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createServer } from '../../lib/create-server.js';
import { closed, compare, exchangeBytes, listening, type Make, serving } from '../helpers/compare-servers.js';

const keepAlive = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const last = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** The answers, one for each request, written when the one before has come. */
async function inTurn(port: number, ...requests: string[]): Promise<string[]> {
  const client = connect(port, '127.0.0.1');
  const answers: string[] = [];
  for (const request of requests) {
    client.write(request);
    answers.push(String(((await once(client, 'data')) as [Buffer])[0]).replace(/^(date): .*$/gim, '$1: now'));
  }
  client.destroy();
  return answers;
}

/** Options that Node 20 and 22 do not have, and chunks of one tick that are joined. */
const isNewer = Number(process.versions.node.split('.', 1)[0]) >= 24;

function notCompared(name: string, _scenario: Parameters<typeof compare>[1]): void {
  test(name, { skip: "node:http of Node 22 does not say 'drain'" }, () => {});
}

describe('close() of a server', () => {
  compare('in a handler leaves the connection, which may ask again', async (make) => {
    const server = make((_req, res) => {
      server.close();
      res.end('ok');
    });
    const port = await listening(server);
    const end = once(server, 'close');
    const answers = await inTurn(port, keepAlive, last);
    await end;
    return answers;
  });

  compare('in a handler that has answered leaves the connection as well', async (make) => {
    const server = make((_req, res) => {
      res.end('ok');
      server.close();
    });
    const port = await listening(server);
    const end = once(server, 'close');
    const answers = await inTurn(port, keepAlive, last);
    await end;
    return answers;
  });

  compare('closeIdleConnections() after it ends who is idle', async (make) => {
    const server = make((_req, res) => res.end('ok'));
    const client = connect(await listening(server), '127.0.0.1');
    client.write(keepAlive);
    await once(client, 'data');
    const end = once(server, 'close');
    server.close();
    client.resume();
    await once(client, 'end');
    client.destroy();
    await end;
    return server.listening;
  });
});

describe('chunks of a response', () => {
  const answer = async (make: Make, listener: http.RequestListener): Promise<string> =>
    serving(make, listener, (port) => exchangeBytes(port, last));

  compare('written while it is corked', (make) =>
    answer(make, (_req, res) => {
      res.cork();
      for (const part of ['one', 'two', Buffer.from('three')]) res.write(part);
      res.uncork();
      res.write('four');
      setImmediate(() => {
        res.cork();
        res.write('fünf');
        res.write('six', () => res.end('seven'));
        setImmediate(() => res.uncork());
      });
    }),
  );

  compare('written in one tick, and the end with them', (make) =>
    answer(make, (_req, res) => {
      res.write('one');
      process.nextTick(() => {
        res.write('two');
        res.write(Buffer.from('three'));
        setImmediate(() => {
          res.write('four');
          res.end('five');
        });
      });
    }),
  );

  // node:http of Node 22 never says 'drain' here, and its client would wait; ours does.
  const asks = process.versions.node.startsWith('22.') ? notCompared : compare;
  asks('written under a cork that lasts are told to be too many, and drain', async (make) =>
    serving(
      make,
      (_req, res) => {
        res.write('head');
        setImmediate(() => {
          res.cork();
          const goesOn = [res.write('x'.repeat(40_000)), res.write('x'.repeat(40_000))];
          res.once('drain', () => res.end(String(goesOn.at(-1))));
          setImmediate(() => res.uncork());
        });
      },
      async (port) => (await exchangeBytes(port, last)).slice(-12),
    ),
  );

  compare('of which nobody gets any, since it is cut', async (make) =>
    serving(
      make,
      (_req, res) => {
        res.write('head');
        setImmediate(() => {
          res.cork();
          res.write('never', (error) => errors.push((error as NodeJS.ErrnoException | null)?.code));
          res.destroy();
        });
      },
      async (port) => {
        errors.length = 0;
        await exchangeBytes(port, last);
        return [...errors];
      },
    ),
  );
  const errors: (string | undefined)[] = [];

  // Ours drops the field there (RFC 9112 §6.1).
  compare('that a response may not have: the connection ends with it', (make) =>
    serving(
      make,
      (req, res) => res.writeHead(Number(req.url?.slice(1)), { 'Transfer-Encoding': 'chunked' }).end(),
      async (port) => {
        const answers = [204, 304].map((status) => exchangeBytes(port, keepAlive.replace('/', `/${status}`)));
        return (await Promise.all(answers)).map((text) => text.replace(/^transfer-encoding: .*\r\n/im, ''));
      },
    ),
  );

  compare('trailers, each with its own name', (make) =>
    answer(make, (_req, res) => {
      res.writeHead(200, { Trailer: 'X-One' });
      res.write('x');
      res.addTrailers([
        ['x-oNe', '1'],
        ['X-OnE', '2'],
      ]);
      res.addTrailers({ 'X-Two': ['3', '4'] } as unknown as http.OutgoingHttpHeaders);
      res.end();
    }),
  );
});

describe('members of a response', () => {
  compare(
    'res.connection, errored after destroy(), a list of fields that has a name too many',
    async (make) =>
      serving(
        make,
        (_req, res) => {
          const seen: unknown[] = [res.connection === res.socket, res.connection?.remoteFamily];
          try {
            res.writeHead(200, ['a', 'b', 'c']);
          } catch (error) {
            seen.push((error as NodeJS.ErrnoException).code);
          }
          res.setHeader('Connection', 'close');
          res.on('finish', () => {
            res.destroy();
            seen.push((res as unknown as { errored: unknown }).errored);
          });
          res.write('');
          const before = res.writableLength;
          res.write('asd');
          if (isNewer) seen.push(res.writableLength - before);
          res.on('close', () => told.splice(0, told.length, ...seen));
          res.end();
        },
        async (port) => [await exchangeBytes(port, last), ...told],
      ),
  );
  const told: unknown[] = [];
});

describe('requests', () => {
  if (isNewer) {
    compare('optimizeEmptyRequests', async (make) => {
      const seen: unknown[] = [];
      const options = { optimizeEmptyRequests: true } as http.ServerOptions;
      const server = make(options, (req, res) => {
        seen.push(req.readableEnded, req.destroyed);
        res.end('ok');
      });
      const port = await listening(server);
      await exchangeBytes(port, last);
      await exchangeBytes(port, last.replace('Host', 'Content-Length: 0\r\nHost'));
      await closed(server);
      return seen;
    });

    test('httpValidation', () => {
      createServer({ httpValidation: 'strict' } as http.ServerOptions);
      for (const httpValidation of ['relaxed', 'insecure', 1]) {
        assert.throws(() => createServer({ httpValidation } as http.ServerOptions), {
          code: 'ERR_INVALID_ARG_VALUE',
        });
      }
    });

    compare('shouldUpgradeCallback without a listener', async (make) => {
      const answers: string[] = [];
      for (const upgrades of [true, false]) {
        const options = { shouldUpgradeCallback: () => upgrades } as http.ServerOptions;
        const server = make(options, (_req, res) => res.end('ok'));
        const port = await listening(server);
        const upgrade = last.replace('close', 'close, upgrade\r\nUpgrade: x');
        answers.push(await exchangeBytes(port, upgrade));
        await closed(server);
      }
      return answers;
    });
  }

  compare('end and close of a request that nobody reads', async (make) => {
    const events: string[] = [];
    const server = make((req, res) => {
      res.end('ok');
      for (const name of ['finish', 'close']) res.on(name, () => events.push(`res ${name}`));
      for (const name of ['end', 'close']) req.on(name, () => events.push(`req ${name}`));
      req.once('close', () => server.emit('read'));
    });
    const port = await listening(server);
    const read = once(server, 'read');
    await exchangeBytes(port, last);
    await read;
    await closed(server);
    return events;
  });

  compare('a body whose reader has paused stays paused when the response is over', async (make) => {
    const seen: unknown[] = [];
    const server = make((req, res) => {
      req.once('data', (chunk: Buffer) => {
        seen.push(String(chunk));
        req.pause();
        res.end('early');
        res.once('close', () =>
          setImmediate(() => {
            seen.push(req.isPaused());
            req.on('data', (more: Buffer) => seen.push(String(more)));
            req.on('end', () => server.emit('read'));
            req.resume();
          }),
        );
      });
    });
    const port = await listening(server);
    const read = once(server, 'read');
    const client = connect(port, '127.0.0.1');
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc');
    await once(client, 'data');
    client.write('def');
    await read;
    client.destroy();
    await closed(server);
    return seen;
  });

  compare('a head that is too long is refused where it is', async (make) => {
    const server = make(() => {});
    const told = once(server, 'clientError') as Promise<
      [NodeJS.ErrnoException & { bytesParsed: number }, Socket]
    >;
    const client = connect(await listening(server), '127.0.0.1');
    client.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(16_384)}\r\n\r\n`);
    const [error, socket] = await told;
    socket.destroy();
    client.destroy();
    await closed(server);
    return [error.code, error.bytesParsed];
  });

  compare('a socket that is taken has no listeners but its own', async (make) => {
    const server = make(() => {});
    const counts: number[] = [];
    server.on('connect', (_req, socket: Socket) => {
      for (const name of ['close', 'drain', 'data', 'end', 'error', 'timeout'])
        counts.push(socket.listenerCount(name));
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
    await listening(server);
    const { port } = server.address() as AddressInfo;
    await exchangeBytes(port, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
    await closed(server);
    return counts;
  });
});
