// What is said in a place or an order in which nobody says it, as on node:http.
import { once } from 'node:events';
import type * as http from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe } from 'node:test';
import { setImmediate as nextRound } from 'node:timers/promises';
import { compare, exchangeBytes, serving } from '../helpers/compare-servers.js';
import { same } from '../helpers/told.js';

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

const postBody = get.replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 4\r\n\r\nbody');

function attempt(log: (text: string) => void, name: string, run: () => unknown): void {
  try {
    const value = run();
    log(`${name} ${typeof value === 'object' ? typeof value : String(value)}`);
  } catch (error) {
    log(`${name} throws ${(error as { code?: string }).code}`);
  }
}

describe('the reason phrase', () => {
  for (const text of ['', 'Late', undefined, null]) {
    same(`${JSON.stringify(text)} set behind the head`, get, (_req, res, log) => {
      res.write('a');
      res.statusMessage = text as string;
      log(String(res.statusMessage));
      res.statusCode = 404;
      log(String(res.statusMessage));
      res.end('b');
      log(String(res.statusMessage));
    });
    same(`${JSON.stringify(text)} set behind writeHead()`, get, (_req, res, log) => {
      res.writeHead(200);
      res.statusMessage = text as string;
      log(String(res.statusMessage));
      res.end('b');
      log(String(res.statusMessage));
    });
    same(`${JSON.stringify(text)} set before the head`, get, (_req, res, log) => {
      res.statusMessage = text as string;
      log(String(res.statusMessage));
      res.end('b');
      log(String(res.statusMessage));
    });
  }
  same('and a status set behind the head that allows no body', get, (_req, res, log) => {
    res.write('a');
    res.statusCode = 204;
    log(`${res.statusMessage} ${res.write('b')}`);
    res.end('c');
    log(`${res.statusMessage} ${res.statusCode}`);
  });
  same('and a status set behind flushHeaders() that allows no body', get, (_req, res, log) => {
    res.flushHeaders();
    res.statusCode = 304;
    log(`${res.statusMessage} ${res.write('b')}`);
    setImmediate(() => res.end('c'));
  });
});

same('an empty list as Trailer', get, (_req, res, log) => {
  attempt(log, 'appendHeader', () => res.appendHeader('Trailer', []));
  attempt(log, 'end', () => res.end('x'));
});

describe('cork() without uncork()', () => {
  same('and a length', get, (_req, res, log) => {
    res.setHeader('Content-Length', 3);
    res.cork();
    res.write('a', () => log('written'));
    res.write('b');
    setImmediate(() => res.end('c'));
  });
  same('and an end in the same tick', get, (_req, res, log) => {
    res.cork();
    res.cork();
    res.on('finish', () => log('finish'));
    res.end('c', () => log('ended'));
    log(`${res.writableCorked}`);
  });
});

describe('the length of encoded text', () => {
  const texts = {
    hex: '6162',
    base64: 'aGk=',
    base64url: 'aGk',
    latin1: 'é',
    ascii: 'abc',
    utf16le: '€',
    utf8: '€',
  };
  for (const [name, text] of Object.entries(texts)) {
    const encoding = name as BufferEncoding;
    same(`${encoding} in end()`, get, (_req, res) => res.end(text, encoding));
    same(`${encoding} in write()`, get, (_req, res) => {
      res.write(text, encoding);
      res.end(text, encoding);
    });
    same(`${encoding} with strictContentLength`, get, (_req, res, log) => {
      res.strictContentLength = true;
      res.setHeader('Content-Length', Buffer.byteLength(text, encoding));
      attempt(log, 'end', () => res.end(text, encoding));
    });
  }
});

describe('a status without a body', () => {
  for (const status of [204, 304]) {
    same(`${status} with a Trailer in writeHead()`, get, (_req, res, log) => {
      attempt(log, 'writeHead', () => res.writeHead(status, { Trailer: 'x-t', 'x-a': '1' }));
      log(`${res.headersSent} ${res.statusCode} ${JSON.stringify(res.getHeaders())}`);
      attempt(log, 'again', () => res.writeHead(status, { 'x-b': '2' }));
      res.end();
    });
    same(`${status} with a Trailer set`, get, (_req, res, log) => {
      res.setHeader('Trailer', 'x-t');
      attempt(log, 'writeHead', () => res.writeHead(status, { 'x-a': '1' }));
      log(`${res.headersSent} ${JSON.stringify(res.getHeaders())}`);
      res.removeHeader('Trailer');
      res.end('a');
    });
  }
  same('and a phrase that cannot be sent, in writeHead()', get, (_req, res, log) => {
    attempt(log, 'writeHead', () => res.writeHead(404, 'a\nb', { 'x-a': '1' }));
    res.statusMessage = 'Good';
    res.end('a');
  });
});

