// The members of servers, requests, responses and sockets, own and inherited, as a program finds them at each moment of
// a request: each name that node:http has must be there, of the same type, and of the same value where that is simple.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { createServer } from '../../lib/create-server.js';
import { testTls } from '../helpers/certificates.js';
import { closed, compare, get, listening, serving } from '../helpers/compare-servers.js';
import { RawClient } from '../helpers/raw-client.js';

const { identity } = testTls();

type Make = (listener: http.RequestListener) => http.Server;
type Members = Record<string, string>;

/** Of each moment, by its name. */
type Seen = Record<string, Members>;

/** What is another on purpose, in no document, and not told. */
const other: Readonly<Record<string, string>> = {
  _events: 'responses without listeners have none here',
  _eventsCount: 'the listeners of its own that a server has on a response or a handshake are not there',
  _connections: 'one that ends with its response counts no more at its finish',
  _sockname: 'is not kept',
  _sharedCreds: 'node:https serves whoever asks for it',
  _httpMessage: 'is let go with the end of a response, and not with its finish',
  _parent: 'a connection with TLS has no other one below it',
  // How much of a write in this tick the kernel has, and Nodes differ in it.
  _bytesDispatched: '',
  bytesWritten: '',
  bufferSize: '',
  outputSize: '',
  writableBuffer: '',
  writableCorked: '',
  writableFinished: '',
  writableLength: '',
};

/** Own properties of our messages and sockets that Node does not have as such. */
const ofOurs = {
  ...{ statusCode: 0, _events: 0, _eventsCount: 0, readable: 0, writable: 0 },
  ...{ destroyed: 0, timeout: 0, _peername: 0 },
};

/** Those of a list are counted, and an object is one. */
function show(name: string, value: unknown): string {
  if (name.endsWith('Port') && typeof value === 'number') return 'a port';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  // Times, and the like.
  if (typeof value === 'number' && value > 1000 && value % 1000 !== 0) return 'a large number';
  return typeof value === 'function' ? 'a function' : `${typeof value} ${String(value)}`;
}

