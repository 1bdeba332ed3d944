// What requests, responses and sockets tell, and say of themselves, when the client goes: found by random programs.
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { setImmediate as nextRound, setTimeout as sleep } from 'node:timers/promises';
import { closed, compare, listening, type Make } from '../helpers/compare-servers.js';

type Log = (text: string) => void;

interface Scenario {
  readonly bytes: string;
  readonly handler?: (req: IncomingMessage, res: ServerResponse, log: Log) => void;
  readonly prepare?: (server: Server, log: Log) => void;
  /** What the client does when it has all that comes at once; nothing when the server ends the connection. */
  readonly leave?: (client: Socket, server: Server) => void;
}

function watchSocket(socket: Socket, log: Log): void {
  for (const event of ['end', 'finish', 'error', 'close']) {
    socket.on(event, (value: unknown) => {
      const { destroyed, readable, writable, writableEnded } = socket;
      const detail = value instanceof Error ? (value as NodeJS.ErrnoException).code : value;
      log(`socket ${event} ${detail} ${[destroyed, readable, writable, writableEnded]}`);
    });
  }
}

function watch(name: string, emitter: NodeJS.EventEmitter, events: readonly string[], log: Log): void {
  for (const event of events) emitter.on(event, () => log(`${name} ${event}`));
}

const fin = (client: Socket): void => void client.end();

async function told(make: Make, { bytes, handler, prepare, leave }: Scenario): Promise<unknown> {
  const lines: string[] = [];
  const log: Log = (text) => lines.push(text);
  const listener: RequestListener = (req, res) => (handler ?? (() => {}))(req, res, log);
  const server = make(listener);
  server.keepAliveTimeout = 60_000;
  prepare?.(server, log);
  const client = connect({ port: await listening(server), host: '127.0.0.1' }).on('error', () => {});
  await once(client, 'connect');
  let received = '';
  client.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  client.write(bytes);
  if (leave !== undefined) {
    await sleep(50);
    for (let i = 0; i < 3; i++) await nextRound(); // The server has read by now, however late the timer was.
    leave(client, server);
  }
  if (!client.destroyed) await Promise.race([once(client, 'close'), sleep(1000)]);
  const isEnded = client.destroyed;
  client.destroy();
  for (let i = 0; i < 5; i++) await nextRound();
  await closed(server);
  return { lines, isEnded, received: received.replace(/^Date: .*$/m, 'Date: now') };
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const atConnection = (server: Server, log: Log): void =>
  void server.on('connection', (socket: Socket) => watchSocket(socket, log));
const watchPair = (req: IncomingMessage, res: ServerResponse, log: Log): void => {
  watch(`request ${req.url}`, req, ['aborted', 'end', 'error', 'close'], log);
  watch('response', res, ['finish', 'close'], log);
};

describe('a client that goes', () => {
  const scenarios: Record<string, Scenario> = {
    'without an answer': { bytes: get, handler: watchPair, prepare: atConnection, leave: fin },
    'without an answer, heard in the handler': {
      bytes: get,
      handler: (req, res, log) => {
        watchSocket(req.socket, log);
        watchPair(req, res, log);
      },
      leave: fin,
    },
    'between two requests': {
      bytes: get,
      handler: (_req, res) => void res.end(),
      prepare: atConnection,
      leave: fin,
    },
    'before its first request': { bytes: '', prepare: atConnection, leave: fin },
    'within a body': {
      bytes: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc',
      handler: watchPair,
      prepare: atConnection,
      leave: fin,
    },
    'within a head': { bytes: 'GET / HT', prepare: atConnection, leave: fin },
    "within a head, and 'clientError' answers": {
      bytes: 'GET / HT',
      prepare: (server, log) => {
        atConnection(server, log);
        server.on('clientError', (_error, socket) => void socket.end('HTTP/1.1 400 Bad\r\n\r\n'));
      },
      leave: fin,
    },
    'a listener of its end destroys the socket': {
      bytes: get,
      handler: watchPair,
      prepare: (server, log) => {
        atConnection(server, log);
        server.on('connection', (socket: Socket) => socket.on('end', () => socket.destroy()));
      },
      leave: fin,
    },
    'with an Upgrade that nobody takes': {
      bytes: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      handler: watchPair,
      leave: fin,
    },
  };
  for (const [name, scenario] of Object.entries(scenarios)) compare(name, (make) => told(make, scenario));

  compare("with two requests, which hear 'aborted' before one hears 'close'", (make) =>
    told(make, {
      bytes: `${get}${get.replace('/', '/2')}`,
      handler: (req, _res, log) => watch(`request ${req.url}`, req, ['aborted', 'error', 'close'], log),
      prepare: atConnection,
      leave: fin,
    }),
  );
});

describe('a connection that the server ends', () => {
  const end = (_req: IncomingMessage, res: ServerResponse): void => void res.end('x');
  compare('behind the last response', (make) =>
    told(make, {
      bytes: get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
      handler: end,
      prepare: atConnection,
    }),
  );
  compare('by closeIdleConnections()', (make) =>
    told(make, {
      bytes: get,
      handler: end,
      prepare: atConnection,
      leave: (_client, server) => server.closeIdleConnections(),
    }),
  );
  compare('by closeAllConnections()', (make) =>
    told(make, {
      bytes: '',
      prepare: atConnection,
      leave: (_client, server) => server.closeAllConnections(),
    }),
  );
  compare('since a chunk is bad: what came before it is heard first', (make) =>
    told(make, {
      bytes: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n',
      handler: (req, res, log) => {
        watchPair(req, res, log);
        watch('request', req, ['data', 'resume'], log);
      },
    }),
  );
});

describe('a body that comes with its request', () => {
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc';
  for (const event of ['finish', 'drain']) {
    compare(`is read by who listens behind end(), also when somebody waits for '${event}'`, (make) =>
      told(make, {
        bytes: post,
        handler: (req, res, log) => {
          watch('response', res, [event], log);
          res.end('x');
          watch('request', req, ['data', 'end'], log);
        },
      }),
    );
  }
});
