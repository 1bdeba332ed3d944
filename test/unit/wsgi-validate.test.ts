import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Environ,
  FileWrapper,
  type StartResponse,
  type WsgiApplication,
  type WsgiResult,
} from '../../lib/interfaces/wsgi.js';
import { buildEnviron } from '../../lib/interfaces/wsgi-environ.js';
import { emptyInput } from '../../lib/interfaces/wsgi-input.js';
import { validator, WsgiViolation } from '../../lib/interfaces/wsgi-validate.js';
import { FakeExchange } from '../helpers/fake-exchange.js';

type Changes = Readonly<Record<string, unknown>>;

const type = [['Content-Type', 'text/plain']] as const;
const start: StartResponse = () => () => {};
const hello: WsgiApplication = (_environ, startResponse) => {
  startResponse('200 OK', type);
  return ['hello'];
};

/** An environ as our server makes it, with changes; undefined takes a key away. */
function environ(changes: Changes = {}): Environ {
  const made = buildEnviron(new FakeExchange(), emptyInput, -1);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) delete made[key];
    else made[key] = value;
  }
  return made;
}

/** What a server does, without a mistake. @returns The pieces. */
function serve(application: WsgiApplication, changes?: Changes, startResponse = start): unknown[] {
  const result = validator(application)(environ(changes), startResponse);
  const pieces = [...(result as Iterable<unknown>)];
  (result as WsgiResult).close?.();
  return pieces;
}

function violation(side: 'server' | 'application', message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WsgiViolation, String(error));
    assert.equal(error.side, side);
    assert.match(error.message, message);
    return true;
  };
}

test('what keeps to the PEP passes as it is', async () => {
  assert.deepEqual(serve(hello), ['hello']);
  const written: unknown[] = [];
  const pieces = serve(
    (_environ, startResponse) => {
      startResponse('200 OK', []);
      startResponse('503 Busy', [...type, ['Content-Length', '4']], new Error('reason'))('ab');
      return new Set(['', 'cd']);
    },
    {},
    () => (chunk) => void written.push(chunk),
  );
  assert.deepEqual([written, pieces], [['ab'], ['', 'cd']]);
  const later = await validator(async (_environ, startResponse) => {
    startResponse('200 OK', type);
    return (async function* () {
      yield Buffer.from('later');
    })();
  })(environ(), start);
  const seen = [];
  for await (const chunk of later) seen.push(String(chunk));
  later.close?.();
  assert.deepEqual(seen, ['later']);
  const file = serve((env, startResponse) => {
    startResponse('200 OK', type);
    const blocks = ['block', ''];
    return new env['wsgi.file_wrapper']({ read: () => blocks.shift() ?? '' });
  });
  assert.deepEqual(file, ['block']);
  assert.equal(typeof FileWrapper, 'function');
});

