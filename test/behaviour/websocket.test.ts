// The `ws` package on connections that a backend lets go, as an application of the node interface uses it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { Exchange, Handler } from '../../lib/exchange.js';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, until, within } from '../helpers/lifetime-client.js';
import { type StartedBackend, startBackend } from '../helpers/start-backend.js';

/** Hands WebSocket handshakes to ws, which echoes; `/close` closes with 4001, the rest is answered with 200. */
class Echo implements Handler {
  readonly interface = 'node';
  readonly takesConnections = true;
  readonly websockets: WebSocketServer;

  constructor(options: ServerOptions) {
    this.websockets = new WebSocketServer({ ...options, noServer: true });
    this.websockets.on('connection', (socket, request) => {
      if (request.url === '/close') socket.close(4001, 'as asked');
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
  }

  handle(exchange: Exchange): void {
    const { req, res } = exchange.node();
    const taken = req.headers.upgrade === 'websocket' ? exchange.takeOver() : undefined;
    if (taken === undefined) {
      res.end('no WebSocket');
      return;
    }
    this.websockets.handleUpgrade(req, taken.socket, taken.head, (socket) => {
      this.websockets.emit('connection', socket, req);
    });
  }
}

async function serve(
  t: TestContext,
  backend: string,
  options: ServerOptions = {},
): Promise<{ echo: Echo; server: StartedBackend }> {
  const echo = new Echo(options);
  const server = await startBackend(backend, echo);
  t.after(() => {
    for (const socket of echo.websockets.clients) socket.terminate();
    return server.close();
  });
  return { echo, server };
}

async function open(
  t: TestContext,
  port: number,
  path = '/',
  options: ClientOptions = {},
): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  t.after(() => socket.terminate());
  await within('the handshake', once(socket, 'open'));
  return socket;
}

const handshake =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** A close frame of a server, with 1001 (RFC 6455 §5.5.1). */
const goingAway = '\x88\x02\x03\xe9';

/** A client of raw bytes, after the handshake. */
async function shaken(t: TestContext, port: number): Promise<Client> {
  const client = await Client.open(t, port);
  await client.write(get('/', handshake));
  await client.has('\r\n\r\n');
  return client;
}

/** The next message. */
async function message(socket: WebSocket): Promise<{ data: Buffer; isBinary: boolean }> {
  const [data, isBinary] = await within('a message', once(socket, 'message'));
  return { data, isBinary };
}

async function echoed(socket: WebSocket, sent: string | Buffer): Promise<void> {
  const reply = message(socket);
  socket.send(sent);
  const { data, isBinary } = await reply;
  assert.equal(isBinary, typeof sent !== 'string');
  assert.equal(Buffer.compare(data, Buffer.from(sent)), 0);
}

for (const backend of testedBackends) {
  describe(`${backend}: ws`, () => {
    for (const perMessageDeflate of [false, true]) {
      test(`text, binary and 1 MiB frames, ${perMessageDeflate ? 'with' : 'without'} deflate`, async (t) => {
        const { server } = await serve(t, backend, { perMessageDeflate });
        const socket = await open(t, server.port, '/', { perMessageDeflate });
        assert.equal(socket.extensions, perMessageDeflate ? 'permessage-deflate' : '');
        await echoed(socket, 'grüße');
        await echoed(socket, Buffer.from([0, 1, 255, 13, 10]));
        await echoed(socket, 'a'.repeat(1024 * 1024));
        await echoed(socket, noise(1024 * 1024));
      });
    }

    test('many messages in flight keep their order', async (t) => {
      const { server } = await serve(t, backend);
      const socket = await open(t, server.port);
      const numbers: number[] = [];
      socket.on('message', (data: Buffer) => numbers.push(Number(data)));
      for (let i = 0; i < 5000; i += 1) socket.send(String(i));
      await until('the messages', () => numbers.length === 5000);
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => i),
      );
    });

    test('ping and pong both ways', async (t) => {
      const { echo, server } = await serve(t, backend);
      const socket = await open(t, server.port);
      const pong = once(socket, 'pong');
      socket.ping('from the client');
      assert.equal(String((await within('a pong', pong))[0]), 'from the client');
      const [peer] = echo.websockets.clients;
      assert.ok(peer);
      const back = once(peer, 'pong');
      peer.ping('from the server');
      assert.equal(String((await within('a pong', back))[0]), 'from the server');
    });

    test('close codes both ways', async (t) => {
      const { echo, server } = await serve(t, backend);
      const socket = await open(t, server.port);
      const [peer] = echo.websockets.clients;
      assert.ok(peer);
      const told = once(peer, 'close');
      socket.close(4000, 'enough');
      const [code, reason] = await within('the close', told);
      assert.deepEqual([code, String(reason)], [4000, 'enough']);
      const other = new WebSocket(`ws://127.0.0.1:${server.port}/close`);
      const [back, why] = await within('the close', once(other, 'close'));
      assert.deepEqual([back, String(why)], [4001, 'as asked']);
    });

    test('a frame in the packet of the handshake is not lost', async (t) => {
      const { server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      const fields =
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
      // A masked text frame "hi" (RFC 6455 §5.2), its mask being zero.
      const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
      await client.write(Buffer.concat([Buffer.from(get('/', fields)), frame]));
      await client.has('\x81\x02hi');
      assert.match(client.text, /^HTTP\/1\.1 101 .*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/s);
    });

    test('a handshake that ws refuses gets its answer, and the connection ends', async (t) => {
      const { server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(
        get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n'),
      );
      await client.end();
      assert.match(client.text, /^HTTP\/1\.1 400 /);
    });

    test('ordinary requests are served beside them, and nothing is left after them', async (t) => {
      const { echo, server } = await serve(t, backend);
      const count = () => readdirSync('/proc/self/fd').length;
      const before = count();
      const sockets = await Promise.all(Array.from({ length: 50 }, () => open(t, server.port)));
      const client = await Client.open(t, server.port);
      await client.write(get('/page'));
      assert.equal((await client.response()).body.toString(), 'no WebSocket');
      client.socket.destroy();
      await Promise.all(sockets.map((socket, i) => echoed(socket, `message ${i}`)));
      for (const [i, socket] of sockets.entries()) {
        if (i % 2 === 0) socket.close(1000);
        else socket.terminate();
      }
      await until('the end of the sockets', () => echo.websockets.clients.size === 0);
      await until('the descriptors', () => count() <= before);
    });

    test('a server that drains closes them with 1001, and ends with the last of them', async (t) => {
      const { echo, server } = await serve(t, backend);
      const socket = await open(t, server.port);
      await echoed(socket, 'before');
      const [peer] = echo.websockets.clients;
      assert.ok(peer);
      const told = Promise.all([once(socket, 'close'), once(peer, 'close')]);
      const drained = server.close(60_000);
      const [[code], [back]] = await within('the close', told);
      assert.deepEqual([code, back], [1001, 1001]);
      assert.deepEqual(await within('the drain', drained), { cut: 0 });
    });

    test('an application that closes them itself is not in the way', async (t) => {
      const { echo, server } = await serve(t, backend);
      const [first, second] = [await open(t, server.port), await open(t, server.port)];
      const told = Promise.all([once(first, 'close'), once(second, 'close')]);
      const [one, two] = echo.websockets.clients;
      one?.close(4002);
      const drained = server.close(60_000);
      two?.close(4002);
      const codes = (await within('the close', told)).map(([code]) => code);
      assert.deepEqual(codes, [4002, 1001]);
      assert.deepEqual(await within('the drain', drained), { cut: 0 });
    });

    test('a client that does not answer the close is cut at the deadline', async (t) => {
      const { server } = await serve(t, backend);
      const client = await shaken(t, server.port);
      assert.deepEqual(await within('the drain', server.close(250)), { cut: 0 });
      await client.end();
      assert.ok(client.text.endsWith(goingAway), JSON.stringify(client.text));
    });
  });
}
