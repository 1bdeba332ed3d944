// Memory and descriptors that an application takes away under the core, or has more of than it expects.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { Exchange } from '../../lib/exchange.js';
import { descriptors } from '../../lib/native/binding.js';
import { testedBackends } from '../helpers/backends.js';
import { Client, get, noise, post, until, within } from '../helpers/lifetime-client.js';
import { Sink, serveHeld, servesOn } from '../helpers/lifetime-handler.js';
import { turns } from '../helpers/raw-client.js';
import type { StartedBackend } from '../helpers/start-backend.js';

const kibibyte = 1024;
/** The first length that 32 bits do not hold. Bytes that nobody touches take no memory. */
const huge = 2 ** 32;

async function ask(t: TestContext): Promise<{ exchange: Exchange; client: Client; server: StartedBackend }> {
  const { handler, server } = await serveHeld(t, 'native');
  const client = await Client.open(t, server.port, { paused: true });
  await client.write(get());
  return { exchange: await handler.next(), client, server };
}

describe('memory of a body that is transferred before it was sent', {
  skip: !testedBackends.includes('native'),
}, () => {
  for (const [how, take] of [
    [
      'structuredClone',
      (bytes: Uint8Array) => structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] }),
    ],
    ['postMessage', (bytes: Uint8Array) => sendAway(bytes.buffer as ArrayBuffer)],
  ] as const) {
    for (const answer of ['respond', 'write'] as const) {
      test(`${how} after ${answer}: nothing of its new content is sent`, async (t) => {
        const { exchange, client, server } = await ask(t);
        const body = new Uint8Array(noise(32 * kibibyte ** 2));
        const original = Buffer.from(body);
        if (answer === 'respond') exchange.respond(200, '', [], body);
        else {
          exchange.respondHead(200, '', ['content-length', String(body.length)]);
          exchange.write(body);
        }
        await turns(3); // The kernel has the beginning.
        new Uint8Array(await take(body)).fill(0);
        assert.equal(body.length, 0);
        client.read();
        await client.end();
        const start = client.received.indexOf('\r\n\r\n') + 4;
        const received = client.received.subarray(start);
        assert.ok(received.length < original.length, 'the response is cut');
        assert.equal(Buffer.compare(received, original.subarray(0, received.length)), 0);
        assert.match(server.warnings.join(), /transferred or shrunk before it was sent/);
        await servesOn(t, server);
      });
    }
  }

  test('between the answer and the end of the turn: the response is cut', async (t) => {
    const { exchange, client, server } = await ask(t);
    const body = new Uint8Array(noise(100 * kibibyte));
    exchange.respond(200, '', [], body);
    structuredClone(body.buffer, { transfer: [body.buffer] });
    client.read();
    await client.end();
    assert.ok(client.received.length < 1000);
    await servesOn(t, server);
  });
});

describe('bodies above 4 GiB', { skip: !testedBackends.includes('native') }, () => {
  test('a chunk is sent in pieces, and whole', async (t) => {
    const { exchange, client, server } = await ask(t);
    const body = new Uint8Array(huge);
    exchange.respondHead(200, '', []);
    assert.equal(exchange.write(body), false);
    client.read();
    await client.until('a mebibyte', () => client.bytes > kibibyte ** 2);
    assert.match(client.text, /\r\n\r\n40000000\r\n/); // 1 GiB.
    client.reset();
    await until('the abort', () => exchange.aborted);
    await servesOn(t, server);
  });

  test('with a Content-Length, more arrives than what is left of it in 32 bits', async (t) => {
    const { handler, server } = await serveHeld(t, 'native');
    const client = await Client.open(t, server.port, { hash: true });
    await client.write(get());
    const exchange = await handler.next();
    exchange.respondHead(200, '', ['content-length', String(huge)]);
    exchange.write(new Uint8Array(huge));
    await client.until('64 MiB', () => client.bytes > 64 * kibibyte ** 2);
    client.reset();
    await until('the abort', () => exchange.aborted);
    assert.deepEqual(server.warnings, []);
  });

  test('a whole response of that size is refused, and can still be answered', async (t) => {
    const { exchange, client, server } = await ask(t);
    const tooLarge = { code: 'CHAUSSETTE_ERR_RESPONSE', message: /4294967296 bytes is too large/ };
    assert.throws(() => exchange.respond(200, '', [], new Uint8Array(huge)), tooLarge);
    exchange.respond(200, '', [], 'small');
    client.read();
    assert.equal((await client.response()).body.toString(), 'small');
    client.socket.destroy();
    await servesOn(t, server);
  });
});

