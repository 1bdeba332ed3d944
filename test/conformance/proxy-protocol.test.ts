// The PROXY protocol, versions 1 and 2, as raw bytes: each case whole, in two pieces at every offset, and byte by byte.
// Sections are those of proxy-protocol.txt (haproxy.org).
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Endpoint, Handler } from '../../lib/exchange.js';
import { parseNetworks } from '../../lib/proxies/networks.js';
import { RawClient, turns } from '../helpers/raw-client.js';
import { type StartedBackend, startBackend } from '../helpers/start-backend.js';

const backends = (['native', 'http', 'http2'] as const).filter(
  (name) => (process.env['CONFORMANCE_BACKEND'] ?? name) === name,
);
const waitMs = 60_000;
const request = Buffer.from('GET /who HTTP/1.1\r\nHost: example.com\r\n\r\n');
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** A header of version 2. */
function binary(version: number, kind: number, rest: Buffer, length = rest.length): Buffer {
  const fixed = Buffer.concat([signature, Buffer.from([version, kind, length >> 8, length & 255])]);
  return Buffer.concat([fixed, rest]);
}

const ports = Buffer.from([0x12, 0x34, 0x01, 0xbb]);
const tcp4 = Buffer.concat([Buffer.from([203, 0, 113, 7, 198, 51, 100, 1]), ports]);
const tcp6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  ports,
]);
const unixPaths = Buffer.concat([
  Buffer.from('/run/client.sock').subarray(0, 108),
  Buffer.alloc(200),
]).subarray(0, 216);
/** A CRC-32c and a unique id (section 2.2.3, 2.2.5). */
const tlvs = Buffer.from('03000401020304' + '050008' + '6368617573736574', 'hex');

type Who = string | 'own';

const good: readonly (readonly [name: string, header: Buffer, remote: Who, local: Who])[] = [
  [
    '1: TCP4',
    line('TCP4 203.0.113.7 198.51.100.1 4660 443'),
    '203.0.113.7 4660 IPv4',
    '198.51.100.1 443 IPv4',
  ],
  ['1: TCP6', line('TCP6 2001:db8::7 2001:db8::1 4660 443'), '2001:db8::7 4660 IPv6', '2001:db8::1 443 IPv6'],
  [
    '1: TCP6, the longest',
    line('TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535'),
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 IPv6',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 IPv6',
  ],
  ['1: port 0', line('TCP4 203.0.113.7 198.51.100.1 0 0'), '203.0.113.7 0 IPv4', '198.51.100.1 0 IPv4'],
  ['1: UNKNOWN', line('UNKNOWN'), 'own', 'own'],
  ['1: UNKNOWN with addresses', line('UNKNOWN ffff::1 ffff::2 65535 65535'), 'own', 'own'],
  ['2: TCP over IPv4', binary(0x21, 0x11, tcp4), '203.0.113.7 4660 IPv4', '198.51.100.1 443 IPv4'],
  ['2: TCP over IPv6', binary(0x21, 0x21, tcp6), '2001:db8::7 4660 IPv6', '2001:db8::1 443 IPv6'],
  ['2: a Unix socket', binary(0x21, 0x31, unixPaths), ' 0 unix', ' 0 unix'],
  ['2: LOCAL', binary(0x20, 0x00, Buffer.alloc(0)), 'own', 'own'],
  ['2: LOCAL with addresses', binary(0x20, 0x11, tcp4), 'own', 'own'],
  ['2: unspecified', binary(0x21, 0x00, Buffer.alloc(0)), 'own', 'own'],
  ['2: of datagrams', binary(0x21, 0x12, tcp4), 'own', 'own'],
  [
    '2: with TLVs',
    binary(0x21, 0x11, Buffer.concat([tcp4, tlvs])),
    '203.0.113.7 4660 IPv4',
    '198.51.100.1 443 IPv4',
  ],
];

const largest = binary(0x21, 0x11, Buffer.concat([tcp4, Buffer.alloc(4096 - 28, 4)]));

