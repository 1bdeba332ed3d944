// How responses end: callbacks of end(), 'prefinish', 'finish' and 'close', and the connection that ends in the same tick.
import { once } from 'node:events';
import type * as http from 'node:http';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { closed, compare, listening, type Make } from '../helpers/compare-servers.js';

type Log = (event: string) => void;

/** Send bytes, and log what the handler tells until the response has closed and the connection has. */
async function seen(
  make: Make,
  bytes: string,
  handler: (req: http.IncomingMessage, res: http.ServerResponse, log: Log) => void,
): Promise<unknown[]> {
  const events: string[] = [];
  const log: Log = (event) => events.push(event);
  let done: Promise<unknown> | undefined;
  const server = make((req, res) => {
    done = once(res, 'close');
    for (const event of ['prefinish', 'finish', 'close']) {
      res.on(event, () => log(`${event} ${res.writableFinished}`));
    }
    handler(req, res, log);
  });
  const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
  let length = 0;
  client.on('data', (data: Buffer) => {
    length += data.length;
  });
  client.write(bytes);
  await once(client, 'data');
  await done;
  await closed(server);
  client.destroy();
  return [events, length];
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const half = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab';

function codeOf(error: unknown): string {
  return error instanceof Error ? String((error as NodeJS.ErrnoException).code) : String(error);
}

/** Whether the running Node says that a response is finished as soon as it was handed to the kernel, which is later
 *  here: 'prefinish' and the second end() then tell of another state. */
const withoutPrefinish = (events: unknown[]): unknown[] => [
  (events[0] as string[]).filter((event) => !event.startsWith('prefinish')),
  events[1],
];

describe('the callback of end()', () => {
  compare('is told how it went, in its place among the events', (make) =>
    seen(make, get, (_req, res, log) => {
      res.end('x', (...error: unknown[]) => log(`callback ${error.map(codeOf)}`));
    }).then(withoutPrefinish),
  );

  compare('behind chunks', (make) =>
    seen(make, get, (_req, res, log) => {
      res.write('a');
      res.end((...error: unknown[]) => log(`callback ${error.map(codeOf)}`));
    }).then(withoutPrefinish),
  );

  compare('of a response that has finished', (make) =>
    seen(make, get, (_req, res, log) => {
      res.end('x');
      res.on('close', () => {
        res.end((...error: unknown[]) => log(`callback ${error.map(codeOf)}`));
        log('behind');
      });
    }).then(withoutPrefinish),
  );
});

describe('a connection that is cut in the tick of end()', () => {
  for (const [how, cut] of [
    ['res.destroy()', (_req, res) => res.destroy()],
    ['req.socket.destroy()', (req) => req.socket.destroy()],
    ['req.destroy()', (req) => req.destroy()],
    ['req.socket.destroy() a tick later', (req) => process.nextTick(() => req.socket.destroy())],
    ['res.socket.end()', (_req, res) => res.socket?.end()],
  ] as [string, (req: http.IncomingMessage, res: http.ServerResponse) => void][]) {
    for (const bytes of [get, half]) {
      compare(`by ${how}, ${bytes === get ? 'without a body' : 'within the body'}`, (make) =>
        seen(make, bytes, (req, res, log) => {
          for (const event of ['aborted', 'error', 'close']) {
            if (bytes === half) req.on(event, () => log(`req ${event}`));
          }
          res.writeHead(413, { Connection: 'close' }).end('too much');
          cut(req, res);
        }).then(withoutPrefinish),
      );
    }
  }
});

describe('responses of one connection that end in one tick', () => {
  const events = async (make: Make, isHeld: boolean): Promise<string[]> => {
    const told: string[] = [];
    const held: (() => void)[] = [];
    const server = make((req, res) => {
      const n = req.url;
      for (const event of ['finish', 'close']) res.on(event, () => told.push(`${n} ${event}`));
      for (const event of ['end', 'close']) req.on(event, () => told.push(`${n} request ${event}`));
      if (!isHeld) res.end('x');
      else if (held.push(() => res.end('x')) === 3) {
        setImmediate(() => {
          for (const end of held) end();
          process.nextTick(() => told.push('tick'));
        });
      }
    });
    const client = connect(await listening(server), '127.0.0.1');
    client.write(['/1', '/2', '/3'].map((url) => `GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    while (told.length < (isHeld ? 13 : 12)) await new Promise(setImmediate);
    client.destroy();
    await closed(server);
    return told;
  };

  compare("each is closed before 'finish' of the next", (make) => events(make, true));
  compare('also when their handlers end them', (make) => events(make, false));
});
