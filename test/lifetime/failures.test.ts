// Applications that throw, never answer, answer twice, write after the end, answer when nobody is there, or answer
// with what is not HTTP: logged, the client gets 500 or a cut connection, and the next request is served.
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import type { InterfaceName } from '../../lib/exchange.js';
import type { StartResponse } from '../../lib/interfaces/wsgi.js';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, until } from '../helpers/lifetime-client.js';
import { serveApplication, servesOn } from '../helpers/lifetime-handler.js';

/** What the client gets: 500, a connection cut before or in the response, or a good response. */
type Outcome = '500' | 'cut' | '200';

interface Case {
  readonly what: string;
  readonly expected: readonly Outcome[];
  /** How many errors are reported. */
  readonly reported: number;
}

interface NodeCase extends Case {
  readonly run: (res: ServerResponse, req: IncomingMessage) => unknown;
}

const broken = new Error('the application is broken');
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const fail = () => {
  throw broken;
};

const nodeCases: readonly NodeCase[] = [
  { what: 'throws', expected: ['500'], reported: 1, run: fail },
  { what: 'throws undefined', expected: ['500'], reported: 1, run: () => Promise.reject(undefined) },
  { what: 'rejects', expected: ['500'], reported: 1, run: () => tick().then(fail) },
  {
    what: 'throws after setHeader',
    expected: ['500'],
    reported: 1,
    run: (res) => {
      res.setHeader('content-length', '3').setHeader('etag', 'x');
      fail();
    },
  },
  {
    what: 'throws after writeHead',
    expected: ['500', 'cut'],
    reported: 1,
    run: (res) => {
      res.writeHead(200, { 'content-length': '3' });
      fail();
    },
  },
  {
    what: 'throws after some chunks',
    expected: ['cut'],
    reported: 1,
    run: (res) => {
      res.write('some');
      fail();
    },
  },
  {
    what: 'rejects after some chunks',
    expected: ['cut'],
    reported: 1,
    run: async (res) => {
      res.write('some');
      await tick();
      res.write('more');
      await tick();
      fail();
    },
  },
  {
    what: 'throws after the end',
    expected: ['200'],
    reported: 1,
    run: (res) => {
      res.end('good');
      fail();
    },
  },
  {
    what: 'answers twice',
    expected: ['200'],
    reported: 1,
    run: (res) => {
      res.end('good');
      res.writeHead(500);
    },
  },
  {
    what: 'sets a header after the head',
    expected: ['cut'],
    reported: 1,
    run: (res) => {
      res.write('some');
      res.setHeader('x-late', 'yes');
    },
  },
  {
    what: 'gives a header name that is none',
    expected: ['500'],
    reported: 1,
    run: (res) => res.setHeader('bad name', 'x'),
  },
  {
    what: 'tries to split the response',
    expected: ['500'],
    reported: 1,
    run: (res) => res.writeHead(200, { location: '/\r\nset-cookie: a=b' }).end(),
  },
  {
    what: 'gives a status that is none',
    expected: ['500'],
    reported: 1,
    run: (res) => res.writeHead(42).end(),
  },
  {
    what: 'gives a reason phrase with a line feed',
    expected: ['500'],
    reported: 1,
    run: (res) => res.writeHead(200, 'OK\nx: y').end(),
  },
  {
    what: 'writes a number',
    expected: ['500', 'cut'],
    reported: 1,
    run: (res) => res.write(42 as unknown as string),
  },
  { what: 'destroys the response', expected: ['cut'], reported: 0, run: (res) => res.destroy() },
  { what: 'destroys the socket', expected: ['cut'], reported: 0, run: (_res, req) => req.socket.destroy() },
  {
    what: 'sends less than its content-length',
    expected: ['cut'],
    reported: 0,
    run: (res) => {
      res.writeHead(200, { 'content-length': '10' });
      res.write('half');
      res.destroy();
    },
  },
];

const stream = (pull: (controller: ReadableStreamDefaultController) => unknown) =>
  new Response(new ReadableStream({ pull: (controller) => void pull(controller) }));