describe('descriptors', { skip: !testedBackends.includes('native') }, () => {
  test('a connection whose descriptor the application closes is lost, and no more', async (t) => {
    const { handler, server } = await serveHeld(t, 'native');
    const client = await Client.open(t, server.port);
    const [fd] = socketsOf(server.port);
    assert.ok(fd !== undefined);
    void client.write(Buffer.concat([Buffer.from(post('/', 4 * kibibyte ** 2)), noise(2 * kibibyte ** 2)]));
    const exchange = await handler.next();
    const sink = new Sink();
    sink.goesOn = false;
    exchange.readBody(sink);
    await sink.has(1);
    await turns(10); // Reading has stopped.
    descriptors().close(fd);
    sink.goesOn = true;
    exchange.resumeBody();
    assert.ok((await within('the error', sink.done)) instanceof Error);
    await handler.aborted(0);
    assert.match(server.warnings.join(), /descriptor of a connection was closed/);
    await servesOn(t, server);
  });

  test('a core that cannot be opened leaves nothing behind, and opens later', async () => {
    const script = `
      import { openSync, closeSync, readdirSync } from 'node:fs';
      const { nativeBackend } = await import('./lib/backends/native.ts');
      const { defaultLimits } = await import('./lib/backends/backend.ts');
      const { descriptors } = await import('./lib/native/binding.ts');
      await import('./lib/native/turn.ts');
      const fd = descriptors().listenTcp('127.0.0.1', 0, 8, false);
      const handler = { interface: 'fetch', handle: () => {} };
      const reporter = { applicationError: () => {}, warn: () => {} };
      const start = () => nativeBackend().backend.start([{ fd, family: 'inet', display: 'x' }], handler, defaultLimits, reporter);
      const held = [];
      try { for (;;) held.push(openSync('/dev/null')); } catch {}
      let failures = 0;
      for (let free = 0; free < 2; free += 1) {
        for (let i = 0; i < 20; i += 1) await start().catch((error) => { if (error.code === 'CHAUSSETTE_ERR_BACKEND') failures += 1; });
        closeSync(held.pop());
      }
      for (const each of held) closeSync(each);
      const server = await start();
      await server.close(0);
      console.log(failures);
      process.exit(0);
    `;
    const command = `ulimit -n 60; exec "$0" --import tsx --input-type=module -e "$1"`;
    const child = spawn('bash', ['-c', command, process.execPath, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const [status] = await within('the end of the child', once(child, 'close'));
    assert.deepEqual([status, output], [0, '40\n']);
  });
});

test('native: responses that wait for the one in front are bounded by their bytes', {
  skip: !testedBackends.includes('native'),
}, async (t) => {
  const { handler, server } = await serveHeld(t, 'native');
  const client = await Client.open(t, server.port);
  const body = noise(300 * kibibyte);
  // 4 of 300 KiB are above 1 MiB.
  for (let n = 0; n < 5; n += 1) {
    await client.write(get(`/${n}`));
    const exchange = await nth(handler.held, n);
    if (n > 0) exchange.respond(200, '', [], body);
  }
  for (let n = 5; n < 20; n += 1) {
    await client.write(get(`/${n}`));
    await turns(3);
  }
  assert.equal(handler.held.length, 5);
  handler.held[0]?.respond(200, '', [], 'front');
  for (let n = 5; n < 20; n += 1) (await nth(handler.held, n)).respond(200, '', [], body);
  assert.equal((await client.response(19)).body.length, body.length);
});

async function nth(held: readonly Exchange[], n: number): Promise<Exchange> {
  await until(`exchange ${n}`, () => held.length > n);
  return held[n] as Exchange;
}

/** Over a channel to ourselves. */
async function sendAway(buffer: ArrayBuffer): Promise<ArrayBuffer> {
  const { port1, port2 } = new MessageChannel();
  const come = new Promise<ArrayBuffer>((resolve) => port2.once('message', resolve));
  port1.postMessage(buffer, [buffer]);
  const received = await come;
  port1.close();
  return received;
}

/** Descriptors of accepted connections in this process. */
function socketsOf(port: number): number[] {
  const { inspect } = descriptors();
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      const info = inspect(fd);
      return (
        typeof info !== 'number' && info.kind === 'socket' && info.port === port && info.listening === false
      );
    });
}
