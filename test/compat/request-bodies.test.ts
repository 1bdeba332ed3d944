// What becomes of a body when the response is complete before it, and in which pieces it comes: what the suites of
// @hono/node-server and @fastify/multipart found.
import { once } from 'node:events';
import type * as http from 'node:http';
import { connect, type Socket } from 'node:net';
import { closed, compare, exchangeBytes, listening, type Make, serving } from '../helpers/compare-servers.js';

const bytes = 1024 * 1024;
const piece = Buffer.alloc(bytes / 16);
const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`;
const next = 'GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

type Use = (req: http.IncomingMessage, res: http.ServerResponse) => void;

/** The events of a request that is answered while its body comes, and what the client gets.
 *  @param use What the program does with the request. @param send What the client sends behind the answer. */
async function early(
  make: Make,
  use: Use,
  send: (client: Socket) => void,
  settings: Partial<http.Server> = {},
): Promise<unknown[]> {
  const seen: unknown[] = [];
  const server = make((req, res) => {
    if (req.url === '/next') return res.end('next');
    for (const event of ['aborted', 'end', 'error', 'close']) {
      req.on(event, () => seen.push([event, req.complete]));
    }
    req.socket.on('close', () => server.emit('gone'));
    use(req, res);
    return res.writeHead(413, { 'Content-Length': 2 }).end('no');
  });
  Object.assign(server, settings);
  const client = connect({ port: await listening(server), host: '127.0.0.1' }).on('error', () => {});
  // A connection that is cut while bytes are on their way is reset, which is no failure here.
  const left = new Promise((resolve) => client.once('close', resolve));
  const gone = Promise.all([once(server, 'gone'), left]);
  let received = '';
  client.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  client.write(head);
  client.write(piece);
  while (!received.endsWith('no') && !client.closed) {
    await Promise.race([left, new Promise((resolve) => client.once('data', resolve))]);
  }
  send(client);
  await gone;
  // What would come of it has come.
  await new Promise(setImmediate);
  await closed(server);
  return [seen, received.replace(/^(date): .*$/gim, '$1: now')];
}

function sendAll(client: Socket): void {
  for (let sent = piece.length; sent < bytes; sent += piece.length) client.write(piece);
  client.write(next);
}

function leave(client: Socket): void {
  client.write(piece);
  client.destroy();
}

compare('nobody reads it: it is read over, and the connection goes on', (make) =>
  early(make, () => {}, sendAll),
);

compare('who reads it gets all of it', async (make) => {
  let read = 0;
  const use: Use = (req) => req.on('data', (chunk: Buffer) => (read += chunk.length));
  return [await early(make, use, sendAll), read];
});

compare('who begins to read it behind the response gets the end only', async (make) => {
  let read = 0;
  const use: Use = (req, res) =>
    res.on('finish', () => setImmediate(() => req.on('data', (chunk: Buffer) => (read += chunk.length))));
  return [await early(make, use, sendAll), read];
});

compare('the client leaves while it is read over', (make) => early(make, () => {}, leave));

compare('the client leaves while somebody reads it', (make) => early(make, (req) => req.resume(), leave));

compare('destroy() of the request behind its response cuts the connection', async (make) => {
  // What the client gets of the answer depends on how much of its body was read by then.
  const [seen] = await early(
    make,
    (req, res) => res.on('finish', () => req.destroy()),
    () => {},
  );
  return seen;
});

compare('destroy() of a request without its socket leaves the connection to the response', (make) =>
  serving(
    make,
    (req, res) => {
      Object.assign(req, { socket: null });
      req.on('close', () => setImmediate(() => res.setHeader('Connection', 'close').end('later')));
      req.destroy();
    },
    (port) => exchangeBytes(port, head),
  ),
);

compare('who stops sending it is idle', (make) =>
  early(
    make,
    () => {},
    () => {},
    { keepAliveTimeout: 300 },
  ),
);

compare('chunks that come at once are pieces of their own, with promises and ticks between them', (make) =>
  serving(
    make,
    (req, res) => {
      const seen: string[] = [];
      req.setEncoding('latin1').on('data', (chunk: string) => {
        seen.push(chunk);
        process.nextTick(() => seen.push('tick'));
        Promise.resolve().then(() => seen.push('promise'));
      });
      req.on('end', () => res.end(seen.join(' ')));
    },
    (port) =>
      exchangeBytes(
        port,
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${['1\r\na', '2\r\nbb', '3\r\nccc', '0\r\n'].join('\r\n')}\r\n`,
      ),
  ),
);

for (const [name, head, reads] of [
  ['that has no body', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', true],
  [
    'whose body came with it',
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab',
    true,
  ],
  [
    'whose body nobody reads',
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab',
    false,
  ],
] as const) {
  compare(`when a request is complete ${name}`, (make) =>
    serving(
      make,
      (req, res) => {
        const seen: unknown[] = [];
        const look = (when: string) => seen.push([when, req.complete]);
        look('handler');
        process.nextTick(look, 'tick');
        Promise.resolve('promise').then(look);
        if (reads) req.on('data', () => look('data')).on('end', () => look('end'));
        setTimeout(() => {
          look('later');
          res.end(JSON.stringify(seen));
        }, 1);
      },
      (port) => exchangeBytes(port, head),
    ),
  );
}

for (const [name, line, body] of [
  ['with a body behind it', 'POST /', 'ab'],
  ['without a body', 'GET /', ''],
] as const) {
  for (const reads of [true, false]) {
    compare(`100-continue ${name}, ${reads ? 'read' : 'not read'}, and another request`, (make) =>
      serving(
        make,
        (req, res) => {
          if (reads) req.resume();
          setImmediate(() => res.end(req.method));
        },
        (port) =>
          exchangeBytes(
            port,
            `${line} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
            next,
          ),
      ),
    );
  }
}

for (const [name, body] of [
  ['chunks that are none', 'zz\r\nabc\r\n'],
  ['a chunk, and what is none', '2\r\nab\r\nzz\r\nabc\r\n'],
] as const) {
  const request = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
  compare(`${name}, behind a request that is answered at once`, async (make) => {
    const told: unknown[] = [];
    const server = make((req, res) => {
      req.on('error', () => {}); // told or not, by the version of Node
      res.end('answered', () => told.push('finish'));
    });
    const received = await exchangeBytes(await listening(server), request);
    // Node's response says keep-alive, for a connection that ends with it; at times a 400 follows, to no request.
    const answer = received.replace(/Connection:.*\r\n(Keep-Alive:.*\r\n)?/g, '').split('HTTP/1.1 ')[1];
    await closed(server);
    return [told, answer];
  });

  compare(`${name}, and a listener for 'error' of the socket`, async (make) => {
    const told: unknown[] = [];
    const server = make((req) => {
      req.socket.on('error', (error) => told.push('socket', (error as NodeJS.ErrnoException).code));
      req.on('error', (error) => told.push('request', (error as NodeJS.ErrnoException).code));
      req.resume();
    });
    const answer = await exchangeBytes(await listening(server), request);
    await closed(server);
    return [told, answer];
  });
}
