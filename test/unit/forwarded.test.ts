// Whom proxies are believed to stand for: X-Forwarded-* and Forwarded, from the right to the left.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseRootPath } from '../../lib/app/root-path.js';
import type { Endpoint } from '../../lib/exchange.js';
import { clientOf, originOf } from '../../lib/proxies/forwarded.js';
import { parseNetworks } from '../../lib/proxies/networks.js';
import { Peers } from '../../lib/proxies/peers.js';
import { FakeExchange } from '../helpers/fake-exchange.js';

const peer: Endpoint = { address: '10.0.0.1', port: 40_000, family: 'IPv4' };
const flag = '--forwarded-allow';

interface Seen {
  readonly from?: string;
  readonly asked?: string;
}

/** What an application sees, as `address:port` of the client and the URL of the server. */
function seen(allow: string, fields: Readonly<Record<string, string>>, remote = peer): Seen | undefined {
  const headers = Object.entries({ Host: 'app.internal', ...fields }).flat();
  const exchange = Object.assign(new FakeExchange({ headers }), { remote });
  const origin = originOf(exchange, new Peers(parseNetworks([allow], flag)));
  const logged = clientOf(exchange, new Peers(parseNetworks([allow], flag)));
  assert.deepEqual(logged, origin?.remote ?? remote); // A log tells the same.
  if (origin === undefined) return undefined;
  const { remote: client, scheme, authority, local } = origin;
  return {
    from: `${client.address} ${client.port} ${client.family}`,
    asked: `${scheme}://${authority} (${local.address} ${local.port})`,
  };
}

const from = (allow: string, fields: Readonly<Record<string, string>>): string | undefined =>
  seen(allow, fields)?.from;
const asked = (fields: Readonly<Record<string, string>>): string | undefined =>
  seen('10.0.0.0/8', fields)?.asked;

