// The command with --tls-*: reload, workers that resume each other's sessions, Debian's openssl(1), and mistakes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { TlsIdentity } from '../../lib/tls/settings.js';
import { testedBackends } from '../helpers/backends.js';
import { TestAuthority, testAuthority } from '../helpers/certificates.js';
import { Command } from '../helpers/command.js';
import { within } from '../helpers/lifetime-client.js';
import { Load } from '../helpers/load.js';
import { missing, root, temporaryDirectory } from '../helpers/processes.js';
import { hello, readAll, shake, talk } from '../helpers/tls-client.js';

const who = `${join(root, 'test/managers/apps/who.js')}:app`;
const names = ['localhost', '127.0.0.1'];
const skip = missing('openssl');

/** A directory with `cert.pem`, `key.pem` and `ca.pem`. */
class Files {
  readonly directory: string;

  constructor(t: TestContext, identity: TlsIdentity = testAuthority().sign(names)) {
    this.directory = temporaryDirectory(t);
    this.use(identity);
    this.put('ca.pem', testAuthority().cert);
  }

  use(identity: TlsIdentity): void {
    this.put('cert.pem', identity.cert);
    this.put('key.pem', identity.key);
  }

  put(name: string, text: string | Uint8Array): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  get args(): string[] {
    return ['--tls-cert', join(this.directory, 'cert.pem'), '--tls-key', join(this.directory, 'key.pem')];
  }
}

async function serve(t: TestContext, backend: string, args: readonly string[]) {
  const all = [who, '--bind', '127.0.0.1:0', '--backend', backend, ...args];
  const command = new Command(t, all);
  const [place = ''] = await command.serving();
  return { command, place, port: Number(/:(\d+)/.exec(place.replace('https://', ''))?.[1]) };
}

/** The serial number of the certificate that a new connection is shown. */
async function serialAt(t: TestContext, port: number, servername = 'localhost'): Promise<string> {
  const socket = await shake(t, port, { servername, rejectUnauthorized: false });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** A session of one server, offered to another. @returns Whether it was resumed. */
async function resumes(t: TestContext, from: number, to: number): Promise<boolean> {
  const first = await shake(t, from);
  let session: Buffer | undefined;
  first.on('session', (ticket: Buffer) => {
    session = ticket;
  });
  await talk(first);
  assert.ok(session);
  const second = await shake(t, to, { session });
  const reused = second.isSessionReused();
  assert.match(await talk(second), /^HTTP\/1\.1 200 /);
  return reused;
}

/** Debian's client as a judge. @returns All that it prints. */
async function client(port: number, args: readonly string[], input = hello): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', ...args]);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [out, err] = await within(
    'the end of openssl',
    Promise.all([readAll(child.stdout), readAll(child.stderr)]),
  );
  return out + err;
}

