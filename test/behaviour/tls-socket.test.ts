// `req.socket` over TLS, the other interfaces over TLS, and connections that speak another protocol through it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { describe, type TestContext, test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import type { Handler } from '../../lib/exchange.js';
import { fetchHandler } from '../../lib/interfaces/fetch.js';
import type { TlsSettings } from '../../lib/tls/settings.js';
import { testedBackends } from '../helpers/backends.js';
import { TestAuthority, testAuthority, testTls } from '../helpers/certificates.js';
import { noise, until, within } from '../helpers/lifetime-client.js';
import { type StartedBackend, startBackend } from '../helpers/start-backend.js';
import { switched, Taker, upgrade } from '../helpers/taker.js';
import { hello, readAll, serveTls, shake, talk } from '../helpers/tls-client.js';

const known = testAuthority().sign(['client.example.com']);
const stranger = new TestAuthority('A stranger').sign(['stranger.example.com']);

/** Serve with what `look` finds on the socket of the first request. */
async function seen<T>(
  t: TestContext,
  backend: string,
  more: Partial<TlsSettings>,
  options: ConnectionOptions,
  look: (socket: TLSSocket, req: IncomingMessage) => T,
): Promise<{ found: T; client: TLSSocket }> {
  let found: T | undefined;
  const handler: Handler = {
    interface: 'node',
    handle(exchange) {
      const { req, res } = exchange.node() as { req: IncomingMessage; res: ServerResponse };
      found = look(req.socket as TLSSocket, req);
      res.end('seen');
    },
  };
  const server = await startBackend(backend, handler, {}, testTls(more));
  t.after(() => server.close());
  const client = await shake(t, server.port, options);
  client.write(hello);
  await within('the answer', once(client, 'data'));
  assert.ok(found);
  return { found, client };
}