describe('who asks', () => {
  const cases: readonly (readonly [allow: string, field: string, client: string | undefined])[] = [
    // Nobody is believed who is not named.
    ['192.0.2.0/24', '203.0.113.7', undefined],
    ['10.0.0.2', '203.0.113.7', undefined],
    ['unix', '203.0.113.7', undefined],
    ['10.0.0.1', '203.0.113.7', '203.0.113.7 0 IPv4'],
    ['10.0.0.0/8', '203.0.113.7', '203.0.113.7 0 IPv4'],
    ['*', '203.0.113.7', '203.0.113.7 0 IPv4'],
    // The last one that is not believed; what it says of others does not count.
    ['10.0.0.0/8', '198.51.100.9, 203.0.113.7', '203.0.113.7 0 IPv4'],
    ['10.0.0.0/8', '198.51.100.9, 203.0.113.7, 10.9.9.9', '203.0.113.7 0 IPv4'],
    ['10.0.0.0/8', '198.51.100.9,203.0.113.7 ,\t10.1.1.1,10.9.9.9', '203.0.113.7 0 IPv4'],
    // All are believed: the first one.
    ['*', '198.51.100.9, 203.0.113.7', '198.51.100.9 0 IPv4'],
    ['10.0.0.0/8', '10.7.7.7, 10.8.8.8', '10.7.7.7 0 IPv4'],
    // In all the ways in which addresses are written.
    ['10.0.0.1', '203.0.113.7:4711', '203.0.113.7 4711 IPv4'],
    ['10.0.0.1', '2001:DB8::7', '2001:db8::7 0 IPv6'],
    ['10.0.0.1', '[2001:db8::7]', '2001:db8::7 0 IPv6'],
    ['10.0.0.1', '[2001:db8::7]:4711', '2001:db8::7 4711 IPv6'],
    ['10.0.0.1,2001:db8::/32', '203.0.113.7, 2001:db8::9', '203.0.113.7 0 IPv4'],
    ['10.0.0.0/8', '203.0.113.7, ::ffff:10.1.2.3', '203.0.113.7 0 IPv4'],
    // What is no address ends the way; the proxy that said so stands for its client.
    ['10.0.0.0/8', 'unknown', '10.0.0.1 40000 IPv4'],
    ['10.0.0.0/8', '203.0.113.7, _hidden, 10.2.2.2', '10.2.2.2 0 IPv4'],
    ['10.0.0.0/8', '203.0.113.7, 10.2.2.2:notaport', '203.0.113.7 0 IPv4'],
    ['10.0.0.0/8', '203.0.113.256', '10.0.0.1 40000 IPv4'],
    ['10.0.0.0/8', '203.0.113.7, , 10.2.2.2', '10.2.2.2 0 IPv4'],
    ['10.0.0.0/8', 'fe80::1%eth0', '10.0.0.1 40000 IPv4'],
    ['10.0.0.0/8', '', '10.0.0.1 40000 IPv4'],
  ];
  for (const [allow, field, client] of cases) {
    test(`${allow} is believed: X-Forwarded-For: ${field}`, () => {
      assert.equal(from(allow, { 'X-Forwarded-For': field }), client);
    });
  }

  const forwarded: readonly (readonly [field: string, client: string | undefined])[] = [
    ['for=203.0.113.7', '203.0.113.7 0 IPv4'],
    ['For="203.0.113.7:4711"', '203.0.113.7 4711 IPv4'],
    ['for="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17 4711 IPv6'],
    ['for="\\[2001:db8::1\\]"', '2001:db8::1 0 IPv6'],
    ['for=203.0.113.7:4711', '203.0.113.7 4711 IPv4'],
    ['for="203.0.113.7:_port"', '203.0.113.7 0 IPv4'],
    ['for=198.51.100.9, for=203.0.113.7;by=10.1.1.1, for=10.1.1.1', '203.0.113.7 0 IPv4'],
    ['for=198.51.100.9,for=203.0.113.7', '203.0.113.7 0 IPv4'],
    ['for=unknown', '10.0.0.1 40000 IPv4'],
    ['for=_gazonk, for=10.1.1.1', '10.1.1.1 0 IPv4'],
    ['proto=https', '10.0.0.1 40000 IPv4'],
    ['by="a, b; for=1.1.1.1";for=203.0.113.7', '203.0.113.7 0 IPv4'],
    // What a client writes does not hide what the proxy adds to it.
    ['for=", for=203.0.113.7', '203.0.113.7 0 IPv4'],
    ['for="\\, for=203.0.113.7', '203.0.113.7 0 IPv4'],
    ['for=", for="[2001:db8::7]:4711";host="a.example"', '2001:db8::7 4711 IPv6'],
    ['for=198.51.100.9, for="a, for=198.51.100.8, b, for="[2001:db8::7]"', '2001:db8::7 0 IPv6'],
    ['for=a;for="b, for=198.51.100.9;c=", for=203.0.113.7', '203.0.113.7 0 IPv4'],
    ['for=198.51.100.9;, for=203.0.113.7', '203.0.113.7 0 IPv4'],
    [', for=203.0.113.7', '203.0.113.7 0 IPv4'],
    // Nothing of it is believed.
    ['203.0.113.7', undefined],
    ['for=203.0.113.7;', undefined],
    ['for="203.0.113.7', undefined],
    ['for=203.0.113.7;for=198.51.100.9', undefined],
    ['for=203.0.113.7 for=198.51.100.9', undefined],
    ['for=203.0.113.7, for="', undefined],
    ['', undefined],
  ];
  for (const [field, client] of forwarded) {
    test(`Forwarded: ${field}`, () => {
      assert.equal(from('10.0.0.0/8', { Forwarded: field }), client);
    });
  }

  test('Forwarded does not count beside any X-Forwarded-*, which the proxy may have written', () => {
    const fields = { 'X-Forwarded-For': '203.0.113.7', Forwarded: 'for=198.51.100.9;proto=https' };
    assert.equal(from('10.0.0.1', fields), '203.0.113.7 0 IPv4');
    assert.equal(asked(fields), `http://app.internal (${local()})`);
    const proto = { 'X-Forwarded-Proto': 'http', Forwarded: 'for=198.51.100.9' };
    assert.equal(from('10.0.0.1', proto), '10.0.0.1 40000 IPv4');
  });

  test('a peer on a Unix socket', () => {
    const onUnix: Endpoint = { address: '', port: 0, family: 'unix' };
    const fields = { 'X-Forwarded-For': '203.0.113.7' };
    assert.equal(seen('unix', fields, onUnix)?.from, '203.0.113.7 0 IPv4');
    assert.equal(seen('*', fields, onUnix)?.from, '203.0.113.7 0 IPv4');
    assert.equal(seen('0.0.0.0/0,::/0', fields, onUnix), undefined);
  });
});

/** As FakeExchange has it. */
function local(): string {
  const { address, port } = new FakeExchange().local;
  return `${address} ${port}`;
}

