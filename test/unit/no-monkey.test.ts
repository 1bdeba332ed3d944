import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchHandler } from '../../lib/interfaces/fetch.js';
import { FakeExchange } from '../helpers/fake-exchange.js';

// Nothing in this file installs the light Response: `--no-monkey`.
const { Request: RealRequest, Response: RealResponse, Headers: RealHeaders, fetch: realFetch } = globalThis;

test("without the light Response the globals are Node's, and so is the request", async () => {
  let seen: Request | undefined;
  const handler = fetchHandler(async (request) => {
    seen = request;
    return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, {
      headers: { 'x-a': request.headers.get('x-b') ?? '' },
    });
  });
  const headers = ['Host', 'a', 'X-B', 'b'];
  const exchange = new FakeExchange({ method: 'POST', target: '/p', headers, body: ['one ', 'two'] });
  handler.handle(exchange);
  await exchange.done;
  assert.equal(exchange.error, undefined);
  assert.equal(exchange.body, 'POST /p one two');
  assert.deepEqual(exchange.responseHeaders, ['content-type', 'text/plain;charset=UTF-8', 'x-a', 'b']);
  assert.equal(seen?.constructor, RealRequest);
  assert.ok(seen?.clone === RealRequest.prototype.clone);
  assert.deepEqual(
    [globalThis.Request, globalThis.Response, globalThis.Headers, globalThis.fetch],
    [RealRequest, RealResponse, RealHeaders, realFetch],
  );
});
