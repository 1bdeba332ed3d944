// How requests and responses end that the application itself cuts: which events come, and what the messages say then.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { createServer } from '../../lib/create-server.js';
import {
  closed,
  compare,
  exchangeBytes,
  get,
  listening,
  type Make,
  serving,
} from '../helpers/compare-servers.js';

const tick = (action: () => void): void => void setTimeout(action, 20);

/** What each does with a request that has no body. */
const listeners: Record<string, RequestListener> = {
  'the request is destroyed': (req) => req.destroy(),
  'the request is destroyed before the end': (req, res) => {
    req.destroy();
    res.end('x');
  },
  'the request is destroyed with an error': (req, res) => {
    req.destroy(new Error('broken'));
    res.end();
  },
  'the request is destroyed, and the response ended later': (req, res) => {
    req.destroy();
    tick(() => res.end());
  },
  'the request is destroyed in the tick of a write': (req, res) => {
    res.write('x');
    req.destroy();
  },
  'the request is destroyed behind the head': (req, res) => {
    res.flushHeaders();
    req.destroy();
  },
  'the request is destroyed later': (req, res) => {
    res.write('x');
    tick(() => req.destroy());
  },
  'the socket is destroyed in the tick of a write': (req, res) => {
    res.write('x');
    req.socket.destroy();
  },
  'the socket is destroyed in the tick of a write, before the end': (req, res) => {
    res.write('x');
    req.socket.destroy();
    res.end('y');
  },
  'the socket is destroyed behind the end': (req, res) => {
    res.end('x');
    req.socket.destroy();
  },
  'the response is destroyed behind the end': (_req, res) => void res.end('x').destroy(),
  'the response is destroyed before the end': (_req, res) => {
    res.destroy();
    res.end();
  },
  'the response is ended': (_req, res) => void res.end('x'),
};

async function endOf(make: Make, listener: RequestListener): Promise<unknown> {
  const told = { request: [] as string[], response: [] as string[], socket: [] as string[] };
  const states: unknown[] = [];
  const server = make((req, res) => {
    watch(req, ['aborted', 'error', 'close'], told.request);
    watch(res, ['prefinish', 'finish', 'error', 'close'], told.response);
    watch(req.socket, ['close'], told.socket);
    res.once('close', () => server.emit('seen'));
    listener(req, res);
    states.push(stateOf(req, res));
    server.emit('asked', req, res);
  });
  const client = connect({ port: await listening(server), host: '127.0.0.1' }).on('error', () => {});
  const seen = once(server, 'seen');
  const asked = once(server, 'asked');
  client.resume().write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const [req, res] = (await asked) as [IncomingMessage, ServerResponse];
  await Promise.all([seen, once(client, 'close')]);
  if (!res.writableEnded) res.end();
  states.push(stateOf(req, res), res.writableFinished);
  await closed(server);
  return [told, states];
}

function watch(emitter: NodeJS.EventEmitter, events: readonly string[], told: string[]): void {
  for (const event of events) {
    emitter.on(event, (error: unknown) =>
      told.push(error instanceof Error ? `${event}: ${error.message}` : event),
    );
  }
}

function stateOf(req: IncomingMessage, res: ServerResponse): unknown {
  const { writableEnded, finished, closed } = res;
  return [req.destroyed, req.aborted, res.destroyed, writableEnded, finished, closed];
}

describe('the end of a request that the application cuts', () => {
  for (const [name, listener] of Object.entries(listeners)) {
    compare(name, (make) => endOf(make, listener));
  }
});

compare('a small response is finished when end() returns', (make) => {
  const states: unknown[] = [];
  const listener: RequestListener = (_req, res) => {
    res.once('prefinish', () => states.push('prefinish')).end('x');
    states.push(res.writableFinished, res.writableLength, res.headersSent);
  };
  return serving(make, listener, async (port) => [await get(port), states]);
});

describe('behind a response that is still to come', () => {
  const begun: Record<string, (res: ServerResponse) => void> = {
    'not begun': () => {},
    begun: (res) => void res.write('second'),
    ended: (res) => void res.end('second'),
  };
  const cuts: Record<string, (req: IncomingMessage, res: ServerResponse) => void> = {
    'the request is destroyed': (req) => req.destroy(),
    'the response is destroyed': (_req, res) => void res.destroy(),
  };
  // As Node 20 and 22 do it. Newer ones leave the connection of such a response open for ever, and send what it has.
  const cutBehind = {
    bytes:
      'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 5\r\n\r\nfirst',
    told: ['aborted, behind the first', 'error, behind the first', 'close, behind the first'],
  };
  const leavesOpen = Number(process.versions.node.split('.', 1)[0]) >= 24;
  for (const [state, begin] of Object.entries(begun)) {
    for (const [name, cut] of Object.entries(cuts)) {
      const scenario = async (make: Make): Promise<{ bytes: string; told: string[] }> => {
        const told: string[] = [];
        let front: ServerResponse | undefined;
        const bytes = await serving(
          make,
          (req, res) => {
            if (front === undefined) {
              front = res;
              return;
            }
            for (const event of ['aborted', 'error', 'close'])
              req.on(event, () =>
                told.push(`${event}, ${front?.writableFinished ? 'behind' : 'before'} the first`),
              );
            begin(res);
            setImmediate(() => {
              cut(req, res);
              tick(() => front?.end('first'));
            });
          },
          (port) => exchangeBytes(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2)),
        );
        for (let i = 0; i < 5; i++) await new Promise(setImmediate);
        return { bytes, told };
      };
      const title = `${name}, its response is ${state}`;
      if (name === 'the request is destroyed') compare(title, scenario);
      else if (!leavesOpen) compare(title, scenario, cutBehind);
      else test(title, async () => assert.deepEqual(await scenario(createServer as Make), cutBehind));
    }
  }
});

describe('an answer for nobody', () => {
  const answers = (res: ServerResponse): unknown[] => {
    const told: unknown[] = [];
    const attempt = (what: () => unknown): void => {
      try {
        const result = what();
        told.push(result === res ? 'itself' : result);
      } catch (error) {
        told.push((error as NodeJS.ErrnoException).code);
      }
    };
    res.statusMessage = 'not\nlooked at';
    for (const body of ['first', 'second']) {
      attempt(() => res.setHeader('X-Answer', body));
      attempt(() => res.end(body, 'no encoding' as BufferEncoding));
      attempt(() => [res.headersSent, res.writableEnded, res.getHeader('x-answer')]);
    }
    res.statusMessage = 'OK';
    attempt(() => res.writeHead(500));
    attempt(() => res.headersSent);
    attempt(() => res.setHeader('X-Answer', 'third'));
    return told;
  };

  compare('may be given twice, when the response was destroyed', async (make) => {
    let told: unknown;
    const server = make((_req, res) => {
      res.destroy();
      told = answers(res);
    });
    const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(client, 'close');
    await closed(server);
    return told;
  });

  compare('may be given twice, when the client has left', async (make) => {
    const server = make();
    const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [, res] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
    client.destroy();
    await once(res, 'close');
    const told = answers(res);
    await closed(server);
    return told;
  });
});
