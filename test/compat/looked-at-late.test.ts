// A request that nobody has treated as a stream, looked at when all is over: as node:http shows it.
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { finished } from 'node:stream';
import { describe } from 'node:test';
import { compare, serving } from '../helpers/compare-servers.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function shown(req: IncomingMessage, res: ServerResponse): Record<string, unknown> {
  const { _dumped } = req as unknown as { _dumped: boolean };
  const { readable, readableEnded, readableFlowing, readableDidRead, destroyed, closed, complete } = req;
  return {
    ...{ _dumped, readable, readableEnded, readableFlowing, readableDidRead, destroyed, closed, complete },
    ...{ aborted: req.aborted, errored: req.errored?.message },
    response: [res.writableFinished, res.destroyed, res.closed, res.socket === null],
  };
}

/** What somebody sees who comes when all is over: the states, what finished() says, and what is still told. */
async function late(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
  const told: string[] = [];
  const states = shown(req, res);
  finished(req, (error) => told.push(`finished: ${error}`));
  for (const event of ['data', 'end', 'close', 'error']) req.on(event, () => told.push(event));
  for (let i = 0; i < 5; i++) await turn();
  return [states, told];
}

type Asked = (client: Socket) => Promise<unknown>;
const answered: Asked = (client) => once(client, 'data');

function looks(name: string, listener: RequestListener, bytes: string, until: Asked): void {
  compare(name, (make) => {
    let seen: [IncomingMessage, ServerResponse] | undefined;
    const keep: RequestListener = (req, res) => {
      seen = [req, res];
      listener(req, res);
    };
    return serving(make, keep, async (port) => {
      const client = connect({ port, host: '127.0.0.1' }).on('error', () => {});
      client.write(`POST / HTTP/1.1\r\nHost: a\r\n${bytes}`);
      await until(client);
      for (let i = 0; i < 5; i++) await turn();
      const result = seen && (await late(...seen));
      client.destroy();
      return result;
    });
  });
}

const answer: RequestListener = (_req, res) => {
  res.end('answer');
};
const answerLater: RequestListener = (_req, res) => {
  setImmediate(() => res.end('answer'));
};
const answerHeard: RequestListener = (_req, res) => {
  res.on('finish', () => {});
  res.end('answer');
};

describe('a request that was answered, and looked at later', () => {
  for (const [how, listener] of [
    ['at once', answer],
    ['later', answerLater],
    ["with a listener of 'finish'", answerHeard],
  ] as const) {
    looks(`${how}, without a body`, listener, 'Content-Length: 0\r\n\r\n', answered);
    looks(`${how}, with its body`, listener, 'Content-Length: 3\r\n\r\nabc', answered);
    looks(`${how}, with half of its body`, listener, 'Content-Length: 3\r\n\r\na', answered);
  }

  compare('in a promise of its handler', (make) => {
    let states: unknown;
    const listener: RequestListener = (req, res) => {
      res.end('answer');
      void Promise.resolve().then(() => {
        const { response, ...request } = shown(req, res);
        states = request;
      });
    };
    return serving(make, listener, async (port) => {
      const client = connect({ port, host: '127.0.0.1' });
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(client, 'data');
      client.destroy();
      return states;
    });
  });
});

describe('a request whose client has left, and looked at later', () => {
  let gone: Promise<unknown> | undefined;
  const wait: RequestListener = (req) => {
    gone = new Promise((resolve) => req.socket.once('close', resolve));
  };
  const leave: Asked = async (client) => {
    while (gone === undefined) await turn();
    client.destroy();
    await gone;
    gone = undefined;
  };
  // One with a body can be read here even then (docs/server-behavior.md).
  looks('without a body', wait, 'Content-Length: 0\r\n\r\n', leave);
});
