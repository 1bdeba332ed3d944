import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { installLightResponse } from '../../lib/interfaces/index.js';

const RealResponse = globalThis.Response;
const RealHeaders = globalThis.Headers;
installLightResponse();

const encoder = new TextEncoder();
const bytes = encoder.encode('bytes');
const streamOf = (text: string) =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode(text));
      controller.close();
    },
  });

/** Made twice, once of each class; what can be seen of both must be the same. */
const constructions: readonly (readonly [string, () => [unknown?, unknown?]])[] = [
  ['nothing', () => []],
  ['null', () => [null]],
  ['a string', () => ['text']],
  ['an empty string', () => ['']],
  ['a number', () => [5]],
  ['Uint8Array', () => [bytes]],
  ['Buffer', () => [Buffer.from('buffer')]],
  ['ArrayBuffer', () => [bytes.slice().buffer]],
  ['DataView', () => [new DataView(bytes.slice().buffer, 1, 2)]],
  ['URLSearchParams', () => [new URLSearchParams({ a: '1 2' })]],
  ['Blob', () => [new Blob(['blob'], { type: 'text/csv' })]],
  ['a stream', () => [streamOf('stream')]],
  ['status and text', () => ['x', { status: 418, statusText: 'Teapot' }]],
  ['a status as a string', () => ['x', { status: '201' }]],
  ['204', () => [null, { status: 204 }]],
  ['headers of an object', () => ['x', { headers: { 'Content-Type': 'text/html', 'X-A': ' 1 ' } }]],
  [
    'headers of pairs',
    () => [
      'x',
      {
        headers: [
          ['X-A', '1'],
          ['x-a', '2'],
          ['b', ''],
        ],
      },
    ],
  ],
  ['headers of a Map', () => ['x', { headers: new Map([['x-a', '1']]) }]],
  ['headers of light Headers', () => ['x', { headers: new Headers({ 'X-Z': '1', 'X-A': '2' }) }]],
  ['headers of real Headers', () => ['x', { headers: new RealHeaders({ 'X-Z': '1' }) }]],
  [
    'cookies',
    () => [
      null,
      {
        headers: [
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
          ['a', '0'],
        ],
      },
    ],
  ],
];

const refused: readonly (readonly [string, () => [unknown?, unknown?]])[] = [
  ['a body with 204', () => ['x', { status: 204 }]],
  ['a body with 304', () => ['', { status: 304 }]],
  ['status 101', () => [null, { status: 101 }]],
  ['status 600', () => [null, { status: 600 }]],
  ['a reason with a line break', () => [null, { statusText: 'a\nb' }]],
  ['a name with a space', () => [null, { headers: { 'a b': '1' } }]],
  ['a value with a line break', () => [null, { headers: { a: '1\r\nb: 2' } }]],
  ['a pair of three', () => [null, { headers: [['a', 'b', 'c']] }]],
  ['headers that are a string', () => [null, { headers: 'a: b' }]],
];

type Constructor = new (...args: unknown[]) => Response;
const Light = globalThis.Response as unknown as Constructor;
const Real = RealResponse as unknown as Constructor;

async function look(response: Response) {
  return {
    status: response.status,
    ok: response.ok,
    statusText: response.statusText,
    type: response.type,
    url: response.url,
    redirected: response.redirected,
    headers: [...response.headers],
    cookies: response.headers.getSetCookie(),
    nullBody: response.body === null,
    usedBefore: response.bodyUsed,
    text: await response.text(),
    usedAfter: response.bodyUsed,
  };
}

describe('the light Response shows what the real one shows', () => {
  for (const [name, args] of constructions) {
    test(name, async () => {
      assert.deepEqual(await look(new Light(...args())), await look(new Real(...args())));
    });
    test(`${name}, as a clone`, async () => {
      const light = new Light(...args());
      const copy = light.clone();
      const expected = await look(new Real(...args()));
      assert.deepEqual(await look(copy), expected);
      assert.deepEqual(await look(light), expected);
    });
  }
  for (const [name, args] of refused) {
    test(`refused: ${name}`, () => {
      const kindOf = (make: () => unknown) => {
        try {
          make();
        } catch (error) {
          return (error as Error).constructor.name;
        }
        return 'made';
      };
      const expected = kindOf(() => new Real(...args()));
      assert.notEqual(expected, 'made');
      assert.equal(
        kindOf(() => new Light(...args())),
        expected,
      );
    });
  }
});