const fetchCases: readonly (Case & { readonly run: () => unknown })[] = [
  { what: 'throws', expected: ['500'], reported: 1, run: fail },
  { what: 'rejects', expected: ['500'], reported: 1, run: () => tick().then(fail) },
  { what: 'returns nothing', expected: ['500'], reported: 1, run: () => undefined },
  { what: 'returns a string', expected: ['500'], reported: 1, run: async () => 'no response' },
  { what: 'returns Response.error()', expected: ['500'], reported: 1, run: () => Response.error() },
  {
    what: 'returns a body that was read',
    expected: ['500'],
    reported: 1,
    run: async () => {
      const response = new Response('once');
      await response.text();
      return response;
    },
  },
  {
    what: 'has a stream that fails at once',
    expected: ['cut'],
    reported: 1,
    run: () => stream((controller) => controller.error(broken)),
  },
  {
    what: 'has a stream that fails later',
    expected: ['cut'],
    reported: 1,
    run: () => {
      let pulls = 0;
      return stream((controller) => {
        pulls += 1;
        if (pulls < 3) controller.enqueue(Buffer.from('some'));
        else controller.error(broken);
      });
    },
  },
  {
    what: 'has a stream of what is no bytes',
    expected: ['cut'],
    reported: 1,
    run: () => stream((controller) => controller.enqueue(42)),
  },
];

const wsgiCases: readonly (Case & { readonly run: (start: StartResponse) => unknown })[] = [
  { what: 'throws', expected: ['500'], reported: 1, run: fail },
  { what: 'rejects', expected: ['500'], reported: 1, run: () => tick().then(fail) },
  {
    what: 'throws after startResponse',
    expected: ['500'],
    reported: 1,
    run: (start) => {
      start('200 OK', []);
      fail();
    },
  },
  { what: 'never calls startResponse', expected: ['500'], reported: 1, run: () => ['body'] },
  {
    what: 'calls startResponse twice',
    expected: ['500'],
    reported: 1,
    run: (start) => {
      start('200 OK', []);
      start('200 OK', []);
    },
  },
  { what: 'gives a bad status', expected: ['500'], reported: 1, run: (start) => start('fine', []) },
  {
    what: 'tries to split the response',
    expected: ['500'],
    reported: 1,
    run: (start) => {
      start('200 OK', [['location', '/\r\nset-cookie: a=b']]);
      return [''];
    },
  },
  {
    what: 'yields, then throws',
    expected: ['cut'],
    reported: 1,
    run: function* (start) {
      start('200 OK', []);
      yield 'some';
      fail();
    },
  },
  {
    what: 'yields, waits, then throws',
    expected: ['cut'],
    reported: 1,
    run: async function* (start) {
      start('200 OK', []);
      yield 'some';
      await tick();
      fail();
    },
  },
  {
    what: 'yields what is no chunk',
    expected: ['500'],
    reported: 1,
    run: function* (start) {
      start('200 OK', []);
      yield 42;
    },
  },
  {
    what: 'throws in close()',
    expected: ['200'],
    reported: 1,
    run: (start) => {
      start('200 OK', []);
      return Object.assign(['good'], { close: fail });
    },
  },
];

const applications: readonly {
  readonly name: InterfaceName;
  readonly cases: readonly Case[];
  readonly serving: (one: number) => unknown;
}[] = [
  {
    name: 'node',
    cases: nodeCases,
    serving: (one) => (req: IncomingMessage, res: ServerResponse) =>
      req.url === '/next' ? res.end('next') : nodeCases[one]?.run(res, req),
  },
  {
    name: 'fetch',
    cases: fetchCases,
    serving: (one) => (request: Request) =>
      request.url.endsWith('/next') ? new Response('next') : fetchCases[one]?.run(),
  },
  {
    name: 'wsgi',
    cases: wsgiCases,
    serving: (one) => (environ: { PATH_INFO: string }, start: StartResponse) => {
      if (environ.PATH_INFO !== '/next') return wsgiCases[one]?.run(start);
      start('200 OK', []);
      return ['next'];
    },
  },
];

async function outcomeOf(client: Client): Promise<Outcome> {
  await client.until('an outcome', () => client.ended !== 'open' || client.responses.length > 0);
  const [response] = client.responses;
  if (response === undefined || response.truncated) return 'cut';
  assert.doesNotMatch(client.text, /set-cookie|broken/i);
  return response.status === 500 ? '500' : '200';
}

for (const backend of testedBackends) {
  for (const { name, cases, serving } of applications) {
    describe(`${backend}: a ${name} application`, () => {
      for (const [index, { what, expected, reported }] of cases.entries()) {
        test(what, async (t) => {
          const server = await serveApplication(t, backend, name, serving(index));
          const client = await Client.open(t, server.port);
          await client.write(get('/broken'));
          const outcome = await outcomeOf(client);
          assert.ok(expected.includes(outcome), `${outcome}, not ${expected}: ${client.text}`);
          await until('the report', () => server.errors.length >= reported);
          client.socket.destroy();
          await servesOn(t, server);
          assert.equal(server.errors.length, reported);
          for (const { method, target } of server.errors) {
            assert.deepEqual([method, target], ['GET', '/broken']);
          }
        });
      }
    });
  }
}
