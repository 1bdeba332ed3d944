// When what is told: events, callbacks and properties against ticks, promises and immediates, as on node:http.
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type * as http from 'node:http';
import { connect } from 'node:net';
import { pipeline, Writable } from 'node:stream';
import { describe } from 'node:test';
import { compare, serving } from '../helpers/compare-servers.js';
import { same } from '../helpers/told.js';

const head = (line: string, ...fields: string[]): string =>
  `${[line, 'Host: a', 'Connection: close', ...fields].join('\r\n')}\r\n\r\n`;
const get = head('GET / HTTP/1.1');
const twoChunks = `${head('POST / HTTP/1.1', 'Transfer-Encoding: chunked')}3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n`;
const withBody = `${head('POST / HTTP/1.1', 'Content-Length: 4')}body`;

/** Tell of the next tick, the next promise job and the next immediates. */
function mark(log: (text: string) => void): void {
  process.nextTick(log, 'tick');
  void Promise.resolve().then(() => log('promise'));
  setImmediate(log, 'immediate');
}

function logAll(
  emitter: NodeJS.EventEmitter,
  name: string,
  events: string[],
  log: (text: string) => void,
): void {
  for (const event of events) {
    emitter.on(event, (error?: unknown) =>
      log(`${name} ${event}${error instanceof Error ? ` ${error.message}` : ''}`),
    );
  }
}

/** Told in which order, of a response that somebody listens to only when it has ended. */
function listenLate(res: http.ServerResponse, log: (text: string) => void): void {
  res.on('finish', () => log(`finish ${res.writableFinished}`));
  res.once('close', () => log(`close ${res.destroyed}`));
}

describe('the end of a response', () => {
  same('is over for who writes in the next tick', get, (_req, res, log) => {
    res.on('error', ({ message }) => log(`error ${message}`));
    res.end('hello');
    process.nextTick(() => res.write('more', (error) => log(`write ${error?.message}`)));
  });

  same('is told in the tick behind it to who listens only then', get, (_req, res, log) => {
    process.nextTick(log, 'tick before');
    res.end('hello');
    listenLate(res, log);
    mark(log);
  });

  same('is told to who listens in a tick that came before it', get, (_req, res, log) => {
    process.nextTick(listenLate, res, log);
    res.end('hello');
  });

  for (const events of [['resume'], ['close'], ['end', 'close'], ['resume', 'close']]) {
    same(`and ${events.join(' and ')} of its request come in this order`, get, (req, res, log) => {
      logAll(req, 'req', events, log);
      logAll(res, 'res', ['finish', 'close'], log);
      res.end('hello');
      mark(log);
    });
  }

  same('and the end of a request that is read come in this order', get, (req, res, log) => {
    const sink = new Writable({ write: (_chunk, _encoding, callback) => callback() });
    logAll(req, 'req', ['end', 'close'], log);
    logAll(sink, 'sink', ['finish', 'close'], log);
    logAll(res, 'res', ['finish', 'close'], log);
    pipeline(req, sink, () => res.end('hello'));
  });

  same('that is cut with an error is told to the callbacks of its writes', get, (_req, res, log) => {
    res.write('hello', (error) => log(`write ${error?.message}`));
    res.destroy(new Error('mine'));
  });

  same('is behind the ticks when promise jobs run', get, (_req, res, log) => {
    res.end('hello');
    void Promise.resolve().then(() => {
      log(`${res.destroyed} ${res.writableFinished}`);
      res.end('again'); // Is no error any more.
    });
  });

  same('within a tick is behind the ticks when promise jobs run', get, (_req, res, log) => {
    process.nextTick(() => {
      res.end('hello');
      void Promise.resolve().then(() => log(`${res.destroyed} ${res.writableFinished}`));
    });
  });

  same('is told in its context to who listens only then', get, (_req, res, log) => {
    const storage = new AsyncLocalStorage();
    storage.run('end', () => {
      res.end('hello');
      res.on('finish', () => log(`finish ${storage.getStore()}`));
      res.prependListener('close', () => log(`close ${storage.getStore()}`));
    });
  });

  same('is told in its context to who listens only then, later', get, (_req, res, log) => {
    const storage = new AsyncLocalStorage();
    storage.enterWith('handler');
    setImmediate(() =>
      storage.run('end', () => {
        res.end('hello');
        res.once('finish', () => log(`finish ${storage.getStore()}`));
      }),
    );
  });

  same('is told in the tick behind it', get, (_req, res, log) => {
    logAll(res, 'res', ['prefinish', 'finish', 'close'], log);
    res.end('hello', () => log('callback'));
    log('ended');
    mark(log);
  });

  same('is told in the tick behind it, out of an immediate', get, (_req, res, log) => {
    logAll(res, 'res', ['prefinish', 'finish', 'close'], log);
    setImmediate(() => {
      res.end('hello');
      mark(log);
    });
  });

  same('comes behind the callbacks of what was written', get, (_req, res, log) => {
    logAll(res, 'res', ['finish', 'close'], log);
    res.write('one', () => log('written'));
    mark(log);
    process.nextTick(() => res.end('two'));
  });

  same('is finished at once', get, (_req, res, log) => {
    res.end('hello');
    log(`${res.writableFinished} ${res.writableLength}`);
    res.end(() => log('callback'));
    res.end((error?: Error) => log((error as NodeJS.ErrnoException | undefined)?.code ?? 'none'));
  });

  same('makes an error of what comes behind it', get, (_req, res, log) => {
    logAll(res, 'res', ['error', 'finish', 'close'], log);
    res.end('hello');
    res.write('more', (error) => log(`callback ${error?.message}`));
    res.once('finish', () => {
      res.write('late', (error) => log(`late ${error?.message}`));
    });
  });

  for (const value of ['', 0, false, null, undefined]) {
    same(`with ${JSON.stringify(value)} has no body`, get, (_req, res, log) => {
      res.end(value as string);
      log(String((res as { _contentLength?: unknown })._contentLength));
    });
  }
});