describe('of the server', () => {
  const errors = { write() {}, writelines() {}, flush() {} };
  const environs: readonly (readonly [string, Changes, RegExp])[] = [
    ...([
      'REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING SERVER_NAME SERVER_PORT SERVER_PROTOCOL',
      'wsgi.version wsgi.url_scheme wsgi.input wsgi.errors wsgi.multithread wsgi.multiprocess wsgi.run_once',
    ]
      .join(' ')
      .split(' ')
      .map((key) => [`no ${key}`, { [key]: undefined }, new RegExp(`has no ${key}$`)]) as [
      string,
      Changes,
      RegExp,
    ][]),
    ['HTTP_CONTENT_TYPE', { HTTP_CONTENT_TYPE: 'a' }, /it is called CONTENT_TYPE/],
    ['HTTP_CONTENT_LENGTH', { HTTP_CONTENT_LENGTH: '1' }, /it is called CONTENT_LENGTH/],
    ['a number as a variable', { REMOTE_PORT: 80 }, /REMOTE_PORT is a number \(80\), not a string/],
    ['a character that is no byte', { PATH_INFO: '/€' }, /PATH_INFO has a character in it that is no byte/],
    ['an empty method', { REQUEST_METHOD: '' }, /REQUEST_METHOD is empty/],
    ['a method with a space', { REQUEST_METHOD: 'A B' }, /REQUEST_METHOD is .*, not a method/],
    ['an empty name', { SERVER_NAME: '' }, /SERVER_NAME is empty/],
    ['a port by name', { SERVER_PORT: 'http' }, /SERVER_PORT is .*, not a number/],
    ['SCRIPT_NAME /', { SCRIPT_NAME: '/' }, /SCRIPT_NAME is '\/'/],
    ['SCRIPT_NAME without /', { SCRIPT_NAME: 'a' }, /SCRIPT_NAME is .* must begin with/],
    ['PATH_INFO without /', { PATH_INFO: 'a' }, /PATH_INFO is .* must begin with/],
    ['no path at all', { PATH_INFO: '' }, /both SCRIPT_NAME and PATH_INFO are empty/],
    ['CONTENT_LENGTH', { CONTENT_LENGTH: '-1' }, /CONTENT_LENGTH is .*, not a number/],
    ['version', { 'wsgi.version': '1.0' }, /wsgi.version is .*, not \[1, 0\]/],
    ['scheme', { 'wsgi.url_scheme': 'ftp' }, /wsgi.url_scheme is .*, not http or https/],
    ['multithread', { 'wsgi.multithread': 0 }, /wsgi.multithread is .*, not true or false/],
    ['multiprocess', { 'wsgi.multiprocess': 1 }, /wsgi.multiprocess is .*, not true or false/],
    ['run_once', { 'wsgi.run_once': 'no' }, /wsgi.run_once is .*, not true or false/],
    ['file_wrapper', { 'wsgi.file_wrapper': {} }, /wsgi.file_wrapper is .*, not a function/],
    ...['read', 'readline', 'readlines'].map(
      (name) =>
        [
          `input without ${name}`,
          { 'wsgi.input': { read() {}, readline() {}, readlines() {}, *[Symbol.iterator]() {}, [name]: 0 } },
          new RegExp(`wsgi.input has no method ${name}`),
        ] as const,
    ),
    [
      'an input without iteration',
      { 'wsgi.input': { read() {}, readline() {}, readlines() {} } },
      /iterator/,
    ],
    ...['write', 'writelines', 'flush'].map(
      (name) =>
        [
          `errors without ${name}`,
          { 'wsgi.errors': { ...errors, [name]: undefined } },
          new RegExp(`wsgi.errors has no method ${name}`),
        ] as const,
    ),
  ];
  for (const [name, changes, message] of environs) {
    test(name, () => assert.throws(() => serve(hello, changes), violation('server', message)));
  }

  test('OPTIONS * and CONNECT have paths of their own', () => {
    serve(hello, { REQUEST_METHOD: 'OPTIONS', PATH_INFO: '*' });
    serve(hello, { REQUEST_METHOD: 'CONNECT', PATH_INFO: 'a:1' });
  });

  const call = validator(hello) as (...args: unknown[]) => WsgiResult;
  const calls: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['one argument', () => call(environ()), /called with 1 arguments, not 2/],
    ['three arguments', () => call(environ(), start, 1), /called with 3 arguments/],
    ['environ is no object', () => call('x', start), /environ is a string/],
    ['environ is a Map', () => call(new Map(), start), /an instance of Map, not a plain object/],
    ['startResponse is no function', () => call(environ(), {}), /startResponse is not a function/],
    ['no write()', () => call(environ(), () => {}), /did not return write/],
    [
      'the result is iterated twice',
      () => {
        const result = call(environ(), start) as Iterable<unknown>;
        return [...result, ...result];
      },
      /iterated twice/,
    ],
    [
      'the result is read after close()',
      () => {
        const result = call(environ(), start);
        for (const _ of result as Iterable<unknown>) result.close?.();
      },
      /read after close/,
    ],
    [
      'close() twice',
      () => {
        const result = call(environ(), start);
        result.close?.();
        result.close?.();
      },
      /close\(\) is called twice/,
    ],
  ];
  for (const [name, act, message] of calls) {
    test(name, () => assert.throws(act, violation('server', message)));
  }

  const inputs: readonly (readonly [string, (input: Environ['wsgi.input']) => unknown, RegExp])[] = [
    ['read()', (input) => input.read(), /read\(\) did not return bytes/],
    ['readline()', (input) => input.readline(), /readline\(\) did not return bytes/],
    ['readlines()', (input) => input.readlines(1), /readlines\(\) did not return an array/],
    ['the lines of readlines()', (input) => input.readlines(), /readlines\(\) did not return bytes/],
    ['iteration', (input) => [...input], /iteration\(\) did not return bytes/],
  ];
  for (const [name, act, message] of inputs) {
    test(`no bytes: ${name}`, () => {
      const input = {
        read: () => 'text',
        readline: () => 'text',
        readlines: (hint?: number) => (hint === undefined ? ['text'] : 'text'),
        *[Symbol.iterator]() {
          yield 'text';
        },
      };
      const reads: WsgiApplication = (env) => {
        act(env['wsgi.input']);
        return [];
      };
      assert.throws(() => serve(reads, { 'wsgi.input': input }), violation('server', message));
    });
  }

  test('close() is never called', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // Results of the tests above may be collected as well: theirs is of a GET.
    const warned = new Promise<Error>((resolve) => {
      process.on('warning', (warning) => {
        if (/PUT/.test(warning.message)) resolve(warning);
      });
    });
    // In a task of its own, so that nothing on the stack holds the result.
    setImmediate(() => validator(hello)(environ({ REQUEST_METHOD: 'PUT' }), start));
    const timer = setInterval(collect, 10);
    const warning = await warned;
    clearInterval(timer);
    violation('server', /close\(\) of the result of a PUT request was never called/)(warning);
  });
});