for (const backend of testedBackends) {
  describe(`${backend}: --tls-cert`, () => {
    test('SIGHUP under load: no request fails, and new connections see the new certificate', async (t) => {
      const files = new Files(t);
      const shop = testAuthority().sign(['shop.example.com']);
      files.put('shop.pem', shop.cert + shop.key);
      const sni = ['--tls-sni', `shop.example.com=${join(files.directory, 'shop.pem')}`];
      const { command, port } = await serve(t, backend, [...files.args, ...sni]);
      const target = { host: '127.0.0.1', port };
      const ca = testAuthority().cert;
      const options = { keepAlive: 4, fresh: 4 };
      const own = new Load(t, target, { ...options, secure: { ca, servername: 'localhost' } });
      const other = new Load(t, target, { ...options, secure: { ca, servername: 'shop.example.com' } });
      const seen = [await serialAt(t, port)];
      for (let round = 1; round <= 5; round += 1) {
        files.use(testAuthority().sign(names));
        const next = testAuthority().sign(['shop.example.com']);
        files.put('shop.pem', next.cert + next.key);
        command.signal('SIGHUP');
        await command.line(new RegExp(`(?:certificates were read again[\\s\\S]*){${round}}`));
        seen.push(await serialAt(t, port));
        await Promise.all([own.more(50), other.more(50)]);
      }
      await Promise.all([own.stop(), other.stop()]);
      assert.deepEqual([...own.failures, ...other.failures], []);
      assert.equal(new Set(seen).size, 6);
      assert.doesNotMatch(command.stderr, /ERROR|WARN/);
    });

    test('a new certificate that cannot be used leaves the old one', async (t) => {
      const files = new Files(t);
      const { command, port } = await serve(t, backend, files.args);
      const before = await serialAt(t, port);
      files.put('cert.pem', 'not a certificate');
      command.signal('SIGHUP');
      await command.line(/The old certificates serve on: --tls-cert \S+ is not a certificate in PEM/);
      assert.equal(await serialAt(t, port), before);
      files.put('cert.pem', testAuthority().sign(names).cert);
      command.signal('SIGHUP');
      await command.line(/The old certificates serve on: --tls-key \S+ is not the private key of \S+/);
      assert.equal(await serialAt(t, port), before);
    });

    test('workers with the same --tls-ticket-key resume the sessions of each other', async (t) => {
      const files = new Files(t);
      const key = ['--tls-ticket-key', files.put('ticket.key', Buffer.alloc(48, 7))];
      const one = await serve(t, backend, [...files.args, ...key]);
      const two = await serve(t, backend, [...files.args, ...key]);
      const alone = await serve(t, backend, files.args);
      assert.equal(await resumes(t, one.port, two.port), true);
      assert.equal(await resumes(t, two.port, one.port), true);
      assert.equal(await resumes(t, one.port, alone.port), false);
      one.command.signal('SIGHUP');
      await one.command.line(/certificates were read again/);
      assert.equal(await resumes(t, two.port, one.port), true);
    });

    test('threads resume the sessions of each other, before and after SIGHUP', async (t) => {
      const files = new Files(t);
      const { command, port } = await serve(t, backend, [...files.args, '--threads', '2']);
      for (let i = 0; i < 8; i += 1) assert.equal(await resumes(t, port, port), true);
      const before = await serialAt(t, port);
      files.use(testAuthority().sign(names));
      command.signal('SIGHUP');
      // Each thread reads for itself.
      await command.line(/(?:certificates were read again[\s\S]*){2}/);
      for (let i = 0; i < 8; i += 1) {
        assert.notEqual(await serialAt(t, port), before);
        assert.equal(await resumes(t, port, port), true);
      }
    });
  });

  describe(`${backend}: openssl s_client`, { skip }, () => {
    const trust = (files: Files): string[] => ['-CAfile', join(files.directory, 'ca.pem')];

    test('versions, ALPN, names and the chain', async (t) => {
      const files = new Files(t);
      const shop = testAuthority().sign(['*.example.com']);
      files.put('shop.pem', shop.cert + shop.key);
      const sni = ['--tls-sni', `*.example.com=${join(files.directory, 'shop.pem')}`];
      const { port } = await serve(t, backend, [...files.args, ...sni]);
      const strict = [...trust(files), '-verify_return_error', '-verify_hostname'];
      for (const [flag, version] of [
        ['-tls1_2', 'TLSv1.2'],
        ['-tls1_3', 'TLSv1.3'],
      ] as const) {
        const text = await client(port, [...strict, 'localhost', flag, '-alpn', 'h2,http/1.1']);
        assert.match(text, new RegExp(`New, ${version.replace('.', '\\.')}, Cipher is `));
        assert.match(text, /ALPN protocol: http\/1\.1/);
        assert.match(text, /Verify return code: 0 \(ok\)/);
        assert.match(text, /HTTP\/1\.1 200 OK/);
      }
      assert.match(
        await client(port, [...strict, 'a.example.com', '-servername', 'a.example.com']),
        /HTTP\/1\.1 200 OK/,
      );
      for (const flag of ['-tls1', '-tls1_1']) {
        const text = await client(port, [flag, '-cipher', 'DEFAULT@SECLEVEL=0']);
        assert.match(text, /alert protocol version/);
      }
      const bare = await client(port, [...strict, 'localhost', '-noservername']);
      assert.match(bare, /HTTP\/1\.1 200 OK/);
    });

    test('resumption, renegotiation and the closing alert', async (t) => {
      const files = new Files(t);
      const { port } = await serve(t, backend, files.args);
      const session = join(files.directory, 'session.pem');
      const twelve = [...trust(files), '-tls1_2'];
      assert.match(await client(port, [...twelve, '-sess_out', session]), /\nNew, TLSv1\.2/);
      assert.match(await client(port, [...twelve, '-sess_in', session]), /\nReused, TLSv1\.2/);
      assert.match(await client(port, [...trust(files), '-sess_out', session]), /\nNew, TLSv1\.3/);
      assert.match(await client(port, [...trust(files), '-sess_in', session]), /\nReused, TLSv1\.3/);
      const text = await client(port, [...twelve, '-msg']);
      assert.match(text, /<<< TLS 1\.2, Alert \[length 0002\], warning close_notify/);
      assert.doesNotMatch(text, /unexpected eof/);
    });

    test('certificates of clients', async (t) => {
      const files = new Files(t);
      const known = testAuthority().sign(['client']);
      files.put('client.pem', known.cert + known.key);
      const unknown = new TestAuthority('A stranger').sign(['client']);
      files.put('stranger.pem', unknown.cert + unknown.key);
      const ca = ['--tls-ca', join(files.directory, 'ca.pem')];
      const { port } = await serve(t, backend, [...files.args, ...ca]);
      const as = (name: string): string[] => ['-cert', join(files.directory, name), ...trust(files)];
      const text = await client(port, as('client.pem'));
      assert.match(text, /HTTP\/1\.1 200 OK/);
      assert.match(text, /Acceptable client certificate CA names\n.*Chaussette test CA/);
      assert.doesNotMatch(await client(port, as('stranger.pem')), /HTTP\/1\.1/);
      assert.match(await client(port, trust(files)), /alert certificate required/);
    });
  });
}

