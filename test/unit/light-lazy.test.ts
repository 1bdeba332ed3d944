import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installLightResponse } from '../../lib/interfaces/index.js';

installLightResponse();

// One process, one order: what is loaded stays loaded. From Node 22 on it is loaded from the start.
const isLazy = Number(process.versions.node.split('.', 1)[0]) < 22;
const isUndiciLoaded = (): boolean => {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
  return moduleLoadList.some((name) => name.includes('undici/undici'));
};

test('light responses, headers and their instanceof need nothing of undici', () => {
  class Derived extends Response {}
  const response = new Response('text', { headers: new Headers({ 'x-a': '1' }) });
  assert.equal(response.headers.get('x-a'), '1');
  assert.ok(response instanceof Response);
  assert.ok(new Derived('x') instanceof Response);
  assert.ok(!(response instanceof Derived));
  assert.ok(!((null as unknown) instanceof Response));
  assert.equal(Object.prototype.toString.call(response), '[object Response]');
  assert.equal(Response.name, 'Response');
  assert.equal(isUndiciLoaded(), !isLazy);
});

test('from the first need on, the chains end in the real classes, and the globals are still ours', async () => {
  const { Response: light, Headers: lightHeaders, Request: lightRequest } = globalThis;
  const early = new Response('early');
  assert.equal(await new Response('text').text(), 'text');
  assert.equal(isUndiciLoaded(), true);
  assert.deepEqual([Response, Headers, Request], [light, lightHeaders, lightRequest]);
  const real = Object.getPrototypeOf(Response) as typeof Response;
  assert.notEqual(real, Function.prototype);
  assert.ok(early instanceof real);
  assert.ok(new real('x') instanceof Response);
  assert.ok(new Headers() instanceof Object.getPrototypeOf(Headers));
});

test('Request makes requests of Node, also of a class that is derived from it', () => {
  class Derived extends Request {
    readonly mine = true;
  }
  const request = new Derived('http://a/x', { method: 'POST', body: 'x' });
  assert.ok(request.mine && request instanceof Derived && request instanceof Request);
  assert.equal(request.url, 'http://a/x');
  assert.equal(request.method, 'POST');
  assert.ok(!(new Request('http://a/') instanceof Derived));
  assert.throws(() => (Request as unknown as () => void)(), TypeError);
  assert.throws(() => new Request('no url'), TypeError);
});
