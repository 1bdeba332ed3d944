import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Environ, FileWrapper, type WsgiApplication, wsgiHandler } from '../../lib/interfaces/wsgi.js';
import { FakeExchange, type FakeHead } from '../helpers/fake-exchange.js';

/** Call an application once, and wait until it is answered. */
async function run(application: unknown, head?: FakeHead): Promise<FakeExchange> {
  const exchange = new FakeExchange(head);
  wsgiHandler(application as WsgiApplication).handle(exchange);
  await exchange.done;
  return exchange;
}

async function environOf(head?: FakeHead): Promise<Environ> {
  let seen: Environ | undefined;
  const exchange = await run((environ: Environ, start: (status: string, headers: []) => void) => {
    seen = environ;
    start('204 No Content', []);
    return [];
  }, head);
  assert.equal(exchange.error, undefined);
  assert.ok(seen);
  return seen;
}

type Start = Parameters<WsgiApplication>[1];
/** Of several expressions the value of the last one. */
const last = (...values: unknown[]) => values.at(-1);
const plain = [['content-type', 'text/plain']] as const;

describe('environ', () => {
  test('of a request without a body', async () => {
    const headers = ['Host', 'a:1', 'X-One', '1', 'x-one', '2', 'Cookie', 'a=1', 'cookie', 'b=2'];
    const environ = await environOf({ target: '/a%20b/%C3%A9?x=%20y', headers });
    const { 'wsgi.input': input, 'wsgi.errors': errors, 'wsgi.file_wrapper': wrapper, ...rest } = environ;
    assert.deepEqual(rest, {
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/a b/\xc3\xa9',
      QUERY_STRING: 'x=%20y',
      CONTENT_TYPE: '',
      CONTENT_LENGTH: '',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: '8080',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_PORT: '50000',
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'http',
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      'wsgi.run_once': false,
      HTTP_HOST: 'a:1',
      HTTP_X_ONE: '1, 2',
      HTTP_COOKIE: 'a=1; b=2',
    });
    assert.equal(input.read().length, 0);
    assert.equal(typeof errors.write, 'function');
    assert.equal(wrapper, FileWrapper);
  });

  test('names with _ and Proxy never become keys', async () => {
    const headers = ['Host', 'a', 'X_Real', 'evil', 'Content_Length', '9', 'Proxy', 'evil', 'X-Real', 'good'];
    const environ = await environOf({ headers });
    const keys = Object.keys(environ).filter((key) => key.startsWith('HTTP_'));
    assert.deepEqual(keys, ['HTTP_HOST', 'HTTP_X_REAL']);
    assert.equal(environ['HTTP_X_REAL'], 'good');
    assert.equal(environ.CONTENT_LENGTH, '');
  });

  test('an absolute-form target counts more than Host', async () => {
    const environ = await environOf({ target: 'http://b.example/p?q', headers: ['Host', 'a'] });
    assert.equal(environ['HTTP_HOST'], 'b.example');
    assert.equal(environ.PATH_INFO, '/p');
    assert.equal(environ.QUERY_STRING, 'q');
    assert.equal((await environOf({ method: 'OPTIONS', target: '*' })).PATH_INFO, '*');
    assert.equal((await environOf({ target: 'http://b.example' })).PATH_INFO, '/');
    assert.equal((await environOf({ target: '/%zz%4' })).PATH_INFO, '/%zz%4');
  });

  test('on a Unix socket name and port are never empty', async () => {
    const environ = await environOf({ local: { address: '', port: 0, family: 'unix' } });
    assert.equal(environ.SERVER_NAME, 'localhost');
    assert.equal(environ.SERVER_PORT, '80');
  });
});

describe('wsgi.input', () => {
  const text = 'one\ntwo\n\nlast';
  const inputOf = async (...body: string[]) => {
    const headers = ['Host', 'a', 'Content-Type', 'text/x', 'Transfer-Encoding', 'chunked'];
    const environ = await environOf({ method: 'POST', headers, body });
    assert.equal(environ.CONTENT_TYPE, 'text/x');
    assert.equal(environ.CONTENT_LENGTH, String(body.join('').length));
    return environ['wsgi.input'];
  };
  const texts = (lines: Iterable<Uint8Array>) => [...lines].map((line) => Buffer.from(line).toString());
  const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

  // A body above 1 MiB is read back from a file.
  const filler = `${'x'.repeat(99_999)}\n`.repeat(11);
  for (const [where, lead] of [
    ['memory', ''],
    ['a file', filler],
  ] as const) {
    test(`read, readline, readlines and iteration, from ${where}`, async () => {
      const body = [lead, text.slice(0, 5), text.slice(5)].filter(Boolean);
      const exchange = await run(
        (environ: Environ, start: Start) => {
          const input = environ['wsgi.input'];
          assert.equal(textOf(input.read(lead.length)), lead);
          assert.equal(textOf(input.readline()), 'one\n');
          assert.equal(textOf(input.readline(2)), 'tw');
          assert.deepEqual(texts(input.readlines(1)), ['o\n']);
          assert.equal(textOf(input.read(1)), '\n');
          assert.equal(textOf(input.read(0)), '');
          assert.equal(textOf(input.readline(0)), '');
          assert.deepEqual(texts(input), ['last']);
          assert.equal(input.read(null).length, 0);
          assert.deepEqual(input.readlines(null), []);
          assert.equal(input.readline().length, 0);
          start('200 OK', []);
          return ['all read'];
        },
        { method: 'POST', body },
      );
      assert.equal(exchange.error, undefined);
      assert.equal(exchange.body, 'all read');
    });
  }

  test('the length of a chunked body is known', async () => {
    assert.equal(textOf((await inputOf('ab', 'cd')).read()), 'abcd');
    assert.deepEqual(texts((await inputOf('a\nb')).readlines()), ['a\n', 'b']);
  });
});

