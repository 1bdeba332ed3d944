import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import { createHandler } from '../../lib/interfaces/index.js';
import type { WsgiApplication } from '../../lib/interfaces/wsgi.js';
import { validator } from '../../lib/interfaces/wsgi-validate.js';
import { testedBackends } from '../helpers/backends.js';
import { startBackend } from '../helpers/start-backend.js';
import { type Answer, ask } from './scenario.js';

const plain = [['Content-Type', 'text/plain']] as const;

/** Resolves when `close()` of the endless response was called. */
let closed: () => void = () => {};

const routes: Readonly<Record<string, WsgiApplication>> = {
  '/hello': (_environ, start) => {
    start('200 OK', plain);
    return ['Hello, World!'];
  },
  '/teapot': (_environ, start) => {
    start("418 I'm a teapot", [...plain, ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']]);
    return [];
  },
  '/several': (_environ, start) => {
    start('200 OK', plain);
    return ['one ', 'two ', Buffer.from('three')];
  },
  '/write': (_environ, start) => {
    start('200 OK', plain)('written ');
    return ['returned'];
  },
  '/count': (environ, start) => {
    let bytes = 0;
    for (;;) {
      const piece = environ['wsgi.input'].read(65_536);
      if (piece.length === 0) break;
      bytes += piece.length;
    }
    start('200 OK', plain);
    return [`${environ.CONTENT_LENGTH} ${bytes}`];
  },
  '/length': (_environ, start) => {
    start('200 OK', [['Content-Length', '4']]);
    return ['to', 'ld'];
  },
  // Whoever goes on after the length is reached is not asked for ever.
  '/longer': (_environ, start) => {
    start('200 OK', [['Content-Length', '4']]);
    return {
      *[Symbol.iterator]() {
        for (;;) yield 'tool';
      },
    };
  },
  '/throw': () => {
    throw new Error('thrown');
  },
  '/late': function* (_environ, start) {
    start('200 OK', plain);
    yield 'half';
    throw new Error('late');
  } as WsgiApplication,
  '/endless': (_environ, start) => {
    start('200 OK', plain);
    return {
      async *[Symbol.asyncIterator]() {
        for (;;) yield Buffer.alloc(65_536);
      },
      close: () => closed(),
    };
  },
};

const application: WsgiApplication = (environ, start) => {
  const route = routes[environ.PATH_INFO];
  if (route !== undefined) return route(environ, start);
  start('404 Not Found', plain);
  return ['nothing here'];
};

const answers = new Map<string, Answer>();
const body = 'line\n'.repeat(600_000);

for (const backend of [...testedBackends].sort()) {
  describe(`wsgi on ${backend}`, async () => {
    // Whatever the applications do, the server keeps to the PEP.
    const violations: string[] = [];
    const checked = validator(application, ({ side, message }) => {
      if (side === 'server') violations.push(message);
    });
    // The validator hides that a result is an array.
    const served: WsgiApplication = (environ, start) =>
      environ['HTTP_X_BARE'] === undefined ? checked(environ, start) : application(environ, start);
    const server = await startBackend(backend, await createHandler(served, { interface: 'wsgi' }));
    after(async () => {
      await server.close();
      assert.deepEqual(violations, []);
    });

    const cases: readonly (readonly [string, number, string, string?])[] = [
      ['/hello', 200, 'Hello, World!'],
      ['/teapot', 418, ''],
      ['/several', 200, 'one two three'],
      ['/write', 200, 'written returned'],
      ['/length', 200, 'told'],
      ['/longer', 200, 'tool'],
      ['/throw', 500, 'Internal Server Error\n'],
      ['/nowhere', 404, 'nothing here'],
      ['/count', 200, '3000000 3000000', body],
    ];
    for (const [path, status, text, sent = ''] of cases) {
      for (const method of sent === '' ? ['GET', 'HEAD'] : ['POST']) {
        test(`${method} ${path}`, async () => {
          const answer = await ask(server.port, { path, method }, sent);
          assert.equal(answer.status, status);
          assert.equal(answer.body, method === 'HEAD' ? '' : text);
          const key = `${method} ${path}`;
          const reference = answers.get(key);
          if (reference === undefined) answers.set(key, answer);
          else assert.deepEqual(answer, reference, 'the backends differ');
        });
      }
    }

    test('an array of one has a content-length', async () => {
      const { headers } = await ask(server.port, { path: '/hello', headers: { 'x-bare': '1' } });
      assert.ok(headers.includes('content-length: 13'), headers.join());
    });

    test('an error after the head cuts the connection', async () => {
      await assert.rejects(ask(server.port, { path: '/late' }), { code: 'ECONNRESET' });
      assert.equal(String(server.errors.at(-1)?.error), 'Error: late');
    });

    test('close() is called when the client leaves in the middle', async () => {
      const done = new Promise<void>((resolve) => {
        closed = resolve;
      });
      const client = connect(server.port, '127.0.0.1');
      client.write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(client, 'readable');
      client.destroy();
      await done;
    });
  });
}
