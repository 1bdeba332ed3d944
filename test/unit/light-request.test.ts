import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fetchHandler, installLightResponse } from '../../lib/interfaces/fetch.js';
import { LightRequest, realRequestOf } from '../../lib/interfaces/fetch-request.js';
import { FakeExchange, type FakeHead } from '../helpers/fake-exchange.js';

const RealRequest = globalThis.Request;
installLightResponse();

const light = (head?: FakeHead) => new LightRequest(new FakeExchange(head)) as unknown as Request;
const post = (...body: string[]): FakeHead => ({ method: 'POST', body });

describe('url', () => {
  const urls: readonly (readonly [string, string | undefined, string])[] = [
    ['/', 'localhost:8080', 'http://localhost:8080/'],
    ['/a?b=c', 'Example.ORG', 'http://example.org/a?b=c'],
    ['/a', 'example.org:80', 'http://example.org/a'],
    ['/a', '[::1]:8080', 'http://[::1]:8080/a'],
    ['/a/../b', 'a', 'http://a/b'],
    ['/a/%2e%2E/b', 'a', 'http://a/b'],
    ['//evil.example/x', 'a', 'http://a//evil.example/x'],
    ['/\\evil', 'a', 'http://a//evil'],
    ['/"<>', 'a', 'http://a/%22%3C%3E'],
    ["/?'", 'a', 'http://a/?%27'],
    ['/\xe9', 'a', 'http://a/%C3%A9'],
    ['http://other.example/x?y', 'a', 'http://other.example/x?y'],
    ['HTTP://other.example', 'a', 'http://other.example/'],
    ['http://[bad/x', 'a', 'http://a/'],
    ['*', 'a', 'http://a/*'],
    ['a.example:443', 'a.example', 'http://a.example/'],
    ['/x', undefined, 'http://127.0.0.1:8080/x'],
    ['/x', '', 'http://127.0.0.1:8080/x'],
    ['/x', 'user@evil', 'http://127.0.0.1:8080/x'],
    ['/x', 'a/b', 'http://127.0.0.1:8080/x'],
    ['/x', 'a b', 'http://127.0.0.1:8080/x'],
    ['/x', '[::1', 'http://127.0.0.1:8080/x'],
    ['/x', 'a:99999', 'http://127.0.0.1:8080/x'],
    ['/x', '%00', 'http://127.0.0.1:8080/x'],
  ];
  for (const [target, host, expected] of urls) {
    test(`${JSON.stringify(target)} with Host ${JSON.stringify(host)} is ${expected}`, () => {
      const headers = host === undefined ? [] : ['Host', host];
      assert.equal(light({ target, headers }).url, expected);
      assert.equal(new URL(expected).href, expected);
    });
  }

  test('on a Unix socket without Host it is localhost', () => {
    const local = { address: '', port: 0, family: 'unix' } as const;
    assert.equal(light({ target: '/x', headers: [], local }).url, 'http://localhost/x');
  });
});

describe('headers', () => {
  const headers = ['Host', 'a', 'X-A', '1', 'x-a', '2', 'Cookie', 'a=1', 'cookie', 'b=2'];

  test('are read from the head, and can be changed', () => {
    const request = light({ headers });
    assert.equal(request.headers.get('X-A'), '1, 2');
    assert.equal(request.headers.get('cookie'), 'a=1; b=2');
    assert.equal(request.headers.has('none'), false);
    assert.ok(request.headers instanceof Headers);
    request.headers.set('x-a', '3');
    request.headers.delete('host');
    assert.deepEqual(
      [...request.headers],
      [
        ['cookie', 'a=1; b=2'],
        ['x-a', '3'],
      ],
    );
  });

  test('of a clone are their own', () => {
    const request = light({ headers });
    const copy = request.clone();
    copy.headers.set('x-a', 'copy');
    assert.equal(request.headers.get('x-a'), '1, 2');
  });
});

