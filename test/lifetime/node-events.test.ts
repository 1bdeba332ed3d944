// The events and callbacks of req and res, in their order: the same on both backends, which is that of node:http.
import assert from 'node:assert/strict';
import { type IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, until } from '../helpers/lifetime-client.js';
import { serveApplication, servesOn } from '../helpers/lifetime-handler.js';

interface Scenario {
  readonly what: string;
  readonly request: string;
  readonly run: (req: IncomingMessage, res: ServerResponse, log: (event: string) => void) => void;
  /** What the client does when the head of the request was seen. */
  readonly client?: (client: Client) => Promise<void> | void;
  /** Events that must be seen, in this order where they are in one array. */
  readonly expected: readonly (readonly string[])[];
  readonly paused?: boolean;
}

const large = noise(4 * 1024 * 1024);

/** Log an event with the state of the response in it. */
function watch(req: IncomingMessage, res: ServerResponse, log: (event: string) => void): void {
  for (const event of ['end', 'aborted', 'close'] as const) req.on(event, () => log(`req ${event}`));
  req.on('error', (error: NodeJS.ErrnoException) => log(`req error ${error.code}`));
  for (const event of ['prefinish', 'finish', 'close', 'drain'] as const) {
    res.on(event, () => log(`res ${event} ${flags(res)}`));
  }
  res.on('error', (error: NodeJS.ErrnoException) => log(`res error ${error.code}`));
}

function flags(res: ServerResponse): string {
  return [
    res.headersSent ? 'head' : 'no head',
    res.writableEnded ? 'ended' : 'open',
    res.writableFinished ? 'finished' : 'unfinished',
  ].join(', ');
}

const done = 'head, ended, finished';
const never = 'no head, open, unfinished';
const half = 'head, open, unfinished';
/** Since Node keeps the callbacks of end() apart, a response is not finished before they were called. */
const keepsCallbacks = Object.getOwnPropertySymbols(new OutgoingMessage()).some(
  ({ description }) => description === 'kEndCallbacks',
);
const prefinished = keepsCallbacks ? 'head, ended, unfinished' : done;

const scenarios: readonly Scenario[] = [
  {
    what: 'a whole response with a callback',
    request: get(),
    run: (req, res, log) => {
      watch(req, res, log);
      assert.equal(flags(res), never);
      res.end('answer', () => log(`end callback ${flags(res)}`));
      log(`after end ${res.headersSent} ${res.writableEnded}`);
    },
    expected: [
      ['after end true true', `res finish ${done}`, `res close ${done}`],
      ['after end true true', `end callback ${done}`, `res close ${done}`],
      [`res prefinish ${prefinished}`, `res finish ${done}`],
    ],
  },
  {
    what: 'a listener that comes after the end',
    request: get(),
    run: (_req, res, log) => {
      res.end('answer');
      res.on('finish', () => log(`finish ${flags(res)}`));
      res.on('close', () => log(`close ${flags(res)}`));
      log('after end');
    },
    expected: [['after end', `finish ${done}`, `close ${done}`]],
  },
  {
    what: 'write callbacks and the end',
    request: get(),
    run: (req, res, log) => {
      watch(req, res, log);
      res.write('one', (error) => log(`one ${String(error ?? 'written')}`));
      res.write('two', 'latin1', () => log('two'));
      res.end('three', () => log('end callback'));
    },
    expected: [['one written', 'two', 'end callback', `res close ${done}`]],
  },
  {
    what: 'a request with a body that is read',
    request: post('/', 4, 'body'),
    run: (req, res, log) => {
      watch(req, res, log);
      req.on('data', (chunk: Buffer) => log(`data ${chunk}`));
      req.on('end', () => {
        log(`complete ${req.complete} ${req.aborted}`);
        res.end();
      });
    },
    expected: [['data body', 'req end', 'complete true false', `res finish ${done}`, `res close ${done}`]],
  },
  {
    what: 'a request closes after it was read',
    request: post('/', 4, 'body'),
    run: (req, res, log) => {
      req.on('close', () => {
        log(`req close ${req.destroyed} ${req.readableEnded}`);
        res.end();
      });
      req.on('end', () => log('req end'));
      req.resume();
      res.on('close', () => log('res close'));
    },
    expected: [['req end', 'req close true true', 'res close']],
  },
  {
    what: 'the client leaves before an answer',
    request: get(),
    run: (req, res, log) => watch(req, res, log),
    client: (client) => client.reset(),
    expected: [['req aborted', `res close ${never}`], ['req error ECONNRESET'], ['req close']],
  },
  {
    what: 'the client leaves in its body',
    request: post('/', 100, 'half'),
    run: (req, res, log) => {
      watch(req, res, log);
      req.on('data', () => log('data'));
    },
    client: (client) => client.reset(),
    expected: [
      ['data', 'req aborted', 'req error ECONNRESET', 'req close'],
      ['data', `res close ${never}`],
    ],
  },
  {
    what: 'the client leaves in the response',
    request: get(),
    run: (req, res, log) => {
      watch(req, res, log);
      res.write('some', () => log('some'));
    },
    client: async (client) => {
      await client.has('some');
      client.reset();
    },
    expected: [['some', `res close ${half}`], ['req aborted'], ['req close']],
  },
  {
    what: 'back-pressure: false, drain, and the end',
    request: get('/', 'Connection: close\r\n'),
    paused: true,
    run: (req, res, log) => {
      watch(req, res, log);
      log(`write ${res.write(large)} ${res.writableNeedDrain}`);
      res.once('drain', () => {
        log(`drained ${res.writableNeedDrain}`);
        res.end();
      });
    },
    client: (client) => client.read(),
    expected: [['write false true', 'drained false', `res finish ${done}`, `res close ${done}`]],
  },
  {
    what: 'destroy',
    request: get(),
    run: (req, res, log) => {
      watch(req, res, log);
      res.destroy();
      log(`destroyed ${res.destroyed}`);
    },
    expected: [['destroyed true', `res close ${never}`]],
  },
  {
    what: 'a HEAD request',
    request: 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    run: (req, res, log) => {
      watch(req, res, log);
      res.write('nothing of this', () => log('callback'));
      res.end(() => log('end callback'));
    },
    expected: [['callback', 'end callback', `res close ${done}`]],
  },
];