const bad: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['no header', request],
  ['a method that begins as one', Buffer.from('PUT / HTTP/1.1\r\nHost: a\r\n\r\n')],
  ['1: in lower case', Buffer.from('proxy TCP4 203.0.113.7 198.51.100.1 1 2\r\n')],
  ['1: an unknown family', line('UDP4 203.0.113.7 198.51.100.1 1 2')],
  ['1: IPv6 as TCP4', line('TCP4 2001:db8::7 2001:db8::1 1 2')],
  ['1: IPv4 as TCP6', line('TCP6 203.0.113.7 198.51.100.1 1 2')],
  ['1: no address', line('TCP4 203.0.113 198.51.100.1 1 2')],
  ['1: a zone', line('TCP6 fe80::1%eth0 fe80::2 1 2')],
  ['1: a leading zero in an address', line('TCP4 203.0.113.07 198.51.100.1 1 2')],
  ['1: a leading zero in a port', line('TCP4 203.0.113.7 198.51.100.1 01 2')],
  ['1: a port too large', line('TCP4 203.0.113.7 198.51.100.1 65536 2')],
  ['1: a negative port', line('TCP4 203.0.113.7 198.51.100.1 -1 2')],
  ['1: one port', line('TCP4 203.0.113.7 198.51.100.1 1')],
  ['1: three ports', line('TCP4 203.0.113.7 198.51.100.1 1 2 3')],
  ['1: two spaces', line('TCP4  203.0.113.7 198.51.100.1 1 2')],
  ['1: NUL', line('TCP4 203.0.113.7\0 198.51.100.1 1 2')],
  ['1: LF alone', Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 1 2\n')],
  ['1: too long', line(`UNKNOWN ${'x'.repeat(107 - 'PROXY UNKNOWN \r\n'.length + 1)}`)],
  ['2: another signature', Buffer.concat([signature.subarray(0, 11), Buffer.from('\r'), tcp4])],
  ['2: version 1', binary(0x11, 0x11, tcp4)],
  ['2: an unknown command', binary(0x22, 0x11, tcp4)],
  ['2: an unknown family', binary(0x21, 0x41, tcp4)],
  ['2: an unknown transport', binary(0x21, 0x13, tcp4)],
  ['2: too short for IPv4', binary(0x21, 0x11, tcp4.subarray(0, 11))],
  ['2: too short for IPv6', binary(0x21, 0x21, tcp6.subarray(0, 35))],
  ['2: longer than 4 KiB', binary(0x21, 0x11, tcp4, 4096 - 16 + 1)],
];

function line(text: string): Buffer {
  return Buffer.from(`PROXY ${text}\r\n`, 'latin1');
}

const show = ({ address, port, family }: Endpoint): string => `${address} ${port} ${family}`;
const handler: Handler = {
  interface: 'fetch',
  handle: (exchange) =>
    exchange.respond(200, '', [], `${show(exchange.remote)}; ${show(exchange.local)}; ${exchange.target}.`),
};

/** Send the pieces, each when the server has had the chance to read the one before. */
async function feed(client: RawClient, pieces: readonly Buffer[]): Promise<void> {
  await turns(3);
  for (const piece of pieces) {
    if (client.serverEnd !== 'open') return;
    await client.write(piece);
    await turns(2);
  }
}

/** Whole, in two pieces at every offset, byte by byte. Large ones at some. */
function waysOf(bytes: Buffer): Buffer[][] {
  const step = Math.ceil(bytes.length / 300);
  const ways = [[bytes], Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))];
  for (let at = 1; at < bytes.length; at += step) ways.push([bytes.subarray(0, at), bytes.subarray(at)]);
  return ways;
}

/** Each way on a connection of its own, many at a time. */
async function eachWay(bytes: Buffer, run: (way: readonly Buffer[]) => Promise<void>): Promise<void> {
  const ways = waysOf(bytes);
  while (ways.length > 0) await Promise.all(ways.splice(0, 32).map(run));
}