describe('what is asked', () => {
  const cases: readonly (readonly [fields: Readonly<Record<string, string>>, url: string | undefined])[] = [
    [{ 'X-Forwarded-Proto': 'https' }, 'https://app.internal (app.internal 443)'],
    [{ 'X-Forwarded-Proto': 'HTTPS' }, 'https://app.internal (app.internal 443)'],
    [{ 'X-Forwarded-Proto': 'wss' }, 'https://app.internal (app.internal 443)'],
    [{ 'X-Forwarded-Proto': 'javascript' }, undefined],
    [{ 'X-Forwarded-Host': 'example.com' }, 'http://example.com (example.com 80)'],
    [
      { 'X-Forwarded-Host': 'example.com:8443', 'X-Forwarded-Proto': 'https' },
      'https://example.com:8443 (example.com 8443)',
    ],
    [{ 'X-Forwarded-Host': '[2001:db8::1]:8443' }, 'http://[2001:db8::1]:8443 (2001:db8::1 8443)'],
    [
      { 'X-Forwarded-Port': '8443', 'X-Forwarded-Proto': 'https' },
      'https://app.internal:8443 (app.internal 8443)',
    ],
    [{ 'X-Forwarded-Port': '443', 'X-Forwarded-Proto': 'https' }, 'https://app.internal (app.internal 443)'],
    [
      { 'X-Forwarded-Port': '99999', 'X-Forwarded-Proto': 'https' },
      'https://app.internal (app.internal 443)',
    ],
    // What a client may have written there before the proxy added its own.
    [{ 'X-Forwarded-Host': 'evil.example, example.com' }, 'http://example.com (example.com 80)'],
    [{ 'X-Forwarded-Host': 'exa mple.com' }, undefined],
    [{ 'X-Forwarded-Host': 'user@example.com' }, undefined],
    [{ 'X-Forwarded-Host': 'example.com/path' }, undefined],
    // As many as there are clients: those of the one that is believed.
    [
      { 'X-Forwarded-For': '203.0.113.7, 10.2.2.2', 'X-Forwarded-Proto': 'https, http' },
      'https://app.internal (app.internal 443)',
    ],
    [
      { 'X-Forwarded-For': '198.51.100.9, 203.0.113.7', 'X-Forwarded-Proto': 'https, http' },
      'http://app.internal (app.internal 80)',
    ],
    [
      { 'X-Forwarded-For': '203.0.113.7, 10.2.2.2', 'X-Forwarded-Proto': 'https' },
      'https://app.internal (app.internal 443)',
    ],
    [{ Forwarded: 'for=203.0.113.7;proto=https;host=example.com' }, 'https://example.com (example.com 443)'],
    [{ Forwarded: 'for=203.0.113.7;host="example.com:8443"' }, 'http://example.com:8443 (example.com 8443)'],
    // The proxy nearest to the client that says something of it.
    [
      { Forwarded: 'for=203.0.113.7;proto=https, for=10.2.2.2;proto=http' },
      'https://app.internal (app.internal 443)',
    ],
    [{ Forwarded: 'for=203.0.113.7, for=10.2.2.2;proto=https' }, 'https://app.internal (app.internal 443)'],
    [
      { Forwarded: 'for=203.0.113.7;proto=https, for=198.51.100.9;proto=http' },
      'http://app.internal (app.internal 80)',
    ],
  ];
  for (const [fields, url] of cases) {
    test(JSON.stringify(fields), () => {
      assert.equal(asked(fields), url ?? `http://app.internal (${local()})`);
    });
  }
});

describe('the options', () => {
  for (const text of [
    '10.0.0.0/33',
    '10.0.0/8',
    'example.com',
    '::1/129',
    '10.0.0.1/',
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    '-',
  ]) {
    test(`${text} is no network`, () => {
      assert.throws(() => parseNetworks(['10.0.0.1', text], flag), {
        code: 'CHAUSSETTE_ERR_USAGE',
        message: `--forwarded-allow has ${JSON.stringify(text)} in it, which is no network`,
      });
    });
  }

  test('networks, in lists and alone, with spaces and bits that do not count', () => {
    const peers = new Peers(parseNetworks(['10.1.2.3/8, ::1', '192.0.2.7'], flag));
    const has = (address: string): boolean =>
      peers.has({ address, family: address.includes(':') ? 'IPv6' : 'IPv4' });
    assert.deepEqual(['10.255.0.1', '::1', '192.0.2.7', '::ffff:10.0.0.1'].map(has), [
      true,
      true,
      true,
      true,
    ]);
    assert.deepEqual(['11.0.0.1', '::2', '192.0.2.8', '::ffff:11.0.0.1'].map(has), [
      false,
      false,
      false,
      false,
    ]);
    assert.equal(peers.has({ address: '', family: 'unix' }), false);
  });

  test('--root-path', () => {
    assert.deepEqual(['/shop', '/shop/', '/a/b', '/', ''].map(parseRootPath), [
      '/shop',
      '/shop',
      '/a/b',
      '',
      '',
    ]);
    for (const text of ['shop', '/a//b', '/a?b', 'http://a/b', '/a b']) {
      assert.throws(() => parseRootPath(text), { code: 'CHAUSSETTE_ERR_USAGE' });
    }
  });
});