describe('a pipelined response that ends before the one in front', () => {
  const requests = `${get.replace('Connection: close\r\n', '')}${get}`;
  type Hear = (listen: () => void) => void;
  const moments: Record<string, Hear> = {
    'at once': (listen) => listen(),
    'in the next tick': (listen) => process.nextTick(listen),
    'in a promise job': (listen) => void Promise.resolve().then(listen),
    'in an immediate': (listen) => void setImmediate(listen),
  };
  for (const [name, hear] of Object.entries(moments)) {
    compare(`is finished behind it, for who listens ${name}`, async (make) => {
      const lines: string[] = [];
      let first: http.ServerResponse | undefined;
      const bytes = await serving(
        make,
        (_req, res) => {
          if (first === undefined) {
            first = res;
            return;
          }
          res.end('second');
          hear(() => {
            res.on('finish', () => lines.push(`second finish ${res.writableFinished}`));
            res.on('close', () => lines.push(`second close ${res.destroyed}`));
          });
          setImmediate(() =>
            setImmediate(() => {
              lines.push('first ends');
              first?.on('finish', () => lines.push('first finish'));
              first?.end('first');
            }),
          );
        },
        (port) => exchangeBytes(port, requests),
      );
      await nextRound();
      return { lines, bytes };
    });
  }
});

compare("'prefinish' of a pipelined response is not before its turn", async (make) => {
  const lines: string[] = [];
  let first: http.ServerResponse | undefined;
  await serving(
    make,
    (_req, res) => {
      if (first === undefined) {
        first = res;
        return;
      }
      res.on('prefinish', () => lines.push('prefinish'));
      res.end('second');
      setImmediate(() => {
        lines.push('first ends');
        first?.end('first');
      });
    },
    (port) => exchangeBytes(port, `${get.replace('Connection: close\r\n', '')}${get}`),
  );
  await nextRound();
  return lines;
});

describe('a socket', () => {
  for (const error of [undefined, new Error('mine')]) {
    const name = error === undefined ? '' : ' with an error';
    const states = (socket: Socket): string =>
      `${socket.errored?.message} ${socket.writableEnded} ${socket.writable} ${socket.destroyed}`;
    same(`that is destroyed${name}`, get, ({ socket }, _res, log) => {
      socket.on('error', () => log(`error ${states(socket)}`));
      socket.on('close', (failed) => log(`close ${failed} ${states(socket)}`));
      socket.destroy(error);
      log(states(socket));
    });
    same(`whose response is destroyed${name}`, get, ({ socket }, res, log) => {
      socket.on('error', () => log(`error ${states(socket)}`));
      socket.on('close', (failed) => log(`close ${failed} ${states(socket)}`));
      res.destroy(error);
      log(states(socket));
    });
    same(`that is ended and destroyed${name}`, get, ({ socket }, res, log) => {
      res.end('a');
      socket.end();
      log(states(socket));
      socket.destroy(error);
      log(states(socket));
    });
  }
});

describe('bodies', () => {
  same('that somebody begins to read behind the end of the response', postBody, (req, res, log) => {
    res.end('a');
    req.on('data', () => log('data'));
    req.on('end', () => log('end'));
  });
  same('that somebody reads when the response ends', postBody, (req, res, log) => {
    req.on('data', () => log('data'));
    req.on('end', () => log('end'));
    res.end('a');
  });
  compare('of connections that come together end before the next handler runs', async (make) => {
    const lines: string[] = [];
    await serving(
      make,
      (req, res) => {
        lines.push(`handler ${req.url}`);
        req.on('data', () => lines.push(`data ${req.url}`));
        req.on('end', () => {
          lines.push(`end ${req.url}`);
          process.nextTick(() => lines.push(`tick ${req.url}`));
          res.end(req.url);
        });
      },
      async (port) => {
        const ask = async (path: string) => {
          const socket = connect({ port, host: '127.0.0.1' });
          await once(socket, 'connect');
          return () => {
            socket.write(
              `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody`,
            );
            return once(socket.resume(), 'close');
          };
        };
        const sends = [await ask('/a'), await ask('/b'), await ask('/c')];
        await nextRound();
        await Promise.all(sends.map((send) => send()));
      },
    );
    return lines;
  });
});