describe('a request', () => {
  same('without a body is complete when its handler has returned', get, (req, _res, log) => {
    logAll(req, 'req', ['end', 'close', 'resume'], log);
    req.on('end', () => _res.end());
    log(`${req.complete} ${req.readableFlowing} ${String(req.read())}`);
    req.resume();
    process.nextTick(() => log(`tick ${req.complete}`));
    mark(log);
  });

  same('has no body before its handler has returned', withBody, (req, res, log) => {
    log(`${String(req.read())} ${req.complete} ${req.readableLength}`);
    process.nextTick(() => log(`tick ${String(req.read())} ${req.complete}`));
    setImmediate(() => {
      log(`immediate ${req.complete}`);
      res.end();
    });
  });

  same('ends before what was put off', withBody, (req, res, log) => {
    logAll(req, 'req', ['data', 'end', 'close'], log);
    mark(log);
    req.on('end', () => res.end());
  });

  same('hands on chunks as they are', twoChunks, (req, res, log) => {
    req.on('data', (chunk: Buffer) => {
      log(String(chunk));
      mark(log);
    });
    req.on('end', () => {
      log('end');
      res.end();
    });
  });

  same('hands on chunks one by one to who awaits them', twoChunks, (req, res, log) => {
    void (async () => {
      for await (const chunk of req) log(String(chunk));
      res.end();
    })();
  });

  same('of which nobody reads anything ends behind its response', withBody, (req, res, log) => {
    logAll(req, 'req', ['end', 'close', 'resume', 'aborted'], log);
    logAll(res, 'res', ['finish', 'close'], log);
    res.end('ok');
  });

  same('that is destroyed takes its response with it', get, (req, res, log) => {
    logAll(req, 'req', ['aborted', 'error', 'close'], log);
    logAll(res, 'res', ['finish', 'close'], log);
    req.destroy(new Error('mine'));
    log(`${res.write('x')}`);
    mark(log);
  });

  same('can be answered when a pipeline out of it has failed', withBody, (req, res, log) => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('full')) });
    pipeline(req, broken, (error) => {
      log(error?.message ?? 'none');
      res.writeHead(507).end('sorry');
    });
  });
});

describe('a response that is destroyed', () => {
  same('tells when the connection is gone', get, (req, res, log) => {
    logAll(req, 'req', ['aborted', 'error', 'close', 'end'], log);
    logAll(res, 'res', ['finish', 'close'], log);
    res.destroy();
    mark(log);
  });

  same('tells so out of an immediate', get, (req, res, log) => {
    logAll(req, 'req', ['aborted', 'error', 'close'], log);
    logAll(res, 'res', ['close'], log);
    setImmediate(() => {
      res.destroy();
      mark(log);
    });
  });

  same('has no callback of what cannot be told any more', get, (_req, res, log) => {
    res.destroy();
    res.writeProcessing();
    res.writeContinue(() => log('continued'));
    res.write('x', (error) => log(`written ${error?.message}`));
    res.end('y', () => log('ended'));
    res.on('close', () => log('close'));
  });
});

describe('the connection', () => {
  const socketEvents = ['error', 'end', 'finish', 'close'];

  same('closes behind the last response', get, (req, res, log) => {
    logAll(req.socket, 'socket', socketEvents, log);
    logAll(res, 'res', ['finish', 'close'], log);
    res.end('ok');
    mark(log);
  });

  for (const how of ['end', 'resetAndDestroy'] as const) {
    compare(`that the client ends with ${how}() while it waits`, async (make) => {
      const lines: string[] = [];
      const log = (text: string): void => void lines.push(text);
      await serving(
        make,
        (req, res) => {
          logAll(req.socket, 'socket', socketEvents, log);
          logAll(req, 'req', ['aborted', 'error', 'close'], log);
          logAll(res, 'res', ['close'], log);
          req.once('close', () => req.socket.emit('over'));
        },
        async (port, server) => {
          const client = connect({ port, host: '127.0.0.1' });
          client.on('error', () => {});
          client.write(get.replace('Connection: close\r\n', ''));
          const [req] = (await once(server, 'request')) as [http.IncomingMessage];
          const over = new Promise((resolve) => req.socket.once('over', resolve));
          client[how]();
          await over;
        },
      );
      return lines;
    });
  }
});
