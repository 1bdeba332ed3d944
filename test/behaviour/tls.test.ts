// TLS as clients see it: what is agreed on, what is refused, and how.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Exchange } from '../../lib/exchange.js';
import { testedBackends } from '../helpers/backends.js';
import { TestAuthority, testAuthority } from '../helpers/certificates.js';
import { noise, sha256, until, within } from '../helpers/lifetime-client.js';
import { turns } from '../helpers/raw-client.js';
import { hello, plain, readAll, serveTls, shake, talk } from '../helpers/tls-client.js';

const stranger = new TestAuthority('A stranger');

/** One complete TLS 1.2 client hello, as a client of Node's writes it. */
async function clientHello(): Promise<Buffer> {
  const sink = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  const written: Buffer[] = [];
  const socket = connect({ socket: sink, maxVersion: 'TLSv1.2' });
  socket.on('error', () => {});
  await until('a client hello', () => written.length > 0);
  socket.destroy();
  return Buffer.concat(written);
}

/** Whether the server answers this client; false when it lets it go without a byte of HTTP. */
async function answered(t: TestContext, port: number, options: ConnectionOptions): Promise<boolean> {
  try {
    const text = await talk(await shake(t, port, options));
    return text.startsWith('HTTP/1.1 200 ');
  } catch {
    return false;
  }
}

