// What a reading of the code found, on node:http and on ours.
import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import * as http from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { closed, compare, exchangeBytes, get, listening, serving } from '../helpers/compare-servers.js';

/** The next error that nobody catches, which is this test's then. */
async function uncaught(): Promise<string> {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  try {
    const [error] = (await once(process, 'uncaughtException')) as [Error];
    return error.message;
  } finally {
    for (const listener of others) process.on('uncaughtException', listener);
  }
}

compare(
  'what a tick throws between two requests is uncaught, and the second is answered',
  async (make) => {
    let begun = 0;
    const server = make((_req, res) => {
      begun++;
      if (begun === 1) process.nextTick(() => new EventEmitter().emit('error', new Error('in a tick')));
      res.end(String(begun));
    });
    const port = await listening(server);
    const clients = Array.from({ length: 3 }, () => connect(port, '127.0.0.1'));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    const thrown = uncaught();
    const answers = Promise.all(clients.map((client) => once(client.setEncoding('latin1'), 'data')));
    for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const bodies = (await answers).map(([text]) => String(text).slice(-1));
    for (const client of clients) client.destroy();
    await closed(server);
    return [await thrown, bodies.sort()];
  },
  ['in a tick', ['1', '2', '3']],
);

for (const isHeard of [true, false]) {
  compare(
    `a body goes no further when 'data' has thrown${isHeard ? '' : ', and nobody hears of it'}`,
    async (make) => {
      const seen: string[] = [];
      const server = make((req, res) => {
        req.on('data', (chunk: Buffer) => {
          seen.push(`data ${chunk}`);
          throw new Error('in data');
        });
        for (const event of ['aborted', 'end', 'close']) req.on(event, () => seen.push(event));
        req.on('error', (error) => seen.push(error.message));
        res.on('close', () => seen.push('response closed'));
      });
      if (isHeard) {
        server.on('clientError', (error: Error & { code: string; bytesParsed: number }, socket) => {
          seen.push(`${error.code} ${error.message} ${error.bytesParsed}`);
          socket.destroy();
        });
      }
      const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
      client.setEncoding('latin1').on('data', (text) => seen.push(String(text)));
      client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n');
      await once(server, 'request');
      const thrown = uncaught();
      client.write('abc');
      seen.push(await thrown);
      client.write('defghi');
      await once(client, 'close');
      await closed(server);
      return seen;
    },
  );
}

class OwnRequest extends http.IncomingMessage {}

compare("'end' of a GET that is of a program's own class", async (make) => {
  const seen: string[] = [];
  const server = make({ IncomingMessage: OwnRequest }, (req, res) => {
    req.on('data', () => seen.push('data')).on('end', () => res.end('ended'));
  });
  const port = await listening(server);
  const answers = [
    await get(port),
    await exchangeBytes(
      port,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi',
    ),
  ];
  await closed(server);
  return [seen, answers];
});

for (const method of ['GET', 'POST']) {
  compare(`destroy() of a ${method} that is long answered leaves its connection to the next`, (make) => {
    let first: http.IncomingMessage | undefined;
    const seen: string[] = [];
    return serving(
      make,
      (req, res) => {
        if (first === undefined) {
          first = req;
          req.on('aborted', () => seen.push('aborted'));
          return void res.end('first');
        }
        first.destroy();
        setImmediate(() => setImmediate(() => res.end(seen.join())));
      },
      async (port) => {
        const client = connect(port, '127.0.0.1').setEncoding('latin1');
        const body = method === 'GET' ? '' : 'Content-Length: 2\r\n\r\nhi';
        client.write(`${method} / HTTP/1.1\r\nHost: a\r\n${body === '' ? '\r\n' : body}`);
        await once(client, 'data');
        await new Promise(setImmediate);
        client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        let received = '';
        for await (const text of client) received += String(text);
        return received.replace(/^(date): .*$/gim, '$1: now');
      },
    );
  });
}

compare('a list of texts beyond ASCII, and one of ASCII', (make) =>
  serving(
    make,
    (req, res) => {
      res.setHeader('Set-Cookie', req.url === '/' ? ['a=1', 'b=2'] : ['a=é', 'b=2']);
      res.setHeader('X-Other', 'ü').end('body é');
    },
    async (port) => [await get(port), await get(port, '/high')],
  ),
);

compare('a status message that is no text', (make) =>
  serving(
    make,
    (_req, res) => {
      Object.assign(res, { statusMessage: 42 });
      res.end();
    },
    (port) => get(port),
  ),
);

test('nobody hears of responses that are made to learn what this Node does', async () => {
  const heard: unknown[] = [];
  const created = channel('http.server.response.created');
  const listener = (message: unknown): void =>
    void heard.push((message as { request: http.IncomingMessage }).request.url);
  created.subscribe(listener);
  try {
    const { createServer } = await import('../../lib/create-server.js');
    const list = (_req: http.IncomingMessage, res: http.ServerResponse): void => {
      res.setHeader('A', '0').writeHead(200, ['b', '1', 'b', '2']).end();
    };
    await serving(createServer as typeof http.createServer, list, (port) => get(port, '/asked'));
  } finally {
    created.unsubscribe(listener);
  }
  assert.deepEqual(
    heard.filter((url) => url !== '/asked'),
    [],
  );
});
