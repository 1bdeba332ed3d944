// What proxy-chain, json-server and other programs found that nobody had run on ours before.
import { once } from 'node:events';
import {
  type OutgoingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { inspect } from 'node:util';
import { closed, compare, exchangeBytes, get, listening, serving } from '../helpers/compare-servers.js';

compare('a program may name statuses, and rename them', async (make) => {
  const { 404: notFound } = STATUS_CODES;
  Object.assign(STATUS_CODES, { 594: 'Out of Order', 404: 'Nowhere' });
  try {
    return await serving(
      make,
      (req, res) => {
        res.statusCode = Number(req.url?.slice(1));
        res.end();
      },
      async (port) => [await get(port, '/594'), await get(port, '/404'), await get(port, '/595')],
    );
  } finally {
    delete STATUS_CODES[594];
    STATUS_CODES[404] = notFound;
  }
});

// Express 4 hands on what `res.status()` is given.
const ends: Record<string, (res: ServerResponse) => unknown> = {
  'end()': (res) => res.end(),
  'end() with a body': (res) => res.end('x'),
  'write()': (res) => {
    res.write('x');
    res.end();
  },
  'flushHeaders()': (res) => res.flushHeaders() ?? res.end(),
  '_implicitHeader()': (res) => {
    (res as unknown as { _implicitHeader(): void })._implicitHeader();
    res.end();
  },
};
for (const [name, end] of Object.entries(ends)) {
  compare(`a status in a string, or with a fraction, is a number behind ${name}`, (make) => {
    const seen: unknown[] = [];
    return serving(
      make,
      (req, res) => {
        const given = String(req.url?.slice(1));
        Object.assign(res, { statusCode: given === '410.5' ? 410.5 : given });
        try {
          end(res);
        } catch (error) {
          seen.push((error as { code?: string }).code);
          res.statusCode = 500;
          res.end();
        }
        seen.push(res.statusCode, res.statusMessage);
      },
      async (port) => [
        await get(port, '/410'),
        await get(port, '/204'),
        await get(port, '/304'),
        await get(port, '/410.5'),
        await get(port, '/none'),
        seen,
      ],
    );
  });
}

class Size {
  readonly length = 2;
  toString(): string {
    return '2';
  }
}

// json-server gives a field an object of lodash's, others a URL or a Date.
const values: Record<string, unknown> = {
  'an object with a length': new Size(),
  'a URL': new URL('http://a/b'),
  'a Date': new Date(0),
  'a Buffer': Buffer.from('bytes'),
  null: null,
  'a boolean': true,
  'a list of objects': [new Size(), 1],
};
const setters: Record<string, (res: ServerResponse, value: string) => unknown> = {
  'setHeader()': (res, value) => res.setHeader('x-a', value),
  'appendHeader()': (res, value) => res.appendHeader('x-a', '1').appendHeader('x-a', value),
  'writeHead()': (res, value) => res.writeHead(200, { 'x-a': value }),
  'writeHead() behind setHeader()': (res, value) => res.setHeader('x-b', 1).writeHead(200, { 'x-a': value }),
};
for (const [what, value] of Object.entries(values)) {
  compare(`${what} as the value of a field`, async (make) => {
    const answers: string[] = [];
    for (const set of Object.values(setters)) {
      const listener: RequestListener = (_req, res) => {
        set(res, value as string);
        res.end();
      };
      answers.push(await serving(make, listener, (port) => get(port)));
    }
    return answers;
  });
}

compare('nobody is told of fields that were given to writeHead() alone', (make) => {
  const listener: RequestListener = (req, res) => {
    if (req.url === '/both') res.setHeader('x-b', '2');
    res.writeHead(200, { 'X-A': '1' });
    const told = [res.getHeader('x-a'), res.hasHeader('x-a'), res.getHeaders(), res.getHeaderNames()];
    res.end(JSON.stringify(told));
  };
  return serving(make, listener, async (port) => [await get(port), await get(port, '/both')]);
});

// GraphQL Yoga and tRPC say it of their event streams, whatever the client asked for.
for (const connection of ['keep-alive', 'Upgrade', 'close', 'x, close']) {
  compare(`Connection: ${connection} of the program, for a client that asks for close`, (make) => {
    const listener: RequestListener = (req, res) => {
      res.setHeader('Connection', connection);
      if (req.url === '/stream') res.write('some');
      res.end('more');
      // node:http leaves the connection open when the program says so; here it ends as the client asked.
      res.once('finish', () => req.socket.end());
    };
    return serving(make, listener, async (port) => [await get(port), await get(port, '/stream')]);
  });
}

// srvx answers 500 when the head of an application is no head.
for (const [what, headers] of Object.entries({
  'an object': { 'x-good': '1', 'x-bad': 'a\r\nb' },
  'a list': ['x-good', '1', 'x-bad', 'a\r\nb'],
})) {
  compare(`nothing remains of a writeHead() that has thrown over ${what}`, (make) => {
    const listener: RequestListener = (req, res) => {
      if (req.url === '/set') res.setHeader('x-set', '1');
      try {
        res.writeHead(200, headers as OutgoingHttpHeaders);
      } catch (error) {
        res.statusCode = 500;
        res.end((error as NodeJS.ErrnoException).code);
      }
    };
    return serving(make, listener, (port) => get(port));
  });
}

compare('two servers share a port where this Node lets them', async (make) => {
  const [first, second] = [make(), make()];
  try {
    first.listen({ port: 0, host: '127.0.0.1', reusePort: true });
    await once(first, 'listening');
    const { port } = first.address() as AddressInfo;
    second.listen({ port, host: '127.0.0.1', reusePort: true });
    return await once(second, 'listening').then(
      () => (second.address() as AddressInfo).port === port,
      (error: NodeJS.ErrnoException) => error.code,
    );
  } finally {
    first.close();
    second.close();
  }
});

/** What listen() answers: where it listens, or its error. */
async function heard(server: Server, args: readonly unknown[]): Promise<unknown> {
  try {
    (server.listen as (...args: readonly unknown[]) => Server)(...args);
    await once(server, 'listening');
    return (server.address() as AddressInfo).address;
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    return [name, code, message];
  } finally {
    server.close();
  }
}

// SvelteKit's server gives a path of `false` beside the port.
compare('listen() takes a port before a path, and a descriptor before both', async (make) => {
  const nowhere = '/nonexistent/socket';
  const forms = [
    [{ path: false, host: '127.0.0.1', port: '0' }],
    [{ path: nowhere, port: 0 }],
    [{ path: nowhere, port: undefined }],
    [{ path: nowhere, port: null }],
    [{ path: undefined, port: '0x0' }],
    [{ fd: -1, port: 0, host: '' }],
    [null, '127.0.0.1'],
    [undefined, '127.0.0.1', '16'],
    [nowhere],
    [{ path: nowhere }],
    [{ fd: 9999 }],
  ];
  const seen: unknown[] = [];
  for (const form of forms) seen.push(await heard(make(), form));
  return seen;
});

compare('listen() refuses what names nothing to listen on, in the words of node', async (make) => {
  const options = [
    ...[{}, { host: 'a' }, { fd: -1 }, { fd: '3' }, { handle: { fd: -1 } }],
    ...[
      { path: false },
      { path: '' },
      { path: '5' },
      { path: 5 },
      { path: null },
      { path: Buffer.from('a') },
    ],
    ...[{ port: true }, { port: {} }, { port: [] }, true, false],
    ...[{ port: 70_000 }, { port: -1 }, { port: 'a' }, { port: ' ' }, 70_000, '70000', 1.5, Number.NaN, ''],
    ...[
      { port: 0, host: 5 },
      { port: 0, signal: 5 },
    ],
  ];
  const seen: unknown[] = [];
  for (const option of options) seen.push(await heard(make(), [option]));
  return seen;
});

// @whatwg-node/server gives Headers of its own, in which each cookie comes by itself.
const cookies: [string, string][] = [
  ['x-a', '1'],
  ['set-cookie', 'a=1'],
  ['set-cookie', 'b=2'],
  ['x-b', '2'],
]; // prettier-ignore
const foreign = { get: () => null, keys: () => [], [Symbol.iterator]: () => cookies.values() };
const given: Record<string, () => unknown> = {
  'Headers of another maker': () => foreign,
  'Headers of Node': () => new Headers(cookies),
  'a Map with a list of cookies': () =>
    new Map<string, unknown>([
      ['x-a', '1'],
      ['set-cookie', ['a=1', 'b=2']],
    ]), // prettier-ignore
  'a Map with one cookie': () => new Map([['set-cookie', 'a=1']]),
  'a list': () => [['x-a', '1']],
  'an object that can only be asked': () => ({ get: () => null }),
  nothing: () => undefined,
};
for (const [what, make] of Object.entries(given)) {
  compare(`setHeaders() with ${what}`, async (makeServer) => {
    const listener: RequestListener = (_req, res) => {
      try {
        res.setHeaders(make() as Headers);
      } catch (error) {
        res.end(String(error));
        return;
      }
      res.end(JSON.stringify(res.getHeaders()));
    };
    return serving(makeServer, listener, (port) => get(port));
  });
}

// Error pages show a stack, logs a text of the error.
const failures: Record<string, (res: ServerResponse) => unknown> = {
  'a status': (res) => res.writeHead(5000),
  'a field name': (res) => res.setHeader('a b', 1),
  'a value': (res) => res.setHeader('a', '\n'),
  'a second head': (res) => res.writeHead(200).writeHead(200),
  'a chunk': (res) => res.write(5),
  'early hints': (res) => res.writeEarlyHints(5 as never),
};
for (const [what, fail] of Object.entries(failures)) {
  compare(`how the error over ${what} is shown`, (make) => {
    const listener: RequestListener = (_req, res) => {
      try {
        fail(res);
      } catch (thrown) {
        const error = thrown as Error;
        const [first] = String(error.stack).split('\n');
        const [inspected] = inspect(error).split('\n');
        const members = [
          error.name,
          error.constructor.name,
          Object.keys(error),
          Object.hasOwn(error, 'name'),
        ];
        res.end(JSON.stringify([String(error), `${error.toString()}`, first, inspected, ...members]));
      }
    };
    return serving(make, listener, (port) => get(port));
  });
}

compare('how the error of close() is shown', async (make) => {
  const error = await new Promise<Error | undefined>((resolve) => make().close(resolve));
  return [String(error), error?.stack?.split('\n')[0], Object.keys(error ?? {})];
});

compare('the fields of a response are found among its symbols', (make) => {
  const listener: RequestListener = (_req, res) => {
    res.setHeader('x-a', '1');
    const symbol = Object.getOwnPropertySymbols(res).find((each) => each.description === 'kOutHeaders');
    res.end(typeof Reflect.get(res, symbol ?? 'none'));
  };
  return serving(make, listener, (port) => get(port));
});

// dd-trace puts an emit() of its own around that of all responses, and knows by it that they are over.
for (const path of ['/', '/later', '/stream', '/cut', '/gone']) {
  for (const body of ['', 'body']) {
    compare(`what an emit() hears of ${path} with ${body || 'no body'}`, (make) => {
      const heard: string[] = [];
      const overhear = (message: NodeJS.EventEmitter, name: string): void => {
        const { emit } = message;
        message.emit = (event, ...args) => {
          if (['finish', 'end', 'aborted', 'close'].includes(String(event)))
            heard.push(`${name} ${String(event)}`);
          return Reflect.apply(emit, message, [event, ...args]) as boolean;
        };
      };
      const over = new Promise<void>((resolve) => {
        const listener: RequestListener = (req, res) => {
          req.socket.once('close', () => setImmediate(resolve));
          overhear(req, 'request');
          overhear(res, 'response');
          if (path === '/later') setImmediate(() => res.end('later'));
          else if (path === '/stream') res.write('a', () => res.end('b'));
          else if (path === '/cut') res.destroy();
          else if (path === '/gone') setImmediate(() => req.socket.destroy());
          else res.end('at once');
        };
        void serving(make, listener, async (port) => {
          await exchangeBytes(
            port,
            `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          );
          await over;
        });
      });
      return over.then(() => heard);
    });
  }
}

compare('a class with an emit() of its own hears of connections', async (make) => {
  const heard: unknown[] = [];
  const server = make((_req, res) => res.end());
  const { emit } = server;
  const overhearing = (event: string, ...args: unknown[]): boolean => {
    heard.push(event);
    return Reflect.apply(emit, server, [event, ...args]) as boolean;
  };
  Object.assign(server, { emit: overhearing });
  await get(await listening(server));
  await closed(server);
  return heard;
});

// As httpolyglot and others that serve several protocols on one port.
compare('a listener of connections in the place of the own one', async (make) => {
  const server = make((_req, res) => res.end('served'));
  const [own] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    socket.once('readable', () => {
      const first = socket.read(1) as Buffer;
      socket.unshift(first);
      if (String(first) === 'G') own?.call(server, socket);
      else socket.resume().end('not HTTP');
    });
  });
  const port = await listening(server);
  const answers = [await get(port), await exchangeBytes(port, 'SMTP?\r\n')];
  await closed(server);
  return answers;
});

compare('nothing in the place of the own listener of connections', async (make) => {
  const server = make((_req, res) => res.end('served'));
  server.removeAllListeners('connection').on('connection', (socket: Socket) => socket.resume().end('none'));
  const answer = await exchangeBytes(await listening(server));
  await closed(server);
  return answer;
});