describe('mistakes', () => {
  const key = ['--tls-key', 'key.pem'];
  const pair = ['--tls-cert', 'cert.pem', ...key];
  const rows: readonly (readonly [name: string, args: readonly string[], message: RegExp])[] = [
    ['no such file', ['--tls-cert', 'gone.pem'], /^--tls-cert gone\.pem cannot be read: ENOENT/],
    [
      'no certificate',
      ['--tls-cert', 'text.pem', ...key],
      /^--tls-cert text\.pem is not a certificate in PEM/,
    ],
    ['no key', ['--tls-cert', 'cert.pem'], /^--tls-cert cert\.pem holds no private key/],
    ['no such key', [...pair.slice(0, 3), 'gone.key'], /^--tls-key gone\.key cannot be read: ENOENT/],
    [
      'a key that is none',
      [...pair.slice(0, 3), 'text.pem'],
      /^--tls-key text\.pem is not a private key in PEM without a passphrase/,
    ],
    [
      'a key of another certificate',
      [...pair.slice(0, 3), 'other.key'],
      /^--tls-key other\.key is not the private key of cert\.pem/,
    ],
    ['a key alone', key, /^key\.pem belongs to TLS, which needs a certificate/],
    ['authorities alone', ['--tls-ca', 'ca.pem'], /^ca\.pem belongs to TLS, which needs a certificate/],
    [
      'authorities that are none',
      [...pair, '--tls-ca', 'text.pem'],
      /^--tls-ca text\.pem is not a certificate/,
    ],
    [
      'nobody to trust',
      [...pair, '--tls-verify', 'required'],
      /^--tls-verify required needs to know who signs the certificates of clients/,
    ],
    [
      'no such verification',
      [...pair, '--tls-verify', 'maybe'],
      /^--tls-verify is "maybe": it must be one of none, optional, required$/,
    ],
    [
      'no such version',
      [...pair, '--tls-min-version', '1.1'],
      /^--tls-min-version is "1\.1": it must be one of 1\.2, 1\.3$/,
    ],
    ['ciphers that do not exist', [...pair, '--tls-ciphers', 'NO-SUCH'], /^TLS cannot be set up: .*cipher/i],
    [
      'a name alone',
      [...pair, '--tls-sni', 'a.example.com'],
      /^--tls-sni a\.example\.com is not of the form/,
    ],
    [
      'a name that is none',
      [...pair, '--tls-sni', '*a=cert.pem'],
      /^--tls-sni \*a=cert\.pem is not of the form/,
    ],
    [
      'a certificate for a name that is not there',
      [...pair, '--tls-sni', 'a.example.com=gone.pem'],
      /^--tls-sni a\.example\.com gone\.pem cannot be read: ENOENT/,
    ],
    [
      'a short secret',
      [...pair, '--tls-ticket-key', 'text.pem'],
      /^--tls-ticket-key text\.pem holds 4 bytes: too few to be a secret/,
    ],
    ['a file that may not be read', ['--tls-cert', '.'], /^--tls-cert \. cannot be read: EISDIR/],
  ];

  for (const backend of testedBackends) {
    test(`${backend}: each is one sentence, with status 2`, async (t) => {
      const files = new Files(t);
      files.put('text.pem', 'text');
      files.put('other.key', testAuthority().sign(names).key);
      chmodSync(join(files.directory, 'key.pem'), 0o600);
      for (const [name, args, message] of rows) {
        const all = [who, '--bind', '127.0.0.1:0', '--backend', backend, ...args];
        const command = new Command(t, all, { cwd: files.directory });
        assert.equal(await command.end(), 2, name);
        const [first = ''] = command.stderr
          .split('\n')
          .filter((line) => line.startsWith('chaussette: '))
          .map((line) => line.slice('chaussette: '.length));
        assert.match(first, message, `${name}: ${command.stderr}`);
      }
    });
  }

  test('a certificate that has ended, or ends soon, is a warning', async (t) => {
    for (const [days, words] of [
      [-1, /the certificate in \S+ is no longer valid: it ended at /],
      [3, /the certificate in \S+ ends soon: at /],
    ] as const) {
      const { command } = await serve(t, 'http', new Files(t, testAuthority().sign(names, days)).args);
      assert.match(command.stderr, words);
    }
  });
});