for (const name of backends) {
  describe(`PROXY protocol: ${name}`, () => {
    const servers: Promise<StartedBackend>[] = [];
    const started = (peers: string): Promise<StartedBackend> => {
      const server = startBackend(name, handler, {}, undefined, parseNetworks([peers], '--proxy-protocol'));
      servers.push(server);
      return server;
    };
    const trusting = started('127.0.0.0/8');
    after(async () => {
      for (const server of servers) await (await server).close();
    });

    for (const [title, header, remote, local] of [
      ...good,
      ['2: of 4 KiB', largest, '203.0.113.7 4660 IPv4', '198.51.100.1 443 IPv4'] as const,
    ]) {
      test(title, async () => {
        const { port } = await trusting;
        await eachWay(Buffer.concat([header, request]), async (way) => {
          const client = await RawClient.open(port);
          try {
            await feed(client, way);
            const told = () => client.received.toString('latin1');
            assert.ok(await client.until(() => told().includes('/who.'), waitMs), told());
            const own = (said: string, address: string): string => (said === 'own' ? address : said);
            const ends = `${own(remote, `127.0.0.1 ${client.localPort} IPv4`)}; ${own(local, `127.0.0.1 ${port} IPv4`)}`;
            assert.equal(/\r\n\r\n(.*)\.$/s.exec(told())?.[1], `${ends}; /who`);
            // Once per connection: what comes now is HTTP, and the ends stay.
            await client.write(request);
            assert.ok(await client.until(() => told().split('/who.').length === 3, waitMs), told());
            assert.equal(told().split(ends).length, 3);
          } finally {
            client.destroy();
          }
        });
      });
    }

    for (const [title, bytes] of bad) {
      test(`closed: ${title}`, async () => {
        const { port, warnings } = await trusting;
        const before = warnings.length;
        let connections = 0;
        await eachWay(bytes, async (way) => {
          const client = await RawClient.open(port);
          await feed(client, way);
          await client.until(() => false, waitMs);
          assert.notEqual(client.serverEnd, 'open');
          assert.equal(client.received.toString('latin1'), '');
          client.destroy();
          connections += 1;
        });
        assert.equal(warnings.length - before, connections);
        assert.match(
          warnings.at(-1) ?? '',
          /^127\.0\.0\.1 \(port \d+\), named by --proxy-protocol, sent no valid PROXY/,
        );
      });
    }

    test('a connection that ends within its header is told of, one without a byte is not', async () => {
      const { port, warnings } = await trusting;
      const before = warnings.length;
      for (const bytes of ['PROXY TCP4', '']) {
        const client = await RawClient.open(port);
        await client.write(Buffer.from(bytes));
        client.finish();
        await client.until(() => false, waitMs);
        assert.equal(client.received.length, 0);
        client.destroy();
      }
      assert.equal(warnings.length - before, 1);
    });

    test('a header that does not come in time: closed, and told of if it has begun', async () => {
      const peers = parseNetworks(['127.0.0.1'], '--proxy-protocol');
      const server = await startBackend(name, handler, { headMs: 300 }, undefined, peers);
      try {
        for (const bytes of ['', 'PROXY TCP4 ']) {
          const client = await RawClient.open(server.port);
          await client.write(Buffer.from(bytes));
          await client.until(() => false, waitMs);
          assert.notEqual(client.serverEnd, 'open');
          assert.equal(client.received.length, 0);
          client.destroy();
        }
        assert.equal(server.warnings.length, 1);
      } finally {
        await server.close();
      }
    });

    test('from a peer that is not named: no header is expected, and one is refused', async () => {
      const { port } = await started('10.0.0.0/8,unix');
      const plain = await RawClient.open(port);
      await plain.write(request);
      assert.ok(await plain.until(() => plain.received.includes('/who.'), waitMs));
      plain.destroy();
      for (const header of [line('TCP4 203.0.113.7 198.51.100.1 1 2'), binary(0x21, 0x11, tcp4)]) {
        const client = await RawClient.open(port);
        await client.write(Buffer.concat([header, request]));
        await client.until(() => false, waitMs);
        assert.match(client.received.toString('latin1'), /^HTTP\/1\.1 (?:400|501) /);
        client.destroy();
      }
    });

    test('a second header is refused', async () => {
      const { port } = await trusting;
      const header = line('TCP4 203.0.113.7 198.51.100.1 1 2');
      const client = await RawClient.open(port);
      await client.write(Buffer.concat([header, header, request]));
      await client.until(() => false, waitMs);
      assert.match(client.received.toString('latin1'), /^HTTP\/1\.1 (?:400|501) /);
      client.destroy();
    });

    test('a drain waits for what is behind a header that has begun', async () => {
      const peers = parseNetworks(['127.0.0.1'], '--proxy-protocol');
      const server = await startBackend(name, handler, {}, undefined, peers);
      const client = await RawClient.open(server.port);
      await client.write(Buffer.from('PROXY TCP4 203.0.113.7 '));
      await turns(4);
      const closed = server.close(20_000);
      await client.write(Buffer.concat([Buffer.from('198.51.100.1 1 2\r\n'), request]));
      await client.until(() => false, waitMs);
      assert.match(
        client.received.toString('latin1'),
        /^HTTP\/1\.1 200 .*connection: close.*203\.0\.113\.7 1 /is,
      );
      client.destroy();
      assert.equal((await closed).cut, 0);
    });
  });
}