describe('the light Response', () => {
  test('instanceof holds both ways, for derived classes as well', () => {
    const light = new Response('x');
    assert.ok(light instanceof Response);
    assert.ok(light instanceof RealResponse);
    assert.ok(new RealResponse('x') instanceof Response);
    class Derived extends Response {}
    assert.ok(new Derived('x') instanceof Derived);
    assert.ok(new Derived('x') instanceof RealResponse);
    assert.ok(!(light instanceof Derived));
    assert.ok(!({} instanceof Response));
    assert.equal(Object.prototype.toString.call(light), '[object Response]');
    assert.equal(Response.name, 'Response');
    assert.equal(light.constructor, Response);
  });

  test('its headers stay the same object, and can be changed', () => {
    const response = new Response('x');
    const { headers } = response;
    headers.set('X-A', '1');
    assert.equal(response.headers, headers);
    assert.equal(response.headers.get('x-a'), '1');
    assert.equal(new Response('y').headers.get('x-a'), null);
  });

  test('a body is read once', async () => {
    const response = new Response('x');
    await response.text();
    assert.equal(response.bodyUsed, true);
    await assert.rejects(response.text(), TypeError);
    assert.throws(() => response.clone(), TypeError);
  });

  test('json, arrayBuffer, bytes, blob and formData', async () => {
    assert.deepEqual(await new Response('{"a":1}').json(), { a: 1 });
    assert.equal((await new Response('abc').arrayBuffer()).byteLength, 3);
    assert.deepEqual(
      await (new Response('a') as unknown as { bytes(): unknown }).bytes(),
      new Uint8Array([97]),
    );
    assert.equal((await new Response('abc').blob()).size, 3);
    assert.equal((await new Response(new URLSearchParams({ k: 'v' })).formData()).get('k'), 'v');
  });

  test('Response.json, redirect and error', async () => {
    const json = Response.json({ a: [1] }, { status: 201, headers: { 'x-b': '2' } });
    const real = RealResponse.json({ a: [1] }, { status: 201, headers: { 'x-b': '2' } });
    assert.deepEqual(await look(json), await look(real));
    assert.equal(
      Response.json(1, { headers: { 'content-type': 'text/x' } }).headers.get('content-type'),
      'text/x',
    );
    assert.throws(() => Response.json(undefined), TypeError);
    const redirect = Response.redirect('http://a.example/b c', 303);
    assert.equal(redirect.status, 303);
    assert.equal(redirect.headers.get('location'), 'http://a.example/b%20c');
    assert.throws(() => Response.redirect('http://a.example/', 200 as 301), RangeError);
    assert.equal(Response.error().type, 'error');
  });

  test('a locked stream is refused', () => {
    const stream = streamOf('x');
    stream.getReader();
    assert.throws(() => new Response(stream), TypeError);
  });

  test('inspect shows a response', () => {
    assert.match(inspect(new Response('x', { status: 201 })), /Response \{[\s\S]*status: 201/);
  });
});

describe('the light Headers', () => {
  test('set, append, delete, sort and combine as the real ones', () => {
    const results = [RealHeaders, Headers].map((Kind) => {
      const headers = new Kind({ Z: 'last', A: 'first' });
      headers.append('a', 'second');
      headers.append('Set-Cookie', 'x=1');
      headers.append('set-cookie', 'y=2');
      headers.set('B', 'b');
      headers.delete('z');
      headers.delete('not-there');
      const each: unknown[] = [];
      headers.forEach((value, name) => void each.push([name, value]));
      return {
        pairs: [...headers],
        keys: [...headers.keys()],
        values: [...headers.values()],
        each,
        a: headers.get('A'),
        none: headers.get('none'),
        has: [headers.has('B'), headers.has('z')],
        cookies: headers.getSetCookie(),
        copy: [...new Kind(headers)],
      };
    });
    assert.deepEqual(results[1], results[0]);
  });

  test('a set of a repeated field leaves one', () => {
    const headers = new Headers([
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      ['a', '4'],
    ]);
    headers.set('a', '5');
    assert.deepEqual(
      [...headers],
      [
        ['a', '5'],
        ['b', '2'],
      ],
    );
  });

  test('instanceof and refusals', () => {
    assert.ok(new Headers() instanceof RealHeaders);
    assert.ok(new RealHeaders() instanceof Headers);
    assert.throws(() => new Headers({ 'a:': '1' }), TypeError);
    assert.throws(() => new Headers().set('a', 'b\0'), TypeError);
    assert.throws(() => new Headers().get('a b'), TypeError);
  });

  test("Node's own classes take them", () => {
    const headers = new Headers({ 'x-a': '1' });
    assert.equal(new RealResponse(null, { headers }).headers.get('x-a'), '1');
    assert.equal(new Request('http://localhost/', { headers }).headers.get('x-a'), '1');
  });
});
