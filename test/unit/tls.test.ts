import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { splitCiphers, wireProtocols } from '../../lib/native/tls.js';
import { readTls } from '../../lib/tls/read.js';
import { findName, nodeTls, ticketKeys } from '../../lib/tls/settings.js';
import { testAuthority, testTls } from '../helpers/certificates.js';
import { temporaryDirectory } from '../helpers/processes.js';

const names = [{ pattern: 'www.example.com' }, { pattern: '*.example.com' }, { pattern: '*.com' }];

describe('names', () => {
  for (const [asked, found] of [
    ['www.example.com', 'www.example.com'],
    ['WWW.EXAMPLE.COM', 'www.example.com'],
    ['shop.example.com', '*.example.com'],
    ['example.com', '*.com'],
    ['a.b.example.com', undefined],
    ['.example.com', undefined],
    ['localhost', undefined],
    ['', undefined],
  ] as const) {
    test(`${JSON.stringify(asked)} is ${found ?? "the server's own"}`, () => {
      assert.equal(findName(names, asked)?.pattern, found);
    });
  }
});

describe('what OpenSSL and node:tls are given', () => {
  test('suites of TLS 1.3 apart from the other ciphers', () => {
    assert.deepEqual(splitCiphers('TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256::!MD5'), {
      ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:!MD5',
      cipherSuites: 'TLS_AES_128_GCM_SHA256',
    });
    assert.deepEqual(splitCiphers(''), { ciphers: '', cipherSuites: '' });
  });

  test('ALPN in wire format', () => {
    assert.equal(wireProtocols(['http/1.1', 'h2']).toString('latin1'), '\x08http/1.1\x02h2');
    assert.equal(wireProtocols([]).length, 0);
  });

  test('ticket keys come of the secret alone', () => {
    const secret = Buffer.alloc(48, 1);
    assert.deepEqual(ticketKeys(secret, 80), ticketKeys(Buffer.alloc(48, 1), 80));
    assert.notDeepEqual(ticketKeys(secret, 48), ticketKeys(Buffer.alloc(48, 2), 48));
    assert.equal(ticketKeys(secret, 80).length, 80);
  });

  test('verify', () => {
    const asks = (verify: 'none' | 'optional' | 'required') => {
      const { requestCert, rejectUnauthorized } = nodeTls(testTls({ verify }));
      return [requestCert, rejectUnauthorized];
    };
    assert.deepEqual(asks('none'), [false, false]);
    assert.deepEqual(asks('optional'), [true, false]);
    assert.deepEqual(asks('required'), [true, true]);
  });
});

describe('files', () => {
  const identity = testAuthority().sign(['localhost']);
  const flags: Parameters<typeof readTls>[0] = {
    tlsCert: undefined,
    tlsKey: undefined,
    tlsCa: undefined,
    tlsVerify: undefined,
    tlsSni: [],
    tlsCiphers: undefined,
    tlsMinVersion: '1.2',
    tlsTicketKey: undefined,
  };

  function put(t: TestContext, text: string | Uint8Array): string {
    const path = join(temporaryDirectory(t), 'file');
    writeFileSync(path, text);
    return path;
  }

  const quiet = (message: string): never => assert.fail(message);

  test('without --tls-cert there is no TLS', () => {
    assert.equal(readTls(flags, quiet), undefined);
  });

  test('certificate and key in one file, and authorities make certificates of clients required', (t) => {
    const tlsCert = put(t, identity.cert + identity.key);
    const settings = readTls({ ...flags, tlsCert, tlsCa: put(t, testAuthority().cert) }, quiet);
    assert.equal(settings?.verify, 'required');
    assert.equal(settings?.minVersion, 'TLSv1.2');
    assert.equal(settings?.identity.key, identity.cert + identity.key);
    assert.equal(settings?.ticketSecret, undefined);
  });

  test('a name in capitals, with one file and with two', (t) => {
    const [both, cert, key] = [identity.cert + identity.key, identity.cert, identity.key].map((text) =>
      put(t, text),
    );
    const tlsSni = [`WWW.example.com=${both}`, `*.Example.com=${cert},${key}`];
    const settings = readTls({ ...flags, tlsCert: both, tlsSni, tlsMinVersion: '1.3' }, quiet);
    assert.deepEqual(
      settings?.names.map(({ pattern }) => pattern),
      ['www.example.com', '*.example.com'],
    );
    assert.equal(settings?.minVersion, 'TLSv1.3');
  });

  test('a certificate that has ended is a warning', (t) => {
    const ended = testAuthority().sign(['localhost'], -1);
    const said: string[] = [];
    readTls({ ...flags, tlsCert: put(t, ended.cert + ended.key) }, (message) => said.push(message));
    assert.match(said.join(), /no longer valid: it ended at/);
  });

  test('an encrypted key is told from one that is none by its hint', (t) => {
    const tlsKey = put(
      t,
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
    );
    assert.throws(() => readTls({ ...flags, tlsCert: put(t, identity.cert), tlsKey }, quiet), {
      code: 'CHAUSSETTE_ERR_USAGE',
      message: /is not a private key in PEM without a passphrase/,
      hint: /openssl pkey/,
    });
  });
});