describe('the response', () => {
  const bodies: readonly (readonly [string, (start: Start) => unknown, string])[] = [
    ['an array of one', () => ['one'], 'one'],
    ['an array of bytes', () => [Buffer.from('b')], 'b'],
    ['an empty array', () => [], ''],
    ['an array of several', () => ['a', '', Buffer.from('b')], 'ab'],
    ['a string, which is not its characters', () => 'whole', 'whole'],
    ['bytes, which are not numbers', () => Buffer.from('whole'), 'whole'],
    ['a Set', () => new Set(['a', 'b']), 'ab'],
    ['a promise', () => Promise.resolve(['later']), 'later'],
    ['write(), then the iterable', (start) => last(start('200 OK', plain)('w'), ['r']), 'wr'],
  ];
  for (const [name, application, body] of bodies) {
    test(name, async () => {
      const exchange = await run((_: Environ, start: Start) => {
        if (!name.startsWith('write')) start('200 OK', plain);
        return application(start);
      });
      assert.equal(exchange.error, undefined);
      assert.equal(exchange.status, 200);
      assert.equal(exchange.body, body);
      assert.deepEqual(exchange.responseHeaders, ['content-type', 'text/plain']);
    });
  }

  test('a generator may call startResponse before its first piece', async () => {
    const exchange = await run(function* (_: Environ, start: Start) {
      start('202 Accepted', plain);
      yield 'a';
      yield 'b';
    });
    assert.equal(exchange.status, 202);
    assert.equal(exchange.body, 'ab');
  });

  test('an async generator', async () => {
    const exchange = await run(async function* (_: Environ, start: Start) {
      await undefined;
      start('200 OK', plain);
      yield 'a';
      await undefined;
      yield Buffer.from('b');
    });
    assert.equal(exchange.body, 'ab');
  });

  test('with the error that is the reason, startResponse may be called again', async () => {
    const exchange = await run((_: Environ, start: Start) => {
      start('200 OK', plain);
      start('503 Busy', [], new Error('reason'));
      return ['sorry'];
    });
    assert.equal(exchange.status, 503);
    assert.deepEqual(exchange.responseHeaders, []);
  });

  test('too late, it throws that error', async () => {
    const reason = new Error('reason');
    const exchange = await run((_: Environ, start: Start) => {
      start('200 OK', plain)('out');
      start('500 No', [], reason);
      return [];
    });
    assert.equal(exchange.error, reason);
  });

  const refused: readonly (readonly [string, (start: Start) => unknown, RegExp])[] = [
    ['no startResponse', () => ['x'], /before it called startResponse/],
    ['no startResponse and no body', () => [], /before it called startResponse/],
    ['startResponse twice', (start) => last(start('200 OK', []), start('200 OK', []), []), /called twice/],
    ['a status without a number', (start) => last(start('OK', []), []), /the status is a string \("OK"\)/],
    [
      'a number as status',
      (start) => last(start(200 as unknown as string, []), []),
      /the status is a number \(200\)/,
    ],
    ['headers as an object', (start) => last(start('200 OK', {} as []), []), /not an array of pairs/],
    [
      'a number as value',
      (start) => last(start('200 OK', [['a', 1 as unknown as string]]), []),
      /both are strings/,
    ],
    [
      'a field of the connection',
      (start) => last(start('200 OK', [['Connection', 'close']]), []),
      /Connection belongs to the server/,
    ],
    [
      'more written than its Content-Length',
      (start) => last(start('200 OK', [['content-length', '1']])('ab'), []),
      /wrote more than its Content-Length/,
    ],
    ['nothing returned', (start) => void start('200 OK', []), /returned undefined, not an iterable/],
    ['numbers in the body', (start) => last(start('200 OK', []), [1]), /the body has a number \(1\) in it/],
  ];
  for (const [name, application, message] of refused) {
    test(`refused: ${name}`, async () => {
      const { error } = await run((_: Environ, start: Start) => application(start));
      assert.match((error as Error | undefined)?.message ?? 'no error', message);
    });
  }

  test('close() is called when all is well, and when it is not', async () => {
    for (const fail of [false, true]) {
      let closed = 0;
      const exchange = await run((_: Environ, start: Start) => {
        start('200 OK', plain);
        return {
          *[Symbol.iterator]() {
            yield 'a';
            if (fail) throw new Error('half way');
          },
          close() {
            closed += 1;
          },
        };
      });
      assert.equal(closed, 1);
      assert.equal((exchange.error as Error | undefined)?.message, fail ? 'half way' : undefined);
    }
  });

  test('an error of an asynchronous close() is logged', async () => {
    const reason = new Error('cannot close');
    const exchange = new FakeExchange();
    const failed = new Promise((resolve) => {
      exchange.fail = resolve;
    });
    wsgiHandler((_, start) => {
      start('200 OK', plain);
      return Object.assign(['a'], { close: () => Promise.reject(reason) });
    }).handle(exchange);
    assert.equal(await failed, reason);
    assert.equal(exchange.body, 'a');
  });

  test('FileWrapper reads in blocks and closes its file', async () => {
    let closed = false;
    const pieces = ['abcd', 'ef', ''];
    const file = {
      read: () => pieces.shift() ?? '',
      close: () => {
        closed = true;
      },
    };
    const exchange = await run((environ: Environ, start: Start) => {
      start('200 OK', plain);
      return new environ['wsgi.file_wrapper'](file, 4);
    });
    assert.equal(exchange.body, 'abcdef');
    assert.equal(closed, true);
  });
});
