// --forwarded-allow, asked for the client when it has left: who was not believed is not then, and who was is.
import assert from 'node:assert/strict';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { serve } from '../../lib/index.js';
import { nowhere } from '../../lib/proxies/ends.js';
import { parseNetworks } from '../../lib/proxies/networks.js';
import { Peers } from '../../lib/proxies/peers.js';
import { within } from '../helpers/lifetime-client.js';
import { temporaryDirectory } from '../helpers/processes.js';

type RequestIP = (request: Request) => { readonly address: string } | null;

for (const backend of ['native', 'http', 'http2'] as const) {
  test(`--forwarded-allow unix: a client that has left is who it was, ${backend}`, async (t) => {
    let begin = (): void => {};
    let tell = (_address: string | undefined): void => {};
    const app = (request: Request, { requestIP }: { requestIP: RequestIP }) => {
      request.signal.addEventListener('abort', () => {
        setImmediate(() => tell(requestIP(request)?.address));
      });
      begin();
      return new Promise(() => {});
    };
    const path = join(temporaryDirectory(t), 'socket');
    const server = await serve({
      app,
      interface: 'fetch',
      backend,
      logLevel: 'error',
      bind: ['127.0.0.1:0', `unix:${path}`],
      forwardedAllow: ['unix'],
    });
    t.after(() => server.close({ drainMs: 0 }));
    const seen = async (to: NetConnectOpts): Promise<string | undefined> => {
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const told = new Promise<string | undefined>((resolve) => {
        tell = resolve;
      });
      const socket = connect(to);
      t.after(() => socket.destroy());
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n');
      await within('the request', begun);
      if ('path' in to) socket.destroy();
      else socket.resetAndDestroy();
      return await within('the end of the client', told);
    };
    const port = Number(server.addresses[0]?.split(':')[1]);
    assert.equal(await seen({ port, host: '127.0.0.1' }), '127.0.0.1');
    assert.equal(await seen({ path }), '203.0.113.7');
  });
}

test('nobody is believed who had left before somebody asked', () => {
  const everyone = new Peers(parseNetworks(['*'], '--forwarded-allow'));
  assert.equal(everyone.has({ address: '', family: 'unix' }), true);
  assert.equal(everyone.has(nowhere), false);
});
