// The end of whole environments: worker threads that are terminated under load, processes that exit in the middle of
// requests, servers that come and go by the hundred.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Child, startWorker } from '../helpers/lifetime-child.js';
import { Client, get, post, until, within } from '../helpers/lifetime-client.js';
import { Holding, serveHeld, servesOn } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';
import { startBackend } from '../helpers/start-backend.js';

/** Clients of every kind, which do not mind being cut.
 *  @returns Lets go of them. */
function load(t: TestContext, port: number): () => void {
  const scripts = [
    get('/hello').repeat(50),
    get('/later').repeat(20),
    get('/never'),
    get('/stream'),
    post('/echo', 1_000_000, 'x'.repeat(300_000)),
    'GET /hello HTTP/1.1\r\nHost:',
    get('/hello') + post('/hello', 100, 'half'),
  ];
  const sockets = [...scripts, ...scripts].map((script, index) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    if (index % 2 === 0) socket.resume();
    socket.write(script);
    return socket;
  });
  const stop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(stop);
  return stop;
}

const descriptorCount = () => readdirSync('/proc/self/fd').length;

for (const backend of testedBackends) {
  describe(`${backend}: worker threads`, () => {
    // The native one has code of its own at the end of an environment.
    const rounds = backend === 'native' ? 10 : 3;

    test(`${3 * rounds} of them are terminated under load; the server of the main thread goes on`, async (t) => {
      const { handler, server } = await serveHeld(t, backend);
      const waiting = await Client.open(t, server.port);
      await waiting.write(get());
      const exchange = await handler.next();
      let descriptors = 0;
      for (let round = 0; round < rounds; round += 1) {
        const workers = await Promise.all([1, 2, 3].map(() => startWorker(t, { backend })));
        const stops = workers.map(({ port }) => load(t, port));
        // Moments from "nothing was accepted" to "everything is in full flow".
        for (const [index, { worker, ended }] of workers.entries()) {
          await turns((round * 7 + index * 13) % 40);
          void worker.terminate();
          assert.equal(await within('the end of a worker', ended), 1);
        }
        for (const stop of stops) stop();
        const client = await Client.open(t, server.port);
        await client.write(get('/next'));
        assert.equal((await client.response()).status, 200);
        client.socket.destroy();
        if (round === 0) descriptors = descriptorCount();
      }
      await until('the descriptors of the workers', () => descriptorCount() <= descriptors);
      exchange.respond(200, '', [], 'still here');
      assert.equal((await waiting.response()).body.toString(), 'still here');
      waiting.socket.destroy();
      await servesOn(t, server);
    });

    test('one that calls process.exit() in a request ends alone', async (t) => {
      const { server } = await serveHeld(t, backend);
      for (const path of ['/exit', '/exit-later']) {
        const { port, ended } = await startWorker(t, { backend });
        load(t, port);
        const client = await Client.open(t, port);
        await client.write(get(path));
        assert.equal(await within('the end', ended), 7);
        await client.end();
      }
      await servesOn(t, server);
    });
  });

  describe(`${backend}: a process`, () => {
    for (const path of ['/exit', '/exit-later']) {
      test(`that calls process.exit() in ${path} ends with its code`, async (t) => {
        const child = Child.server(t, { backend });
        const port = await child.port();
        load(t, port);
        const client = await Client.open(t, port);
        await client.write(get('/hello'));
        await client.response();
        await client.write(get(path));
        assert.equal(await within('the end', child.ended), 7);
        await client.end();
        assert.equal(child.output, `port ${port}\n`);
      });
    }

    test('that gets SIGTERM without a handler for it ends by it', async (t) => {
      const child = Child.server(t, { backend });
      load(t, await child.port());
      await turns(10);
      child.process.kill('SIGTERM');
      assert.equal(await within('the end', child.ended), 'SIGTERM');
    });
  });

  test(`${backend}: 200 servers come and go without leaving a descriptor`, async (t) => {
    let before = 0;
    for (let round = 0; round < 200; round += 1) {
      const handler = new Holding();
      const server = await startBackend(backend, handler);
      const client = await Client.open(t, server.port);
      // A third drains while idle, a third with a request in flight, a third is cut with one.
      await client.write(get(round % 3 === 0 ? '/next' : '/'));
      if (round % 3 === 0) await client.response();
      else await handler.next();
      const closed = server.close(round % 3 === 2 ? 0 : 10_000);
      if (round % 3 === 1) handler.held[0]?.respond(200, '', [], 'last');
      await client.end();
      client.socket.destroy();
      await within('close', closed);
      if (round === 20) before = descriptorCount();
    }
    await until(`no more descriptors than the ${before} after 20 rounds`, () => descriptorCount() <= before);
  });
}
