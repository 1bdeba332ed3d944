// ws, engine.io and socket.io attached to a server, as people attach them: the same on node:http and on ours.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type * as http from 'node:http';
import { Server as SocketIoServer } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { compare, listening, type Make } from '../helpers/compare-servers.js';

/** A server that echoes on `/` and does as it is told by the path elsewhere, and what a test needs of it. */
class Echo {
  readonly server: http.Server;
  readonly websockets: WebSocketServer;
  port = 0;

  constructor(make: Make, options: ServerOptions = {}) {
    this.server = make((_req, res) => res.end('no WebSocket'));
    this.websockets = new WebSocketServer({ server: this.server, ...options });
    this.websockets.on('connection', (socket, request) => {
      socket.on('error', () => {});
      if (request.url === '/close') socket.close(4001, 'as asked');
      if (request.url === '/terminate') socket.terminate();
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
  }

  async start(): Promise<this> {
    this.port = await listening(this.server);
    return this;
  }

  async open(options: ClientOptions = {}): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}/`, options);
    await once(socket, 'open');
    return socket;
  }

  async close(): Promise<void> {
    for (const socket of this.websockets.clients) socket.terminate();
    this.server.close();
    await once(this.server, 'close');
  }
}

async function echoed(socket: WebSocket, message: string | Buffer): Promise<[unknown, boolean]> {
  socket.send(message);
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
  return [isBinary ? data.equals(message as Buffer) : data.toString(), isBinary];
}

for (const perMessageDeflate of [false, true]) {
  const how = perMessageDeflate ? 'deflated' : 'plain';
  compare(`ws: text, binary, empty and large messages, ${how}`, async (make) => {
    const echo = await new Echo(make, { perMessageDeflate }).start();
    const socket = await echo.open({ perMessageDeflate });
    const text = 'Grüße, 世界 '.repeat(100_000);
    const seen = [
      socket.extensions,
      await echoed(socket, 'hello'),
      await echoed(socket, ''),
      await echoed(socket, randomBytes(3)),
      await echoed(socket, randomBytes(4 * 1024 * 1024)),
      (await echoed(socket, text))[0] === text,
    ];
    socket.close();
    await once(socket, 'close');
    await echo.close();
    return seen;
  });
}

compare('ws: pings from both sides', async (make) => {
  const echo = await new Echo(make).start();
  echo.websockets.on('connection', (socket) => {
    socket.on('pong', (data) => socket.send(`pong ${data}`));
    socket.on('message', () => socket.ping('from the server'));
  });
  const socket = await echo.open();
  socket.ping('from the client');
  const [pong] = await once(socket, 'pong');
  const told: string[] = [];
  socket.on('message', (data) => told.push(String(data)));
  socket.send('ping me');
  while (told.length < 2) await once(socket, 'message');
  socket.terminate();
  await echo.close();
  return [String(pong), told.sort()];
});

compare('ws: how each side closes', async (make) => {
  const echo = await new Echo(make, { maxPayload: 1000 }).start();
  const ends: unknown[] = [];
  const told = async (socket: WebSocket): Promise<void> => {
    const [code, reason] = await once(socket, 'close');
    ends.push([code, String(reason)]);
  };
  for (const path of ['/close', '/terminate']) {
    await told(new WebSocket(`ws://127.0.0.1:${echo.port}${path}`).on('error', () => {}));
  }
  const closing = await echo.open();
  const server = once([...echo.websockets.clients].at(-1) as WebSocket, 'close');
  closing.close(3000, 'the client');
  await told(closing);
  const [code, reason] = await server;
  ends.push(['server', code, String(reason)]);
  const tooLarge = await echo.open();
  tooLarge.send('x'.repeat(1001));
  await told(tooLarge);
  await echo.close();
  return ends;
});

compare('ws: a handshake that is refused', async (make) => {
  const echo = await new Echo(make, {
    verifyClient: ({ req }: { req: http.IncomingMessage }) => req.url !== '/no',
    path: '/yes',
  }).start();
  const answers: unknown[] = [];
  for (const path of ['/no', '/other']) {
    const socket = new WebSocket(`ws://127.0.0.1:${echo.port}${path}`).on('error', () => {});
    const [request, response] = (await once(socket, 'unexpected-response')) as [
      http.ClientRequest,
      http.IncomingMessage,
    ];
    answers.push([response.statusCode, response.headers.connection, response.headers['content-type']]);
    request.destroy();
  }
  await echo.close();
  return answers;
});

