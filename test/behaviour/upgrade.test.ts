// A connection that changes its protocol: Exchange.takeOver() (RFC 9110 §7.8, §9.3.6).
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { defaultLimits, type Limits } from '../../lib/backends/backend.js';
import { nativeBackend } from '../../lib/backends/native.js';
import { descriptors } from '../../lib/native/binding.js';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, until } from '../helpers/lifetime-client.js';
import { temporaryDirectory } from '../helpers/processes.js';
import { turns } from '../helpers/raw-client.js';
import { type StartedBackend, startBackend } from '../helpers/start-backend.js';
import { switched, Taker, upgrade } from '../helpers/taker.js';

async function serve(
  t: TestContext,
  backend: string,
  limits: Partial<Limits> = {},
): Promise<{ taker: Taker; server: StartedBackend }> {
  const taker = new Taker();
  const server = await startBackend(backend, taker, limits);
  t.after(() => {
    for (const socket of taker.sockets) socket.destroy();
    return server.close();
  });
  return { taker, server };
}

/** A client whose connection speaks echo. */
async function echoing(t: TestContext, port: number): Promise<Client> {
  const client = await Client.open(t, port);
  await client.write(upgrade());
  await client.has(switched);
  return client;
}

const connectRequest = 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n';
const connected = 'HTTP/1.1 200 OK\r\n\r\n';

