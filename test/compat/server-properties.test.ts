// What node:http keeps as properties of a server, and looks at again for each connection or request.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type * as http from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createServer } from '../../lib/create-server.js';
import { closed, compare, exchangeBytes, get, listening, type Make } from '../helpers/compare-servers.js';

const properties = [
  'maxHeaderSize',
  'insecureHTTPParser',
  'requestTimeout',
  'headersTimeout',
  'keepAliveTimeout',
  'keepAliveTimeoutBuffer',
  'connectionsCheckingInterval',
  'requireHostHeader',
  'joinDuplicateHeaders',
  'rejectNonStandardBodyWrites',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'highWaterMark',
  'timeout',
  'maxHeadersCount',
  'maxRequestsPerSocket',
  'maxConnections',
  'allowHalfOpen',
  'httpAllowHalfOpen',
  'pauseOnConnect',
  'listening',
];

function valuesOf(server: http.Server): unknown[] {
  const values = server as unknown as Record<string, unknown>;
  return properties.map((name) => [name, values[name]]);
}

describe('properties of a server', () => {
  compare('have the values that Node gives them', async (make) => valuesOf(make()));

  compare('have those of the options', async (make) =>
    valuesOf(
      make({
        keepAlive: true,
        keepAliveInitialDelay: 2500,
        noDelay: false,
        highWaterMark: 1000,
        maxHeaderSize: 5000,
        keepAliveTimeout: 7,
        requestTimeout: 0,
        joinDuplicateHeaders: true,
        requireHostHeader: false,
        rejectNonStandardBodyWrites: true,
        connectionsCheckingInterval: 100,
      } as http.ServerOptions),
    ),
  );

  compare('refuse what Node refuses', async (make) =>
    [
      { keepAliveInitialDelay: 'x' },
      { highWaterMark: 'x' },
      { highWaterMark: -1 },
      { keepAliveInitialDelay: -1 },
      { optimizeEmptyRequests: 1 },
      { shouldUpgradeCallback: 1 },
      { keepAliveTimeoutBuffer: -1 },
      { keepAliveTimeoutBuffer: 'x' },
    ].map((options) => {
      try {
        return valuesOf(make(options as unknown as http.ServerOptions));
      } catch (error) {
        const { name, code, message } = error as NodeJS.ErrnoException;
        return [name, code, message];
      }
    }),
  );

  compare('hold for what comes after they were set', async (make) => {
    const server = make((req, res) => res.end(JSON.stringify([req.headers, res.writableHighWaterMark])));
    const port = await listening(server);
    const fields = ['X-A: 1', 'X-A: 2', 'Age: 1', 'Age: 2'];
    const before = await get(port, '/', ...fields);
    Object.assign(server, { joinDuplicateHeaders: true, requireHostHeader: false, highWaterMark: 77 });
    const after = [await get(port, '/', ...fields), await exchangeBytes(port, hostless)];
    await closed(server);
    return [before, ...after];
  });

  compare('rejectNonStandardBodyWrites is among them', async (make) => {
    const codes: unknown[] = [];
    const server = make((_req, res) => {
      res.statusCode = 204;
      try {
        res.end('x');
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code);
        res.end();
      }
    });
    const port = await listening(server);
    codes.push(await get(port));
    Object.assign(server, { rejectNonStandardBodyWrites: true });
    codes.push(await get(port));
    await closed(server);
    return codes;
  });
});

const hostless = 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n';

/** Connections that are answered while others are open, of three. */
async function served(make: Make, most: unknown): Promise<unknown[]> {
  const server = make((_req, res) => res.end('ok'));
  Object.assign(server, { maxConnections: most });
  let drops = 0;
  server.on('drop', () => drops++);
  const port = await listening(server);
  const answers: string[] = [];
  const clients: Socket[] = [];
  for (let i = 0; i < 3; i++) {
    const client = connect(port, '127.0.0.1').on('error', () => {});
    clients.push(client);
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const answer = once(client, 'data').then(() => 'answered');
    const end = once(client, 'close').then(() => 'dropped');
    answer.catch(() => {});
    answers.push(await Promise.race([answer, end.catch(() => 'dropped')]));
  }
  for (const client of clients) client.destroy();
  await closed(server);
  return [answers, drops, server.maxConnections];
}

describe('maxConnections', () => {
  for (const most of [undefined, null, 0, 1, 2, '2', -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    compare(`of ${String(most)}`, (make) => served(make, most));
  }
});

/** Of the server's side of a connection: which timer of TCP runs, by proc(5); 02 is that of keep-alive. */
function timerOf(serverPort: number, clientPort: number): string | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const ends = `0100007F:${hex(serverPort)} 0100007F:${hex(clientPort)} `;
  const line = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .find((each) => each.includes(ends));
  return line?.trim().split(/\s+/)[5]?.slice(0, 2);
}

describe('keepAlive', () => {
  for (const [how, options] of [
    ['by option', { keepAlive: true, keepAliveInitialDelay: 60_000 }],
    ['with the time of the system', { keepAlive: true }],
    ['not', {}],
  ] as const) {
    compare(how, async (make) => {
      const seen: unknown[] = [];
      const server = make(options, (req, res) => {
        seen.push(timerOf(req.socket.localPort ?? 0, req.socket.remotePort ?? 0));
        if (req.url === '/on') req.socket.setKeepAlive(true, 60_000);
        if (req.url === '/off') req.socket.setKeepAlive(false);
        seen.push(timerOf(req.socket.localPort ?? 0, req.socket.remotePort ?? 0));
        res.end();
      });
      const port = await listening(server);
      for (const path of ['/', '/on', '/off']) await get(port, path);
      await closed(server);
      return seen;
    });
  }
});

test('--max-http-header-size holds here as well', async () => {
  const { execFileSync } = await import('node:child_process');
  const program = `
    import { createServer } from '${new URL('../../lib/create-server.js', import.meta.url)}';
    const server = createServer((req, res) => res.end(String(req.headers.x.length))).listen(0, async () => {
      for (const length of [3000, 20000, 40000]) {
        const answer = await fetch('http://localhost:' + server.address().port, { headers: { x: 'x'.repeat(length) } });
        console.log(answer.status, await answer.text());
      }
      server.close().closeAllConnections();
    });`;
  const run = (...flags: string[]): string =>
    execFileSync(process.execPath, [...flags, '--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
  assert.deepEqual(run().split('\n'), ['200 3000', '431 ', '431 ', '']);
  assert.deepEqual(run('--max-http-header-size=32768').split('\n'), ['200 3000', '200 20000', '431 ', '']);
});

test('a server that node:http serves in the end keeps what was set', async () => {
  const server = createServer((_req, res) => res.end('ok'));
  Object.assign(server, { highWaterMark: 77, requireHostHeader: false, keepAliveTimeout: 9000 });
  server.listen('\0chaussette-server-properties');
  await once(server, 'listening');
  const { highWaterMark, requireHostHeader, keepAliveTimeout } = server as unknown as Record<string, unknown>;
  assert.deepEqual([highWaterMark, requireHostHeader, keepAliveTimeout], [77, false, 9000]);
  await closed(server);
});