compare('ws: three hundred clients, and a server that closes under them', async (make) => {
  const echo = await new Echo(make).start();
  const sockets = await Promise.all(Array.from({ length: 300 }, () => echo.open()));
  const answers = await Promise.all(sockets.map((socket, i) => echoed(socket, `message ${i}`)));
  const connections = await new Promise((resolve) =>
    echo.server.getConnections((_, count) => resolve(count)),
  );
  let hasClosed = false;
  echo.server.close(() => {
    hasClosed = true;
  });
  // They outlive the listening socket, and hold 'close' back.
  const [first = assert.fail()] = sockets;
  const after = await echoed(first, 'still here');
  const early = hasClosed;
  const gone = once(echo.server, 'close');
  const codes = sockets.map(async (socket) => (await once(socket, 'close'))[0]);
  for (const socket of echo.websockets.clients) socket.close(1001);
  const ends = new Set(await Promise.all(codes));
  await gone;
  return [answers, connections, after, early, [...ends]];
});

/** A Socket.IO server that answers, acknowledges, and passes on to a room. */
async function chat(make: Make): Promise<{ server: http.Server; chat: SocketIoServer; url: string }> {
  const server = make();
  const chat = new SocketIoServer(server, { maxHttpBufferSize: 1e7 });
  chat.of('/rooms').on('connection', (socket) => {
    socket.on('join', async (room: string, done: (size: number) => void) => {
      await socket.join(room);
      done((await chat.of('/rooms').in(room).fetchSockets()).length);
    });
    socket.on('say', (room: string, text: unknown) => chat.of('/rooms').to(room).emit('said', text));
  });
  chat.on('connection', (socket) => {
    socket.on('echo', (...args: unknown[]) => socket.emit('echo', ...args));
    socket.on('size', (data: Buffer, done: (size: number) => void) => done(data.length));
  });
  return { server, chat, url: `http://127.0.0.1:${await listening(server)}` };
}

async function connected(socket: Socket): Promise<Socket> {
  if (!socket.connected) await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
  return socket;
}

const next = (socket: Socket, event: string): Promise<unknown[]> =>
  new Promise((resolve) => socket.once(event, (...args: unknown[]) => resolve(args)));

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  compare(
    `socket.io: events, acknowledgements and binary over ${transports.join(', then ')}`,
    async (make) => {
      const { chat: chatServer, url } = await chat(make);
      const socket = io(url, { transports, forceNew: true });
      await connected(socket);
      const { engine } = socket.io;
      if (transports.length > 1 && engine.transport.name === 'polling') {
        await new Promise((resolve) => engine.once('upgrade', () => resolve(undefined)));
      }
      const answer = next(socket, 'echo');
      socket.emit('echo', 'text', 1, { nested: [true, null] }, Buffer.from('bytes'));
      const seen = [
        engine.transport.name,
        JSON.stringify(await answer),
        await socket.emitWithAck('size', randomBytes(2 * 1024 * 1024)),
      ];
      const [reason] = await Promise.all([next(socket, 'disconnect'), chatServer.close()]);
      socket.close();
      return [...seen, reason[0]];
    },
  );
}

compare('socket.io: a namespace and its rooms', async (make) => {
  const { chat: chatServer, url } = await chat(make);
  const one = await connected(io(`${url}/rooms`, { forceNew: true, transports: ['websocket'] }));
  const two = await connected(io(`${url}/rooms`, { forceNew: true }));
  const sizes = [await one.emitWithAck('join', 'red'), await two.emitWithAck('join', 'red')];
  const heard = Promise.all([next(one, 'said'), next(two, 'said')]);
  one.emit('say', 'red', 'hello, red');
  const said = await heard;
  one.close();
  two.close();
  await chatServer.close();
  return [sizes, said];
});

compare('socket.io: its client and its errors over plain HTTP', async (make) => {
  const { chat: chatServer, url } = await chat(make);
  const answers: unknown[] = [];
  for (const path of ['socket.io.js', '?EIO=4&transport=none', '?EIO=4&transport=polling&sid=none']) {
    const response = await fetch(`${url}/socket.io/${path}`, { headers: { connection: 'close' } });
    // Where node:http does not know the length when the head is made, ours does.
    const left = ['date', 'content-length', 'transfer-encoding'];
    const headers = [...response.headers].filter(([name]) => !left.includes(name));
    answers.push([response.status, headers, await response.text()]);
  }
  await chatServer.close();
  return answers;
});