for (const backend of testedBackends) {
  describe(`${backend}: a connection that is taken`, () => {
    for (const [name, request, answer] of [
      ['Upgrade', upgrade(), switched],
      ['CONNECT', connectRequest, connected],
    ] as const) {
      test(`${name}: the bytes behind the request arrive, wherever the packets are cut`, async (t) => {
        const { server } = await serve(t, backend);
        // What comes behind the head looks like HTTP, and like empty lines, and must not be read as either.
        const bytes = Buffer.from(`${request}\r\n${get('/not-http')}\0\xff end`, 'latin1');
        const wanted = answer + bytes.toString('latin1', request.length);
        for (let cut = 1; cut <= bytes.length; cut += 1) {
          const client = await Client.open(t, server.port);
          await client.write(bytes.subarray(0, cut));
          await turns(3);
          await client.write(bytes.subarray(cut));
          client.finish();
          await client.end();
          assert.equal(client.text, wanted, `cut at ${cut}`);
          client.socket.destroy();
        }
      });

      test(`${name}: byte by byte`, async (t) => {
        const { server } = await serve(t, backend);
        const client = await Client.open(t, server.port);
        const bytes = Buffer.from(`${request}abc`);
        for (let at = 0; at < bytes.length; at += 1) {
          await client.write(bytes.subarray(at, at + 1));
          await turns(2);
        }
        client.finish();
        await client.end();
        assert.equal(client.text, `${answer}abc`);
      });
    }

    test('in one packet: the rest is handed over as the head', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/take', 'behind'));
      await client.has('behind');
      assert.equal(taker.heads[0]?.toString(), 'behind');
    });

    test('after an await: what came meanwhile is the head, and is not read as HTTP', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/hold', 'one '));
      const exchange = await taker.holding();
      await client.write(`two ${get('/three')}`);
      await turns(5);
      taker.take(exchange);
      await client.has(`${switched}one two ${get('/three')}`);
      assert.equal(server.stats().requests, 1);
    });

    test('a client that has shut down its side: head, end, and the answer arrives', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/hold', 'last words'));
      client.finish();
      const exchange = await taker.holding();
      await turns(5);
      taker.take(exchange);
      await client.end();
      assert.equal(client.text, `${switched}last words`);
      assert.equal(client.ended, 'fin');
    });

    test('the exchange has ended for the application, and nothing of it reaches the wire', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/hold'));
      const exchange = await taker.holding();
      let aborts = 0;
      exchange.onAbort(() => {
        aborts += 1;
      });
      assert.ok(taker.take(exchange));
      assert.equal(exchange.ended, true);
      assert.equal(exchange.aborted, false);
      assert.equal(exchange.takeOver(), undefined);
      exchange.respond(200, '', [], 'late');
      exchange.write('late');
      exchange.end();
      exchange.abort();
      await client.write('alone');
      await client.has('alone');
      assert.equal(client.text, `${switched}alone`);
      assert.equal(aborts, 0);
    });

    test('the server counts it no more, and its slot is free for others', async (t) => {
      const { server } = await serve(t, backend, { inFlightMax: 1, connectionsMax: 1 });
      const first = await echoing(t, server.port);
      await until('the end of the connection', () => server.stats().connections === 0);
      assert.equal(server.stats().inFlight, 0);
      const second = await Client.open(t, server.port);
      await second.write(get('/ordinary'));
      assert.equal((await second.response()).body.toString(), '/ordinary');
      await first.write('still here');
      await first.has('still here');
    });

    test('no deadline of HTTP holds for it any more', async (t) => {
      const { server } = await serve(t, backend, {
        headMs: 1000,
        keepAliveMs: 1000,
        bodyMs: 1000,
        writeMs: 1000,
      });
      const taken = await echoing(t, server.port);
      // The core's own clock: an idle connection that came later is closed first.
      const idle = await Client.open(t, server.port);
      await idle.end();
      await taken.write('patient');
      await taken.has('patient');
    });

    test('a Unix socket', async (t) => {
      const state = nativeBackend();
      assert.ok('backend' in state);
      const path = join(temporaryDirectory(t), 'web.sock');
      const fd = descriptors().listenUnix(path, 8, -1);
      const taker = new Taker();
      const reporter = { applicationError: () => {}, warn: () => {} };
      const sockets = [{ fd, family: 'unix', display: path }] as const;
      const server = await state.backend.start(sockets, taker, defaultLimits, reporter);
      t.after(() => server.close(0));
      const socket = connect(path).end(upgrade('/take', 'over a file'));
      let text = '';
      for await (const chunk of socket.setEncoding('latin1')) text += chunk;
      assert.equal(text, `${switched}over a file`);
    });
  });

  describe(`${backend}: bytes of the other protocol`, () => {
    test('8 MiB in both directions at once', async (t) => {
      const { server } = await serve(t, backend);
      const client = await echoing(t, server.port);
      const body = noise(8 * 1024 * 1024);
      client.socket.end(body);
      await client.end();
      assert.equal(Buffer.compare(client.received.subarray(switched.length), body), 0);
      assert.equal(client.ended, 'fin');
    });

    test('the taker may shut down its side first', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await echoing(t, server.port);
      const [socket] = taker.sockets;
      assert.ok(socket);
      let received = '';
      socket.unpipe(socket).setEncoding('utf8');
      socket.on('data', (text: string) => {
        received += text;
      });
      socket.resume();
      socket.end('bye');
      await client.end();
      await client.write('not yet');
      client.finish();
      await until('the end of the client', () => socket.closed);
      assert.equal(received, 'not yet');
      assert.ok(client.text.endsWith('bye'));
    });

    test('a reset reaches the taker, and the server serves on', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await echoing(t, server.port);
      client.reset();
      await until('the end of the socket', () => taker.sockets[0]?.closed === true);
      const next = await Client.open(t, server.port);
      await next.write(get('/next'));
      assert.equal((await next.response()).status, 200);
    });

    test('no descriptor is left behind', async (t) => {
      const { taker, server } = await serve(t, backend);
      const count = () => readdirSync('/proc/self/fd').length;
      const before = count();
      for (let round = 0; round < 100; round += 1) {
        const client = await Client.open(t, server.port);
        await client.write(upgrade('/take', 'x'));
        await client.has(`${switched}x`);
        if (round % 2 === 0) client.finish();
        else client.reset();
        await until('the end of the connection', () => taker.sockets[round]?.closed === true);
        client.socket.destroy();
      }
      await until('the descriptors', () => count() <= before);
    });
  });

  describe(`${backend}: pipelining and an upgrade`, () => {
    test('responses in front of it leave first, in one packet with it', async (t) => {
      const { server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/a') + get('/b') + upgrade('/take', 'head'));
      await client.has('head');
      const order = ['/a', '/b', '101 Switching', 'head'].map((text) => client.text.lastIndexOf(text));
      assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
      );
    });

    test('one in front that is still open: an ordinary request, answered in its turn', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/hold') + upgrade('/take'));
      const first = await taker.holding();
      await until('the attempt', () => taker.refused === 1);
      first.respond(200, '', [], 'first');
      assert.equal((await client.response()).body.toString(), 'first');
      assert.equal((await client.response(1)).status, 426);
      await client.write(get('/next'));
      assert.equal((await client.response(2)).body.toString(), '/next');
    });

    test('it can be taken as soon as the one in front is answered', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/hold/first') + upgrade('/hold/second', 'head'));
      const first = await taker.holding(0);
      const second = await taker.holding(1);
      assert.equal(second.takeOver(), undefined);
      first.respond(200, '', [], 'first');
      // node:http tells when it has left.
      if (backend === 'http') await until('the end of the first', () => server.stats().inFlight === 1);
      assert.ok(taker.take(second));
      await client.has(`first${switched}head`);
    });

    test('a client that does not take the response in front: not now', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port, { paused: true });
      await client.write(get('/hold/first') + upgrade('/hold/second'));
      const first = await taker.holding(0);
      const second = await taker.holding(1);
      first.respond(200, '', [], Buffer.alloc(16 * 1024 * 1024));
      assert.equal(taker.take(second), undefined);
      client.read();
      assert.equal((await client.response(1)).status, 426);
    });

    test('what stands behind one that nobody takes is served', async (t) => {
      const { server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/declined') + get('/next') + upgrade('/take', 'third'));
      await client.has(`${switched}third`);
      const bodies = client.responses.slice(0, 2).map(({ body }) => body.toString());
      assert.deepEqual(bodies, ['/declined', '/next']);
    });

    test('behind one that nobody takes, an idle connection ends without an answer', async (t) => {
      const { server } = await serve(t, backend, { headMs: 1000, keepAliveMs: 1000 });
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/declined'));
      await client.end();
      assert.equal(client.ended, 'fin');
      assert.deepEqual(
        client.responses.map(({ body }) => body.toString()),
        ['/declined'],
      );
    });

    test('a request without Upgrade cannot be taken, nor one of HTTP/1.0', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(get('/take') + get('/take', 'Upgrade: echo\r\n'));
      assert.equal((await client.response(1)).status, 426);
      const old = await Client.open(t, server.port);
      await old.write(upgrade().replace('HTTP/1.1', 'HTTP/1.0'));
      assert.equal((await old.response()).status, 426);
      assert.equal(taker.refused, 3);
    });

    test('a client that has left cannot be taken', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/hold'));
      const exchange = await taker.holding();
      client.reset();
      await until('the abort', () => exchange.aborted);
      assert.equal(exchange.takeOver(), undefined);
    });
  });

  describe(`${backend}: the end of the server`, () => {
    test('a connection that was taken is left alone while the server drains, which waits for it', async (t) => {
      const { server } = await serve(t, backend);
      const client = await echoing(t, server.port);
      const closed = server.close(60_000);
      await until('the drain', () => server.stats().connections === 0);
      await turns(5);
      await client.write('still here');
      await client.has('still here');
      client.finish();
      await client.end();
      assert.equal(client.ended, 'fin');
      assert.equal(client.text, `${switched}still here`);
      assert.deepEqual(await closed, { cut: 0 });
    });

    for (const drainMs of [250, 0]) {
      test(`close(${drainMs}): at the deadline it is cut, and counts for no request`, async (t) => {
        const { server } = await serve(t, backend);
        const client = await echoing(t, server.port);
        assert.deepEqual(await server.close(drainMs), { cut: 0 });
        await client.end();
      });
    }

    test('while it drains, what is in flight may still be taken', async (t) => {
      const { taker, server } = await serve(t, backend);
      const client = await Client.open(t, server.port);
      await client.write(upgrade('/hold', 'head'));
      const exchange = await taker.holding();
      const closed = server.close(5000);
      assert.ok(taker.take(exchange));
      await client.has(`${switched}head`);
      client.finish();
      assert.deepEqual(await closed, { cut: 0 });
    });
  });
}

// node:http takes the body of such a request for bytes of the other protocol; on `http` it is an ordinary request.
describe('native: a request with a body and an upgrade', () => {
  const backend = 'native';
  test('a request with a body: taken when the body has been read', async (t) => {
    const { server } = await serve(t, backend);
    const client = await Client.open(t, server.port);
    const head = post('/read-and-take', 4).replace(
      '\r\n\r\n',
      '\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
    );
    await client.write(`${head}bo`);
    await turns(5);
    await client.write('dyhead');
    await client.has(`${switched}head<body>`);
  });

  test('before its body is complete it cannot be taken', async (t) => {
    const { taker, server } = await serve(t, backend);
    const client = await Client.open(t, server.port);
    await client.write(
      post('/take', 4).replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'),
    );
    assert.equal((await client.response()).status, 426);
    await client.write(`body${get('/next')}`);
    assert.equal((await client.response(1)).body.toString(), '/next');
    assert.equal(taker.refused, 1);
  });
});