describe('body', () => {
  test('text, json, arrayBuffer, blob, formData, bytes', async () => {
    assert.equal(await light(post('one ', 'two')).text(), 'one two');
    assert.equal(await light(post('\ufeffmark')).text(), 'mark');
    assert.deepEqual(await light(post('{"a":', '1}')).json(), { a: 1 });
    await assert.rejects(light(post('{')).json(), SyntaxError);
    const buffer = await light(post('abc')).arrayBuffer();
    assert.equal(Object.prototype.toString.call(buffer), '[object ArrayBuffer]');
    assert.equal(buffer.byteLength, 3);
    const headers = ['host', 'a', 'content-type', 'application/x-www-form-urlencoded'];
    assert.equal((await light({ ...post('k=v'), headers }).formData()).get('k'), 'v');
    assert.equal((await light({ ...post('k=v'), headers }).blob()).type, 'application/x-www-form-urlencoded');
  });

  test('is read once', async () => {
    const request = light(post('x'));
    assert.equal(request.bodyUsed, false);
    await request.text();
    assert.equal(request.bodyUsed, true);
    await assert.rejects(request.text(), TypeError);
    assert.throws(() => request.clone(), TypeError);
  });

  test('none: null, empty text, never used', async () => {
    const request = light();
    assert.equal(request.body, null);
    assert.equal(await request.text(), '');
    assert.equal(request.bodyUsed, false);
    assert.equal(await request.text(), '');
  });

  test('a stream is the same at each call, and reading it uses the body', async () => {
    const request = light(post('one', 'two'));
    const { body } = request;
    assert.equal(request.body, body);
    const pieces: string[] = [];
    for await (const chunk of body ?? []) pieces.push(Buffer.from(chunk).toString());
    assert.deepEqual(pieces, ['one', 'two']);
    assert.equal(request.bodyUsed, true);
    await assert.rejects(request.text(), TypeError);
  });

  test('a clone has a body of its own', async () => {
    const request = light(post('one', 'two'));
    const copy = request.clone();
    assert.equal(await copy.text(), 'onetwo');
    assert.equal(await request.text(), 'onetwo');
  });
});

describe('where Node wants its own', () => {
  test('instanceof holds both ways', () => {
    const request = light();
    assert.ok(request instanceof Request);
    assert.ok(request instanceof RealRequest);
    assert.ok(new RealRequest('http://a/') instanceof Request);
    assert.ok(new Request('http://a/') instanceof RealRequest);
  });

  test('new Request(request) and new Request(url, request)', async () => {
    const head = { ...post('body'), target: '/x', headers: ['Host', 'a', 'x-a', '1'] };
    const copy = new Request(light(head));
    assert.equal(copy.url, 'http://a/x');
    assert.equal(copy.method, 'POST');
    assert.equal(copy.headers.get('x-a'), '1');
    assert.equal(await copy.text(), 'body');
    const moved = new Request('http://b/', light(head));
    assert.equal(moved.method, 'POST');
    assert.equal(moved.headers.get('x-a'), '1');
    assert.equal(await moved.text(), 'body');
  });

  test('a request with a method that fetch forbids can be copied', () => {
    const request = realRequestOf(new LightRequest(new FakeExchange({ method: 'TRACE' })));
    assert.ok(request instanceof RealRequest);
    assert.equal(request.method, 'TRACE');
  });
});

describe('signal', () => {
  test('is aborted when the client leaves', () => {
    const exchange = new FakeExchange();
    const request = new LightRequest(exchange);
    assert.equal(request.signal.aborted, false);
    assert.equal(request.signal, request.signal);
    const { signal } = request.clone();
    exchange.abort();
    assert.equal(request.signal.aborted, true);
    assert.equal(signal.aborted, true);
  });

  test('is aborted from the start when somebody asks too late', () => {
    const exchange = new FakeExchange();
    exchange.abort();
    assert.equal(new LightRequest(exchange).signal.aborted, true);
  });
});

describe('the handler', () => {
  const run = (application: (request: Request) => unknown, head?: FakeHead): FakeExchange => {
    const exchange = new FakeExchange(head);
    fetchHandler(application).handle(exchange);
    return exchange;
  };

  test('a Response that is no promise is answered before handle() returns', () => {
    const exchange = run(() => new Response('now', { status: 201 }));
    assert.equal(exchange.status, 201);
    assert.equal(exchange.body, 'now');
    assert.equal(exchange.ended, true);
  });

  test('what is not a Response is an error that says what it is', () => {
    for (const [value, what] of [
      [undefined, 'undefined'],
      ['text', 'a string ("text")'],
      [{ a: 1 }, 'an object with a'],
    ]) {
      const { error } = run(() => value);
      assert.equal((error as Error).message, `the fetch handler returned ${what}, not a Response`);
    }
  });

  test('thrown, rejected, and a Response whose body was read', async () => {
    const thrown = new Error('thrown');
    assert.equal(
      run(() => {
        throw thrown;
      }).error,
      thrown,
    );
    const rejected = run(() => Promise.reject(thrown));
    await new Promise(setImmediate);
    assert.equal(rejected.error, thrown);
    const used = new Response('x');
    await used.text();
    assert.ok(run(() => used).error instanceof TypeError);
    assert.match(String(run(() => Response.error()).error), /Response\.error\(\)/);
  });

  test('one Response can answer many requests', () => {
    const response = new Response('same');
    assert.equal(run(() => response).body, 'same');
    assert.equal(run(() => response).body, 'same');
  });

  test('headers that were changed after the construction count', () => {
    const response = new Response('x');
    response.headers.set('x-late', '1');
    const { responseHeaders } = run(() => response);
    assert.deepEqual(responseHeaders, ['content-type', 'text/plain;charset=UTF-8', 'x-late', '1']);
  });
});