function membersOf(object: object): Members {
  const names = new Set<string>();
  for (
    let at: object | null = object;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  const enumerable = new Set<string>();
  for (const name in object) enumerable.add(name);
  const members: Members = {};
  for (const name of names) {
    if (name in other) continue;
    const value = show(name, (object as Record<string, unknown>)[name]).replace(/^Date: .*\r\n/m, '');
    members[name] = enumerable.has(name) ? `${value}, enumerable` : value;
  }
  return members;
}

function typeOf(object: Record<string, unknown>, name: string): string {
  try {
    return typeof object[name];
  } catch {
    return 'throws';
  }
}

/** A request with a body, and a response that is streamed. @returns What is there at each moment. */
async function look(make: Make, client: typeof http | typeof https): Promise<Seen> {
  const seen: Seen = {};
  const server = make((req, res) => {
    const { socket } = req;
    const at = (moment: string): void => {
      for (const [name, object] of Object.entries({ server, req, res, socket }))
        seen[`${name}, ${moment}`] = membersOf(object);
    };
    at('in the handler');
    req.resume().once('end', () => {
      at('at the end of the body');
      res.setHeader('a', 'b');
      at('with a field');
      res.write('x');
      at('written');
      res.once('finish', () => at('at its finish')).once('close', () => at('at its close'));
      setImmediate(() => {
        at('while it is streamed');
        res.end('y');
        at('ended');
      });
      socket.once('close', () => setImmediate(() => at('when the connection has gone')));
    });
  });
  seen['server, made'] = membersOf(server);
  const port = await listening(server);
  seen['server, listening'] = membersOf(server);
  const headers = { connection: 'close', 'content-length': 5 };
  const options = { port, method: 'POST', rejectUnauthorized: false, agent: false, headers };
  const [answer] = (await once(client.request(options).end('hello'), 'response')) as [http.IncomingMessage];
  await once(answer.resume(), 'close');
  while (seen['req, when the connection has gone'] === undefined)
    await new Promise((resolve) => setImmediate(resolve));
  await closed(server);
  seen['server, closed'] = membersOf(server);
  return seen;
}

/** Only the names that node:http has: ours may have more, and may be more often enumerable. */
function likewise(ours: Members, nodes: Members): Members {
  const members: Members = {};
  for (const [name, value] of Object.entries(nodes)) {
    const own = ours[name] ?? 'missing';
    members[name] = value.endsWith(', enumerable') ? own : own.replace(/, enumerable$/, '');
  }
  return members;
}

describe('members', () => {
  const cases: [string, typeof http | typeof https, Make, Make][] = [
    ['http', http, http.createServer, createServer as Make],
    [
      'https',
      https,
      (listener) => https.createServer(identity, listener),
      (listener) => (createServer as typeof https.createServer)(identity, listener),
    ],
  ];
  for (const [name, client, makeNodes, makeOurs] of cases) {
    test(name, async () => {
      const nodes = await look(makeNodes, client);
      const ours = await look(makeOurs, client);
      for (const [moment, members] of Object.entries(nodes))
        assert.deepEqual(likewise(ours[moment] ?? {}, members), members, moment);
    });

    test(`${name}: the class of a socket`, async () => {
      for (const make of [makeNodes, makeOurs]) {
        const classes: unknown[] = [];
        const server = make(({ socket }, res) => {
          classes.push(socket instanceof Socket, socket instanceof TLSSocket, socket.constructor.name);
          res.end();
        });
        const port = await listening(server);
        const options = { port, rejectUnauthorized: false, agent: false };
        await once(client.request(options).end(), 'response');
        await closed(server);
        assert.deepEqual(classes, name === 'http' ? [true, false, 'Socket'] : [true, true, 'TLSSocket']);
      }
    });
  }

  test('the socket of another protocol over TLS', async () => {
    const seen: unknown[] = [];
    for (const make of [https.createServer, createServer as unknown as typeof https.createServer]) {
      const server = make(identity);
      const taken = once(server, 'upgrade') as Promise<[unknown, TLSSocket, Buffer]>;
      const options = { port: await listening(server), rejectUnauthorized: false, agent: false };
      const headers = { connection: 'upgrade', upgrade: 'test' };
      const request = https.request({ ...options, headers }).end();
      const [, socket] = await taken;
      const { remoteAddress, remoteFamily, localAddress, localFamily, encrypted, pending, connecting } =
        socket;
      seen.push([
        [socket instanceof TLSSocket, socket instanceof Socket, socket.constructor.name],
        [remoteAddress, remoteFamily, localAddress, localFamily, encrypted, pending, connecting],
        [
          socket.readyState,
          socket.bufferSize,
          socket.bytesRead > 0,
          (socket.address() as AddressInfo).family,
        ],
      ]);
      const gone = once(socket, 'close');
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n');
      const [, client] = (await once(request, 'upgrade')) as [unknown, TLSSocket];
      const ended = once(client.resume(), 'end');
      socket.destroySoon();
      await Promise.all([gone, ended]);
      seen.push([socket.destroyed, socket.bufferSize, socket.bytesWritten > 0, socket.pending]);
      client.destroy();
      await closed(server);
    }
    assert.deepEqual(seen.slice(2), seen.slice(0, 2));
  });

  compare(
    'reading them of an object that has the prototype of a request or a response only',
    async (make) => {
      const seen: unknown[] = [];
      const listener: http.RequestListener = (req, res) => {
        for (const message of [req, res]) {
          const bare = Object.create(Object.getPrototypeOf(message) as object) as Record<string, unknown>;
          const names = Object.keys(message).filter((name) => name !== '_events');
          seen.push(names.filter((name) => typeOf(bare, name) === 'throws'));
        }
        const { url, method, rawHeaders, rawTrailers, socket } = Object.create(
          Object.getPrototypeOf(req) as object,
        ) as http.IncomingMessage;
        seen.push([url, method, rawHeaders, rawTrailers, socket]);
        res.end();
      };
      await serving(make, listener, (port) => get(port));
      return seen;
    },
  );

  compare('the socket of a response in a tick behind its end', async (make) => {
    const seen: unknown[] = [];
    const listener: http.RequestListener = (_req, res) => {
      res.write('x', () => seen.push(res.socket === null));
      process.nextTick(() => seen.push(res.socket === null));
      res.end();
    };
    await serving(make, listener, (port) => get(port));
    return seen;
  });

  compare('what console.log() shows of a request, a response and a socket', async (make) => {
    const seen: unknown[] = [];
    const listener: http.RequestListener = (req, res) => {
      Object.assign(req, { own: true });
      for (const message of [req, res, req.socket]) {
        const text = inspect(message, { depth: 0, compact: false });
        const names = [...text.matchAll(/^ {2}(\w+): /gm)].map(([, name]) => name as string);
        seen.push(text.split(' ')[0], names.filter((name) => !(name in ofOurs)).sort());
      }
      seen.push(/\[Circular \*1\]/.test(inspect(req, { depth: 2 })));
      res.end();
    };
    await serving(make, listener, (port) => get(port));
    return seen;
  });

  compare('an inspector that asks again as long as it is given an object comes to an end', async (make) => {
    const seen: unknown[] = [];
    const listener: http.RequestListener = (req, res) => {
      for (const message of [req, res, req.socket]) seen.push(inspections(message) <= 1);
      for (const message of [req, res, req.socket])
        seen.push(inspections(Object.create(Object.getPrototypeOf(message) as object) as object));
      res.end();
    };
    await serving(make, listener, (port) => get(port));
    return seen;
  });

  test('the key of a listening socket', async () => {
    for (const make of [http.createServer, createServer as Make]) {
      const server = make(() => {}) as http.Server & { _connectionKey?: string; _unref: boolean };
      assert.equal('_connectionKey' in server, false);
      await listening(server);
      assert.equal(server._connectionKey, '4:127.0.0.1:0');
      assert.equal((server.address() as AddressInfo).address, '127.0.0.1');
      assert.equal(server.unref()._unref, true);
      assert.equal(server.ref()._unref, false);
      await closed(server);
    }
  });

  test('Object.keys() of a server', () => {
    const ours = Object.keys((createServer as Make)(() => {}));
    assert.deepEqual(ours.sort(), Object.keys(http.createServer(() => {})).sort());
  });
});

interface Inspected {
  [inspect.custom]?(): unknown;
}

/** How often a value, and what it gives, has an answer of its own for inspectors; at most ten. */
function inspections(value: unknown): number {
  let count = 0;
  for (let at = value as Inspected; at[inspect.custom] !== undefined && count < 10; count += 1)
    at = at[inspect.custom]?.() as Inspected;
  return count;
}

compare('names of events, before and behind the first listener', (make) =>
  serving(
    make,
    (req, res) => {
      const names = [req.eventNames(), res.eventNames().filter((name) => name !== 'finish')];
      req.on('close', () => {}).once('end', () => {});
      res.on('drain', () => {});
      names.push(
        req.eventNames().sort(),
        res.eventNames().filter((name) => name !== 'finish'),
      );
      res.end(JSON.stringify(names));
    },
    (port) => get(port),
  ),
);

compare('resetAndDestroy() of a socket', async (make) => {
  const told: unknown[] = [];
  const server = make((req, res) => {
    req.socket.on('close', (hadError) => told.push('socket', hadError));
    req.on('aborted', () => told.push('aborted'));
    res.on('close', () => told.push('response'));
    told.push(req.socket.resetAndDestroy() === req.socket, req.socket.destroyed);
    told.push(req.socket.resetAndDestroy() === req.socket);
  });
  const client = await RawClient.open(await listening(server));
  await client.write(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
  await client.until(() => false, 10_000);
  await closed(server);
  return [told, client.serverEnd];
});

compare('an _implicitHeader that a program has put in its place', (make) =>
  serving(
    make,
    (req, res) => {
      const own = (res as unknown as { _implicitHeader(): void })._implicitHeader;
      const value = (): void => {
        res.setHeader('X-Implicit', 'yes');
        own.call(res);
      };
      Object.assign(res, { _implicitHeader: value });
      if (req.url === '/write') res.write('a');
      if (req.url === '/head') res.writeHead(200);
      res.end('b');
    },
    async (port) => [await get(port, '/end'), await get(port, '/write'), await get(port, '/head')],
  ),
);