for (const backend of testedBackends) {
  describe(`${backend}: what is agreed on`, () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(version, async (t) => {
        const { port } = await serveTls(t, backend);
        const socket = await shake(t, port, { minVersion: version, maxVersion: version });
        assert.equal(socket.getProtocol(), version);
        assert.match(await talk(socket), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n\/hello$/s);
      });
    }

    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      test(`${version} is refused with an alert that says so`, async (t) => {
        const { port } = await serveTls(t, backend);
        const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
        await assert.rejects(shake(t, port, old), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
      });
    }

    test('minVersion 1.3 refuses 1.2', async (t) => {
      const { port } = await serveTls(t, backend, { minVersion: 'TLSv1.3' });
      const old = { maxVersion: 'TLSv1.2' } as const;
      await assert.rejects(shake(t, port, old), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
      assert.equal((await shake(t, port)).getProtocol(), 'TLSv1.3');
    });

    test('ciphers: one that the server does not have is refused', async (t) => {
      const ours = 'ECDHE-ECDSA-AES256-GCM-SHA384';
      const { port } = await serveTls(t, backend, { ciphers: ours });
      const twelve = { maxVersion: 'TLSv1.2' } as const;
      assert.equal((await shake(t, port, { ...twelve, ciphers: ours })).getCipher().name, ours);
      const other = shake(t, port, { ...twelve, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
      await assert.rejects(other, { code: /ALERT_HANDSHAKE_FAILURE/ });
    });

    test('ALPN: http/1.1 is taken, nothing is agreed on without it, others are refused', async (t) => {
      const { port } = await serveTls(t, backend);
      const both = await shake(t, port, { ALPNProtocols: ['h2', 'http/1.1'] });
      assert.equal(both.alpnProtocol, 'http/1.1');
      assert.equal((await shake(t, port)).alpnProtocol, false);
      const none = shake(t, port, { ALPNProtocols: ['h2', 'spdy/3'] });
      await assert.rejects(none, { code: /NO_APPLICATION_PROTOCOL/ });
    });

    test('SNI: the exact name, one label for a star, and the own certificate for the rest', async (t) => {
      const names = [
        { pattern: 'www.example.com', identity: testAuthority().sign(['www.example.com']) },
        { pattern: '*.example.com', identity: testAuthority().sign(['*.example.com']) },
      ];
      const { port } = await serveTls(t, backend, { names });
      const shown = async (servername: string): Promise<string> => {
        const socket = await shake(t, port, { servername, rejectUnauthorized: false });
        const { CN } = socket.getPeerCertificate().subject;
        assert.match(await talk(socket), /\/hello$/);
        return String(CN);
      };
      assert.equal(await shown('www.example.com'), 'www.example.com');
      assert.equal(await shown('WWW.Example.COM'), 'www.example.com');
      assert.equal(await shown('shop.example.com'), '*.example.com');
      assert.equal(await shown('a.b.example.com'), 'localhost');
      assert.equal(await shown('example.com'), 'localhost');
      assert.equal(await shown('elsewhere.test'), 'localhost');
      assert.equal(await shown(''), 'localhost');
    });

    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`a session of ${version} is resumed`, async (t) => {
        const { port } = await serveTls(t, backend);
        const first = await shake(t, port, { maxVersion: version });
        assert.equal(first.isSessionReused(), false);
        // TLS 1.3 sends its tickets behind the handshake.
        let session: Buffer | undefined = first.getSession();
        first.on('session', (ticket: Buffer) => {
          session = ticket;
        });
        assert.match(await talk(first), /\/hello$/);
        assert.ok(session);
        const second = await shake(t, port, { maxVersion: version, session });
        assert.equal(second.isSessionReused(), true);
        assert.match(await talk(second), /\/hello$/);
      });
    }
  });

  describe(`${backend}: certificates of clients`, () => {
    const known = testAuthority().sign(['client.example.com']);
    const unknown = stranger.sign(['client.example.com']);
    const asking = { ca: testAuthority().cert } as const;

    test('optional: who has one that is believed, another one or none is served', async (t) => {
      const { port } = await serveTls(t, backend, { ...asking, verify: 'optional' });
      for (const own of [known, unknown, {}]) assert.equal(await answered(t, port, own), true);
    });

    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`required: only who has one that is believed is served, ${version}`, async (t) => {
        const { port } = await serveTls(t, backend, { ...asking, verify: 'required' });
        const maxVersion = version;
        assert.equal(await answered(t, port, { ...known, maxVersion }), true);
        assert.equal(await answered(t, port, { ...unknown, maxVersion }), false);
        assert.equal(await answered(t, port, { maxVersion }), false);
        const ended = testAuthority().sign(['late.example.com'], -1);
        assert.equal(await answered(t, port, { ...ended, maxVersion }), false);
        assert.equal(await answered(t, port, { ...known, maxVersion }), true);
      });
    }

    test('required: a client that has none is told why', async (t) => {
      const { port } = await serveTls(t, backend, { ...asking, verify: 'required' });
      await assert.rejects(async () => talk(await shake(t, port)), {
        code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      });
    });
  });

  describe(`${backend}: what is not TLS, or never ends`, () => {
    for (const request of [hello, 'DELETE / HTTP/1.1\r\nHost: a\r\n\r\n', 'hello\r\n']) {
      test(`plain bytes get a readable 400: ${JSON.stringify(request.slice(0, 6))}`, async (t) => {
        const { port } = await serveTls(t, backend);
        const text = await plain(t, port, [request]);
        assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
        assert.match(text, /Plain HTTP came to a port that speaks TLS: use https/);
      });
    }

    test('plain HTTP, one byte at a time', async (t) => {
      const { port } = await serveTls(t, backend);
      assert.match(await plain(t, port, ['G', 'ET / H', 'TTP/1.1\r\n\r\n']), /^HTTP\/1\.1 400 /);
    });

    test('garbage behind the first byte of a handshake ends without HTTP', async (t) => {
      const { port } = await serveTls(t, backend);
      const bytes = Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0]), noise(0x4000)]);
      assert.doesNotMatch(await plain(t, port, [bytes]), /HTTP/);
      const hello = await clientHello();
      hello.fill(0xff, 43);
      assert.doesNotMatch(await plain(t, port, [hello]), /HTTP/);
    });

    test('who says nothing, or not all, is closed at the head deadline', async (t) => {
      const server = await serveTls(t, backend, {}, undefined, { headMs: 250 });
      const hello = await clientHello();
      const parts = [[], [hello.subarray(0, 1)], [hello.subarray(0, 60)], [hello], [hello, hello]];
      const texts = await Promise.all(parts.map((each) => plain(t, server.port, each)));
      for (const text of texts) assert.doesNotMatch(text, /HTTP/);
      await until('the end of the connections', () => server.stats().connections === 0);
    });

    test('a drain does not wait for a handshake that does not go on', async (t) => {
      const server = await serveTls(t, backend);
      const socket = connectPlain(server.port, '127.0.0.1').on('error', () => {});
      t.after(() => socket.destroy());
      socket.write((await clientHello()).subarray(0, 60));
      const closed = once(socket, 'close');
      socket.resume();
      // It was accepted before this one.
      assert.match(await talk(await shake(t, server.port)), /\/hello$/);
      assert.deepEqual(await within('the drain', server.close(60_000)), { cut: 0 });
      await within('the close', closed);
    });
  });

  describe(`${backend}: bytes`, () => {
    test('one byte at a time, handshake and request', async (t) => {
      const { port } = await serveTls(t, backend);
      const raw = connectPlain({ port, host: '127.0.0.1', noDelay: true });
      t.after(() => raw.destroy());
      await once(raw, 'connect');
      const trickle = new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, done) {
          const next = (at: number): void => {
            if (at === chunk.length) done();
            else raw.write(chunk.subarray(at, at + 1), () => setImmediate(next, at + 1));
          };
          next(0);
        },
      });
      raw.on('data', (chunk) => trickle.push(chunk));
      raw.on('end', () => trickle.push(null));
      const socket = connect({ socket: trickle, servername: 'localhost', ca: testAuthority().cert });
      await within('the handshake', once(socket, 'secureConnect'));
      assert.match(await talk(socket), /\/hello$/);
    });

    const large = noise(10 * 1024 * 1024);

    test('10 MiB up and down, at once', async (t) => {
      const { port } = await serveTls(t, backend, {}, (exchange) => {
        const got: Uint8Array[] = [];
        exchange.readBody({
          data: (chunk) => got.push(chunk) > 0,
          end: () => exchange.respond(200, '', [], Buffer.concat(got)),
          error: () => {},
        });
      });
      for (const framing of [`Content-Length: ${large.length}`, 'Transfer-Encoding: chunked']) {
        const socket = await shake(t, port);
        const all = readAll(socket);
        const chunked = framing.startsWith('T');
        socket.write(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${framing}\r\n\r\n`);
        if (chunked) socket.write(`${large.length.toString(16)}\r\n`);
        socket.write(large);
        if (chunked) socket.write('\r\n0\r\n\r\n');
        const text = await within('the answer', all);
        const body = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1');
        assert.equal(sha256(body), sha256(large));
      }
    });

    test('a slow reader gets all, and the connection goes on', async (t) => {
      const { port } = await serveTls(t, backend, {}, (exchange) =>
        exchange.respond(200, '', [], exchange.target === '/large' ? large : exchange.target),
      );
      const socket = await shake(t, port);
      socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
      socket.write(hello);
      let bytes = 0;
      let tail = '';
      for await (const chunk of socket) {
        bytes += (chunk as Buffer).length;
        tail = (tail + (chunk as Buffer).toString('latin1')).slice(-200);
        await new Promise((later) => setImmediate(later));
      }
      assert.ok(bytes > large.length);
      assert.match(tail, /\r\n\r\n\/hello$/);
    });

    test('a body that nobody reads for a while does not lose what OpenSSL has read', async (t) => {
      let begin: () => void = () => {};
      const { port } = await serveTls(t, backend, {}, (exchange) => {
        let bytes = 0;
        begin = () =>
          exchange.readBody({
            data: (chunk) => {
              bytes += chunk.length;
              setImmediate(() => exchange.resumeBody());
              return false;
            },
            end: () => exchange.respond(200, '', [], String(bytes)),
            error: () => {},
          });
        setImmediate(begin);
      });
      const socket = await shake(t, port);
      const length = 1024 * 1024;
      const all = talk(
        socket,
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n${'a'.repeat(length)}`,
      );
      assert.match(await all, new RegExp(`\r\n\r\n${length}$`));
    });

    for (const how of ['the closing alert', 'a bare FIN']) {
      test(`a client that ends its side with ${how} gets its response, and the alert`, async (t) => {
        let come: (exchange: Exchange) => void = () => {};
        const asked = new Promise<Exchange>((resolve) => {
          come = resolve;
        });
        const { port } = await serveTls(t, backend, {}, (exchange) => come(exchange));
        const raw = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true });
        const socket = await shake(t, port, { socket: raw } as ConnectionOptions);
        const text = readAll(socket);
        // Node's newer sockets encrypt later: an end at once would overtake the request.
        await new Promise((resolve) => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n', resolve));
        if (how === 'a bare FIN') raw.end();
        else socket.end();
        const exchange = await within('the request', asked);
        await turns(10);
        exchange.respond(200, '', [], 'late');
        assert.match(await within('the response', text), /\r\n\r\nlate$/);
      });
    }

    test('a client that has been served may leave, and the server says goodbye as well', async (t) => {
      const server = await serveTls(t, backend);
      const socket: TLSSocket = await shake(t, server.port);
      const text = readAll(socket);
      socket.end('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.match(await within('the end', text), /\/a$/);
      await until('the end of the connection', () => server.stats().connections === 0);
    });
  });
}