describe('of the application', () => {
  type Started = (startResponse: (...args: unknown[]) => (chunk?: unknown) => void) => unknown;
  const pairs = type as unknown;
  const withHeaders = (headers: unknown): Started => {
    return (startResponse) => {
      startResponse('200 OK', headers);
      return ['x'];
    };
  };
  const withStatus = (status: unknown, result: unknown = []): Started => {
    return (startResponse) => {
      startResponse(status, status === '204 No Content' ? [] : pairs);
      return result;
    };
  };
  const responses: readonly (readonly [string, Started, RegExp])[] = [
    ['startResponse without headers', (begin) => begin('200 OK'), /called with 1 arguments, not 2 or 3/],
    ['startResponse with too much', (begin) => begin('200 OK', [], null, 1), /called with 4 arguments/],
    ['a number as status', withStatus(200), /the status is a number \(200\), not a string/],
    ['a status without a reason', withStatus('200'), /it has the form "200 OK"/],
    ['a status without a number', withStatus('OK'), /it has the form "200 OK"/],
    ['a line break in the status', withStatus('200 O\nK'), /it has the form "200 OK"/],
    ['an informational status', withStatus('100 Continue'), /a response has 200 or more/],
    ['headers as an object', withHeaders({ a: 'b' }), /the headers are .*, not an array/],
    ['a header as text', withHeaders(['a: b']), /not \[name, value\]/],
    ['a header of three', withHeaders([['a', 'b', 'c']]), /not \[name, value\]/],
    ['a number as name', withHeaders([[1, 'b']]), /the name of a header is a number/],
    ['a number as value', withHeaders([['Age', 1]]), /the value of Age is a number/],
    ['a colon in a name', withHeaders([['a:', 'b']]), /is no name of a header/],
    ['a name that ends in -', withHeaders([['a-', 'b']]), /ends in -/],
    ['a name that ends in _', withHeaders([['a_', 'b']]), /ends in _/],
    ['Status', withHeaders([['Status', '200']]), /the status is the first argument/],
    ['Connection', withHeaders([['Connection', 'close']]), /belongs to the server/],
    ['a line break in a value', withHeaders([['a', 'b\r\nc: d']]), /a control character/],
    ['a value that is no bytes', withHeaders([['a', '€']]), /no byte/],
    ['no Content-Type', withHeaders([]), /no Content-Type/],
    ['Content-Type without content', withStatus('304 Not Modified'), /304 has a Content-Type/],
    ['a body of 204', withStatus('204 No Content', ['x']), /204 has a body/],
    ['a Content-Length that is none', withHeaders([...type, ['Content-Length', 'x']]), /not a number/],
    ['a body too long', withHeaders([...type, ['Content-Length', '0']]), /longer than its Content-Length, 0/],
    ['a body too short', withHeaders([...type, ['Content-Length', '2']]), /has 1 bytes, and its .* is 2/],
    [
      'startResponse twice',
      (begin) => {
        begin('200 OK', pairs);
        begin('200 OK', pairs, null);
      },
      /called twice/,
    ],
    ['startResponse never', () => [], /never called startResponse/],
    ['startResponse too late', () => ['x'], /before startResponse is called/],
    [
      'write() without an argument',
      (begin) => begin('200 OK', pairs)(),
      /write\(\) is called with 0 arguments/,
    ],
    ['a number written', (begin) => begin('200 OK', pairs)(1), /what is given to write\(\) is a number/],
    ['a number in the result', withStatus('200 OK', [1]), /a piece of the result is a number/],
    ['nothing returned', withStatus('200 OK', null), /returned null, not an iterable/],
    ['a number returned', withStatus('200 OK', 1), /returned a number \(1\), not an iterable/],
    ['text returned', withStatus('200 OK', 'text'), /return it in an array/],
    ['bytes returned', withStatus('200 OK', Buffer.from('x')), /return it in an array/],
  ];
  for (const [name, application, message] of responses) {
    test(name, () => {
      const whole = ((_: Environ, begin: never) => application(begin)) as unknown as WsgiApplication;
      const free = ((...given: unknown[]) => {
        assert.ok(given.length > 0);
        return () => {};
      }) as StartResponse;
      assert.throws(() => serve(whole, {}, free), violation('application', message));
    });
  }

  const uses: readonly (readonly [string, (env: Environ) => unknown, RegExp])[] = [
    [
      'read("1")',
      (env) => env['wsgi.input'].read('1' as never),
      /wsgi.input.read\(\) takes one whole number/,
    ],
    [
      'readline(1, 2)',
      (env) => env['wsgi.input'].readline(...([1, 2] as unknown as [number])),
      /readline\(\) takes one/,
    ],
    ['readlines(0.5)', (env) => env['wsgi.input'].readlines(0.5), /readlines\(\) takes one/],
    ['input.close()', (env) => (env['wsgi.input'] as unknown as { close(): void }).close(), /input.close/],
    ['errors.write(1)', (env) => env['wsgi.errors'].write(1 as never), /errors.write\(\) takes a string/],
    ['errors.writelines([1])', (env) => env['wsgi.errors'].writelines([1 as never]), /takes a string/],
    ['errors.close()', (env) => (env['wsgi.errors'] as unknown as { close(): void }).close(), /errors.close/],
  ];
  for (const [name, use, message] of uses) {
    test(name, () => {
      const application: WsgiApplication = (env, begin) => {
        use(env);
        return hello(env, begin);
      };
      assert.throws(() => serve(application), violation('application', message));
    });
  }
});

test('report is called instead of throwing', () => {
  const seen: string[] = [];
  const application = (() => 'text') as unknown as WsgiApplication;
  const checked = validator(application, ({ side, message }) => void seen.push(`${side}: ${message}`));
  assert.equal(checked(environ({ 'wsgi.run_once': 0 }), start), 'text');
  assert.deepEqual(
    seen.map((line) => line.split(':', 1)[0]),
    ['server', 'application'],
  );
});
