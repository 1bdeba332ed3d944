// createServer with key and cert, against node:https: the same client sees the same from both.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import * as https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type ConnectionOptions, createSecureContext, type TLSSocket } from 'node:tls';
import { createServer } from '../../lib/index.js';
import { testAuthority, testTls } from '../helpers/certificates.js';
import { within } from '../helpers/lifetime-client.js';
import { hello, shake, talk } from '../helpers/tls-client.js';

const { identity } = testTls();
const ca = testAuthority().cert;
const client = testAuthority().sign(['client']);

type Make = (
  options: https.ServerOptions,
  listener?: Parameters<typeof https.createServer>[1],
) => https.Server;

/** Of node:https, what net.Server keeps; ours has none. */
function isNode(server: https.Server): boolean {
  return (server as unknown as { _handle?: object })._handle?.constructor.name === 'TCP';
}

async function listen(t: TestContext, server: https.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

let expectedFacts: unknown[] | undefined;
let seenFacts: unknown[] | undefined;

const facts: Parameters<typeof https.createServer>[1] = (req, res) => {
  const socket = req.socket as TLSSocket;
  const { CN } = socket.getPeerCertificate().subject ?? {};
  const own = (socket.getCertificate() as { subject: { CN: string } }).subject.CN;
  res.end(JSON.stringify([req.url, socket.authorized, CN ?? null, socket.alpnProtocol, own]));
};

async function asked(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<unknown> {
  const text = await talk(await shake(t, port, { rejectUnauthorized: false, ...options }));
  return JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
}

for (const [name, make, native] of [
  ['createServer', createServer as Make, true],
  ['node:https', https.createServer as Make, false],
] as const) {
  describe(name, () => {
    const server = make(identity);

    test('key and cert, as text, bytes and lists', async (t) => {
      for (const own of [
        identity,
        { key: Buffer.from(identity.key), cert: Buffer.from(identity.cert) },
        { key: [identity.key], cert: [identity.cert] },
      ]) {
        const server = make(own, facts);
        const port = await listen(t, server);
        assert.equal(isNode(server), !native);
        assert.ok(server instanceof https.Server);
        assert.deepEqual(await asked(t, port), ['/hello', false, null, false, 'localhost']);
      }
    });

    test('requestCert, ALPNProtocols, minVersion, ciphers', async (t) => {
      const options = { ...identity, ca, requestCert: true, ALPNProtocols: ['one', 'two'] };
      const port = await listen(t, make({ ...options, rejectUnauthorized: false }, facts));
      assert.deepEqual(await asked(t, port, { ...client, ALPNProtocols: ['two'] }), [
        ...['/hello', true, 'client', 'two', 'localhost'],
      ]);
      assert.deepEqual(await asked(t, port), ['/hello', false, null, false, 'localhost']);
      const strict = await listen(t, make(options, facts));
      await assert.rejects(asked(t, strict));
      assert.ok(await asked(t, strict, client));
      const modern = await listen(t, make({ ...identity, minVersion: 'TLSv1.3' }, facts));
      await assert.rejects(asked(t, modern, { maxVersion: 'TLSv1.2' }));
      const ciphers = 'ECDHE-ECDSA-AES256-GCM-SHA384';
      const picky = await listen(t, make({ ...identity, ciphers, maxVersion: 'TLSv1.2' }, facts));
      assert.equal((await shake(t, picky)).getCipher().name, ciphers);
    });

    test('a ca that holds no certificate is no authority', async (t) => {
      const ca = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n';
      const server = make({ ...identity, ca }, facts);
      const port = await listen(t, server);
      assert.equal(isNode(server), !native);
      assert.deepEqual(await asked(t, port), ['/hello', false, null, false, 'localhost']);
      const strict = await listen(t, make({ ...identity, ca, requestCert: true }, facts));
      await assert.rejects(asked(t, strict, client));
    });

    test("a program that reaches into Node's secure context gets node:https", async (t) => {
      const server = make(identity, facts);
      const shared = (server as unknown as { _sharedCreds: { context: { setTicketKeys: unknown } } })
        ._sharedCreds;
      assert.equal(typeof shared.context.setTicketKeys, 'function');
      const port = await listen(t, server);
      assert.equal(isNode(server), true);
      assert.deepEqual(await asked(t, port), ['/hello', false, null, false, 'localhost']);
    });

    test('addContext and setSecureContext, while it listens', async (t) => {
      const server = make(identity, facts);
      server.addContext('*.example.com', testAuthority().sign(['first']));
      const port = await listen(t, server);
      const own = async (servername: string) => ((await asked(t, port, { servername })) as string[])[4];
      assert.deepEqual([await own('a.example.com'), await own('localhost')], ['first', 'localhost']);
      server.addContext('a.example.com', testAuthority().sign(['second']));
      server.setSecureContext(testAuthority().sign(['third']));
      assert.deepEqual([await own('a.example.com'), await own('localhost')], ['second', 'third']);
      assert.throws(() => server.setSecureContext({ cert: 'nothing', key: 'nothing' }));
      assert.deepEqual([await own('b.example.com'), await own('localhost')], ['first', 'third']);
      assert.equal(isNode(server), !native);
    });

    test('ticket keys', async (t) => {
      const one = make(identity, facts);
      const keys = one.getTicketKeys();
      assert.equal(keys.length, 48);
      const two = make({ ...identity, ticketKeys: keys }, facts);
      const [from, to] = [await listen(t, one), await listen(t, two)];
      const first = await shake(t, from);
      let session: Buffer | undefined;
      first.on('session', (ticket: Buffer) => {
        session = ticket;
      });
      await talk(first);
      assert.ok(session);
      const resumed = await shake(t, to, { session });
      assert.equal(resumed.isSessionReused(), true);
      let renewed = 0;
      resumed.on('session', () => {
        renewed++;
      });
      await talk(resumed);
      assert.equal(renewed, 0, 'a resumed session keeps its ticket');
      two.setTicketKeys(Buffer.alloc(48, 1));
      assert.equal((await shake(t, to, { session })).isSessionReused(), false);
    });

    test('mistakes are those of node:https', () => {
      assert.throws(() => make({ key: identity.key, cert: 'nothing' }), /PEM/);
      assert.throws(() => make({ ...identity, ciphers: 'NO-SUCH-CIPHER' }), {
        code: 'ERR_SSL_NO_CIPHER_MATCH',
      });
      const other = testAuthority().sign(['other']);
      assert.throws(() => make({ key: other.key, cert: identity.cert }), /mismatch/);
    });

    test('what only node:https can do', async (t) => {
      const other = createSecureContext(testAuthority().sign(['by callback']));
      const called = make({ ...identity, SNICallback: (_name, done) => done(null, other) }, facts);
      const port = await listen(t, called);
      assert.equal(isNode(called), true);
      assert.deepEqual(await asked(t, port), ['/hello', false, null, false, 'by callback']);
      const told = make(identity, facts);
      told.addContext('a.example.com', createSecureContext(testAuthority().sign(['made'])));
      const secured = once(told, 'secureConnection');
      const second = await listen(t, told);
      assert.equal(isNode(told), true);
      const seen = (await asked(t, second, { servername: 'a.example.com' })) as string[];
      assert.equal(seen[4], 'made');
      assert.equal(((await within('the event', secured)) as [TLSSocket])[0].encrypted, true);
    });

    test('what a request may ask its session', async (t) => {
      const answers: unknown[] = [];
      const server = make(identity, (req, res) => {
        const socket = req.socket as TLSSocket & { _secureEstablished: boolean; secureConnecting: boolean };
        const failure = (call: () => unknown): unknown => {
          try {
            return call();
          } catch (error) {
            return (error as { code: string }).code;
          }
        };
        answers.push(
          socket.getFinished()?.equals(peer.getPeerFinished() ?? Buffer.alloc(0)),
          socket.getPeerFinished()?.equals(peer.getFinished() ?? Buffer.alloc(0)),
          socket
            .exportKeyingMaterial(64, 'label', Buffer.from('x'))
            .equals(peer.exportKeyingMaterial(64, 'label', Buffer.from('x'))),
          socket.exportKeyingMaterial(16, 'label', Buffer.alloc(0)).length,
          socket.getSession()?.subarray(0, 1),
          socket.getSharedSigalgs(),
          socket.getTLSTicket(),
          [512, 100, 20_000].map((size) => socket.setMaxSendFragment(size)),
          [socket._secureEstablished, socket.secureConnecting, socket.servername],
          failure(() => socket.exportKeyingMaterial('1' as unknown as number, 'label', Buffer.alloc(0))),
          failure(() => socket.exportKeyingMaterial(1, 1 as unknown as string, Buffer.alloc(0))),
          failure(() => socket.exportKeyingMaterial(1, '1', '1' as unknown as Buffer)),
          failure(() => socket.renegotiate(1 as unknown as object, () => {})),
        );
        res.end('x'.repeat(3000));
      });
      const port = await listen(t, server);
      const peer = await shake(t, port, { rejectUnauthorized: false, servername: 'localhost' });
      const text = await talk(peer);
      assert.match(text, /x{3000}$/);
      if (!native) expectedFacts = answers;
      else seenFacts = answers;
      if (seenFacts !== undefined && expectedFacts !== undefined) assert.deepEqual(seenFacts, expectedFacts);
    });

    test('who listens for handshakes after listen() is told of them', async (t) => {
      const server = make(identity, facts);
      let listened = 0;
      server.on('listening', () => listened++);
      const port = await listen(t, server);
      assert.deepEqual(await asked(t, port), ['/hello', false, null, false, 'localhost']);
      const secured = once(server, 'secureConnection');
      await asked(t, port);
      await within('the event', secured);
      const failed = once(server, 'tlsClientError');
      await assert.rejects(asked(t, port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
      await within('the error', failed);
      assert.deepEqual([listened, server.listening, (server.address() as AddressInfo).port], [1, true, port]);
    });

    test('a handshake that fails is a clientError', async (t) => {
      const server = make(identity, facts);
      const codes: unknown[] = [];
      server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
        codes.push(error.code, (error as { reason?: string }).reason);
        socket.destroy();
      });
      const port = await listen(t, server);
      await assert.rejects(
        asked(t, port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      );
      const plain = connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume();
      plain.write('GET / HTTP/1.1\r\n\r\n');
      await once(plain, 'close');
      assert.deepEqual(codes, [
        ...['ERR_SSL_UNSUPPORTED_PROTOCOL', 'unsupported protocol', 'ERR_SSL_HTTP_REQUEST', 'http request'],
      ]);
    });

    test('the server has key, cert and ca, and those of setSecureContext', () => {
      const server = make({ ...identity, ca }) as https.Server & Record<'key' | 'cert' | 'ca', unknown>;
      assert.deepEqual([server.key, server.cert, server.ca], [identity.key, identity.cert, ca]);
      server.setSecureContext(client);
      assert.deepEqual([server.key, server.cert, server.ca], [client.key, client.cert, undefined]);
    });

    test('options that are none, and ALPNProtocols of the server', () => {
      for (const options of ['foo', 42, true, []]) {
        const construct = () => Reflect.construct(server.constructor, [options]) as unknown;
        assert.throws(construct, { code: 'ERR_INVALID_ARG_TYPE' });
      }
      assert.deepEqual(
        (server as unknown as { ALPNProtocols: Buffer }).ALPNProtocols,
        Buffer.from('\x08http/1.1'),
      );
    });

    test('close() ends idle connections, and answers what is open', async (t) => {
      const server = make(identity, (_req, res) => {
        server.close();
        setImmediate(() => res.end('last'));
      });
      const port = await listen(t, server);
      const closed = once(server, 'close');
      const text = await talk(await shake(t, port), hello.replace('close', 'keep-alive'));
      assert.match(text, /last$/);
      await within('the end', closed);
    });
  });
}

test('without a key, createServer is that of node:http', () => {
  assert.equal(createServer({ keepAlive: true }) instanceof https.Server, false);
});

// On a Unix socket, whose buffer does not grow. The handler answers both requests at once, so that one record has the
// tail of the first response and the head of the second; it takes the second back before its client, which lives in
// the same process, can have read anything. A core that drops bytes of a record that the socket has not taken crashes.
test('a response taken back behind a held TLS record', async (t) => {
  const filler = 'y'.repeat(100);
  let size = 1 << 20; // more than the socket takes
  let taken = 0; // by the socket, when the second response is taken back
  let first: ServerResponse | undefined;
  const server = createServer(identity, (req, res) => {
    if (req.url === '/first') {
      first = res;
      return;
    }
    first?.end(Buffer.alloc(size, 'x'));
    for (let i = 0; i < 8; i++) res.write(filler);
    setImmediate(() => {
      taken = req.socket.bytesWritten - req.socket.writableLength;
      res.destroy();
    });
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const path = join(tmpdir(), `chaussette-held-${process.pid}.sock`);
  server.listen(path);
  await once(server, 'listening');
  const requests = 'GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n';

  /** @returns Where the first response ends, and what came behind it. */
  const ask = async (): Promise<{ end: number; behind: string }> => {
    const text = await talk(await shake(t, 0, { path }), requests);
    const end = text.indexOf('\r\n\r\n') + 4 + size;
    assert.ok(text.slice(end - size, end) === 'x'.repeat(size), `all ${size} bytes of the first response`);
    return { end, behind: text.slice(end) };
  };

  assert.equal((await ask()).behind, '');
  const room = taken;
  assert.ok(room > 0 && room < size);
  let held = 0;
  for (size = room - 24 * 1024; size <= room + 24 * 1024; size += 2 * 1024) {
    const { end, behind } = await ask();
    assert.ok(behind === '' || behind.startsWith('HTTP/1.1 200 OK\r\n'));
    // The second response came although the socket had not even taken the end of the first.
    if (taken < end && behind !== '') held++;
  }
  assert.ok(held > 0, 'no record was held that has bytes of both');
});