/** What each scenario gave, by backend: compared at the end. */
const seen = new Map<string, Map<string, readonly string[]>>();

for (const backend of testedBackends) {
  describe(`${backend}: events of req and res`, () => {
    for (const { what, request, run, client: act, expected, paused } of scenarios) {
      test(what, async (t) => {
        const events: string[] = [];
        const log = (event: string): void => void events.push(event);
        let calls = 0;
        const server = await serveApplication(
          t,
          backend,
          'node',
          (req: IncomingMessage, res: ServerResponse) => {
            if (req.url === '/next') {
              res.end('next');
              return;
            }
            calls += 1;
            run(req, res, log);
          },
        );
        const client = await Client.open(t, server.port, { paused: paused === true });
        await client.write(request);
        await until('the request', () => calls > 0);
        await act?.(client);
        const wanted = new Set(expected.flat());
        await until(`${[...wanted].filter((event) => !events.includes(event))} in ${events}`, () =>
          [...wanted].every((event) => events.includes(event)),
        );
        client.socket.destroy();
        await servesOn(t, server);
        for (const order of expected) {
          const found = events.filter((event) => order.includes(event));
          assert.deepEqual(found, order, `of ${JSON.stringify(events)}`);
        }
        assert.deepEqual(server.errors, []);
        const all = seen.get(what) ?? new Map<string, readonly string[]>();
        seen.set(what, all.set(backend, events));
      });
    }
  });
}

after(() => {
  for (const [what, byBackend] of seen) {
    const [first, second] = [...byBackend.values()].map((events) => [...events].sort());
    if (first === undefined || second === undefined) continue;
    assert.deepEqual(first, second, `${what}: the backends differ`);
  }
});

for (const backend of testedBackends) {
  test(`${backend}: a response closes once, although its client has shut down its side`, async (t) => {
    let closes = 0;
    let finished = false;
    const server = await serveApplication(t, backend, 'node', (req: IncomingMessage, res: ServerResponse) => {
      if (req.url === '/next') {
        res.end('next');
        return;
      }
      res.on('close', () => {
        closes += 1;
      });
      res.on('finish', () => {
        finished = res.writableFinished;
      });
      res.write('before ');
      setTimeout(() => res.end('after'), 1400);
    });
    const client = await Client.open(t, server.port);
    await client.write(get());
    client.finish();
    const { body, truncated } = await client.response();
    assert.deepEqual([body.toString(), truncated], ['before after', false]);
    await servesOn(t, server);
    assert.deepEqual([closes, finished], [1, true]);
  });
}