for (const backend of testedBackends) {
  describe(`${backend}: req.socket over TLS`, () => {
    test('without certificates of clients', async (t) => {
      const names = [{ pattern: '*.example.com', identity: testAuthority().sign(['*.example.com']) }];
      const options = {
        servername: 'a.example.com',
        ALPNProtocols: ['http/1.1'],
        maxVersion: 'TLSv1.2',
      } as const;
      const { found, client } = await seen(t, backend, { names }, options, (socket) => ({
        encrypted: socket.encrypted,
        authorized: socket.authorized,
        error: socket.authorizationError ?? null,
        peer: socket.getPeerCertificate(),
        x509: socket.getPeerX509Certificate(),
        cipher: socket.getCipher(),
        protocol: socket.getProtocol(),
        alpn: socket.alpnProtocol,
        servername: (socket as TLSSocket & { servername: string }).servername,
        reused: socket.isSessionReused(),
        own: (socket.getCertificate() as { subject: { CN: string } }).subject.CN,
        key: socket.getEphemeralKeyInfo(),
      }));
      assert.deepEqual(found, {
        encrypted: true,
        authorized: false,
        error: null,
        peer: {},
        x509: undefined,
        cipher: client.getCipher(),
        protocol: 'TLSv1.2',
        alpn: 'http/1.1',
        servername: 'a.example.com',
        reused: false,
        own: '*.example.com',
        key: null,
      });
    });

    test('no ALPN, no SNI: false', async (t) => {
      const options = { servername: '' };
      const { found } = await seen(t, backend, {}, options, (socket) => [
        socket.alpnProtocol,
        (socket as TLSSocket & { servername: unknown }).servername,
      ]);
      assert.deepEqual(found, [false, false]);
    });

    const verify = { ca: testAuthority().cert, verify: 'optional' } as const;

    test('a certificate that is believed', async (t) => {
      const { found } = await seen(t, backend, verify, known, (socket) => ({
        authorized: socket.authorized,
        error: socket.authorizationError ?? null,
        short: socket.getPeerCertificate(),
        long: socket.getPeerCertificate(true),
        x509: socket.getPeerX509Certificate()?.subject,
      }));
      assert.equal(found.authorized, true);
      assert.equal(found.error, null);
      assert.equal(found.short.subject.CN, 'client.example.com');
      assert.equal(found.short.subjectaltname, 'DNS:client.example.com');
      assert.match(found.short.fingerprint256, /^[0-9A-F:]{95}$/);
      assert.ok(Buffer.isBuffer(found.short.raw));
      assert.equal('issuerCertificate' in found.short, false);
      assert.equal(found.long.issuerCertificate.subject.CN, 'Chaussette test CA');
      assert.equal(found.long.issuerCertificate.issuerCertificate, found.long.issuerCertificate);
      assert.equal(found.x509, 'CN=client.example.com');
    });

    for (const [what, own, code] of [
      ['none', {}, 'UNABLE_TO_GET_ISSUER_CERT'],
      ['one of another authority', stranger, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
      ['one that has ended', testAuthority().sign(['late'], -1), 'CERT_HAS_EXPIRED'],
    ] as const) {
      test(`${what}: not authorized, ${code}`, async (t) => {
        const { found } = await seen(t, backend, verify, own, (socket) => [
          socket.authorized,
          socket.authorizationError,
          'subject' in socket.getPeerCertificate(),
        ]);
        assert.deepEqual(found, [false, code, what !== 'none']);
      });
    }

    test('one object for all requests of a connection, and its facts outlive it', async (t) => {
      const sockets: TLSSocket[] = [];
      const handler: Handler = {
        interface: 'node',
        handle(exchange) {
          const { req, res } = exchange.node() as { req: IncomingMessage; res: ServerResponse };
          sockets.push(req.socket as TLSSocket);
          (req.socket as TLSSocket).getProtocol();
          res.end('x');
        },
      };
      const server = await startBackend(backend, handler, {}, testTls());
      t.after(() => server.close());
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: testAuthority().cert });
      t.after(() => agent.destroy());
      for (let i = 0; i < 2; i += 1) {
        const asked = request({ port: server.port, agent }).end();
        const [response] = (await within('a response', once(asked, 'response'))) as [IncomingMessage];
        await readAll(response);
      }
      assert.equal(sockets[0], sockets[1]);
      agent.destroy();
      await until('the end', () => sockets[0]?.destroyed === true);
      assert.equal(sockets[0]?.encrypted, true);
    });

    test('fetch: the URL of the request is https', async (t) => {
      const handler = fetchHandler((asked: Request) => new Response(asked.url));
      const server = await startBackend(backend, handler, {}, testTls());
      t.after(() => server.close());
      const text = await talk(await shake(t, server.port));
      assert.match(text, /^https:\/\/localhost\/hello\r$/m);
    });
  });

  describe(`${backend}: another protocol over TLS`, () => {
    async function take(t: TestContext): Promise<{ taker: Taker; server: StartedBackend }> {
      const taker = new Taker();
      const server = await startBackend(backend, taker, {}, testTls());
      t.after(() => {
        for (const socket of taker.sockets) socket.destroy();
        return server.close();
      });
      return { taker, server };
    }

    test('8 MiB of echo, with bytes right behind the request', async (t) => {
      const { taker, server } = await take(t);
      const client = await shake(t, server.port);
      const body = noise(8 * 1024 * 1024);
      const wanted = switched.length + 'behind'.length + body.length;
      const chunks: Buffer[] = [];
      let length = 0;
      const all = new Promise<void>((resolve) => {
        client.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          length += chunk.length;
          if (length === wanted) resolve();
        });
      });
      client.write(upgrade('/take', 'behind'));
      client.write(body);
      await within('the echo', all);
      const whole = Buffer.concat(chunks);
      assert.equal(whole.toString('latin1', 0, switched.length + 6), `${switched}behind`);
      assert.equal(Buffer.compare(whole.subarray(switched.length + 6), body), 0);
      const [socket] = taker.sockets as unknown as TLSSocket[];
      assert.deepEqual(
        [socket?.encrypted, socket?.getProtocol(), socket?.authorized, socket?.remoteAddress],
        [true, 'TLSv1.3', false, '127.0.0.1'],
      );
      client.end();
      await until('the end of the socket', () => socket?.closed === true);
      await until('the end of the connection', () => server.stats().connections === 0);
    });

    test('a client that is cut reaches the taker, and the server serves on', async (t) => {
      const { taker, server } = await take(t);
      const client = await shake(t, server.port);
      client.write(upgrade());
      await once(client, 'data');
      client.destroy();
      await until('the end of the socket', () => taker.sockets[0]?.closed === true);
      assert.match(await talk(await shake(t, server.port)), /\/hello$/);
    });

    test('the taker ends it: the client sees the closing alert', async (t) => {
      const { taker, server } = await take(t);
      const client = await shake(t, server.port);
      client.write(upgrade());
      await once(client, 'data');
      const end = once(client, 'end');
      client.resume();
      taker.sockets[0]?.end('bye');
      await within('the end', end);
    });

    for (const perMessageDeflate of [false, true]) {
      test(`ws, ${perMessageDeflate ? 'with' : 'without'} deflate; a drain closes it with 1001`, async (t) => {
        const websockets = new WebSocketServer({ noServer: true, perMessageDeflate });
        websockets.on('connection', (socket) => {
          socket.on('message', (data, binary) => socket.send(data, { binary }));
        });
        const handler: Handler = {
          interface: 'node',
          takesConnections: true,
          handle(exchange) {
            const { req } = exchange.node() as { req: IncomingMessage };
            const taken = exchange.takeOver();
            assert.ok(taken);
            websockets.handleUpgrade(req, taken.socket, taken.head, (socket) => {
              websockets.emit('connection', socket, req);
            });
          },
        };
        const server = await startBackend(backend, handler, {}, testTls());
        t.after(() => server.close());
        const ca = testAuthority().cert;
        const socket = new WebSocket(`wss://localhost:${server.port}/`, { ca, perMessageDeflate, family: 4 });
        t.after(() => socket.terminate());
        await within('the handshake', once(socket, 'open'));
        for (const sent of [Buffer.from('grüße'), noise(1024 * 1024)]) {
          const reply = once(socket, 'message');
          socket.send(sent);
          const [data] = (await within('a message', reply)) as [Buffer];
          assert.equal(Buffer.compare(data, sent), 0);
        }
        const closed = once(socket, 'close');
        const drained = server.close(60_000);
        assert.equal((await within('the close', closed))[0], 1001);
        assert.deepEqual(await within('the drain', drained), { cut: 0 });
      });
    }
  });

  test(`${backend}: a drain answers what is open, and closes what is idle`, async (t) => {
    let answer: () => void = () => {};
    const server = await serveTls(t, backend, {}, (exchange) => {
      if (exchange.target === '/hello') answer = () => exchange.respond(200, '', [], 'late');
      else exchange.respond(200, '', [], 'x');
    });
    const idle = await shake(t, server.port);
    idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(idle, 'data');
    const open = await shake(t, server.port);
    const text = talk(open, hello.replace('close', 'keep-alive'));
    await until('the request', () => server.stats().inFlight === 1);
    const ended = once(idle, 'end');
    const drained = server.close(60_000);
    idle.resume();
    await within('the end of the idle one', ended);
    answer();
    assert.match(await text, /\r\nconnection: close\r\n.*late$/is);
    assert.deepEqual(await within('the drain', drained), { cut: 0 });
  });
}
