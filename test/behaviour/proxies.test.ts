// Behind a proxy: what applications see of their clients with --forwarded-allow, --proxy-protocol and --root-path.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import express from 'express';
import type { Exchange } from '../../lib/exchange.js';
import { type ServeOptions, serve } from '../../lib/index.js';
import type { Environ } from '../../lib/interfaces/wsgi-environ.js';
import { parseNetworks } from '../../lib/proxies/networks.js';
import { ask } from '../helpers/ask.js';
import { testAuthority, testTls } from '../helpers/certificates.js';
import { Command } from '../helpers/command.js';
import { within } from '../helpers/lifetime-client.js';
import { root, temporaryDirectory } from '../helpers/processes.js';
import { RawClient } from '../helpers/raw-client.js';
import { startBackend } from '../helpers/start-backend.js';
import { switched, Taker, upgrade } from '../helpers/taker.js';
import { readAll } from '../helpers/tls-client.js';

const backends = ['native', 'http', 'http2'] as const;
const waitMs = 60_000;
const header = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n';
const fields = {
  'X-Forwarded-For': '192.0.2.1, 203.0.113.7',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'shop.example',
};

/** @returns The port of a server in this process. */
async function started(t: TestContext, options: ServeOptions): Promise<number> {
  const server = await serve({ logLevel: 'error', bind: ['127.0.0.1:0'], ...options });
  t.after(() => server.close({ drainMs: 0 }));
  return Number(server.addresses[0]?.split(':')[1]);
}

type Told = Readonly<Record<string, unknown>>;

async function told(
  port: number,
  headers: Readonly<Record<string, string>> = fields,
  path = '/x?y',
): Promise<Told> {
  const answer = await ask({ port, path, headers: { Host: 'app.internal', ...headers } });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

const applications = {
  node: (req: IncomingMessage, res: ServerResponse) => {
    const { socket } = req;
    const { encrypted } = socket as { encrypted?: boolean };
    const { baseUrl, originalUrl } = req as { baseUrl?: string; originalUrl?: string };
    const { remoteAddress, remotePort, remoteFamily, localPort } = socket;
    const seen = { remoteAddress, remotePort, remoteFamily, encrypted, url: req.url, baseUrl, originalUrl };
    const same =
      socket === req.socket && socket === req.connection && !socket.destroyed && localPort !== undefined;
    res.end(JSON.stringify({ ...seen, host: req.headers.host, for: req.headers['x-forwarded-for'], same }));
  },
  fetch: (request: Request, environment: { requestIP(request: Request): unknown; baseUrl?: string }) => {
    const { baseUrl } = environment;
    return Response.json({
      url: request.url,
      ip: environment.requestIP(request),
      baseUrl,
      of: request.headers.get('x-forwarded-for'),
    });
  },
  wsgi: (environ: Environ, start: (status: string, headers: [string, string][]) => unknown) => {
    start('200 OK', [['Content-Type', 'application/json']]);
    const {
      REMOTE_ADDR,
      REMOTE_PORT,
      SERVER_NAME,
      SERVER_PORT,
      SCRIPT_NAME,
      PATH_INFO,
      QUERY_STRING,
      HTTP_HOST,
    } = environ;
    const url = `${environ['wsgi.url_scheme']}://${HTTP_HOST}${SCRIPT_NAME}${PATH_INFO}?${QUERY_STRING}`;
    const forwarded = environ['HTTP_X_FORWARDED_FOR'];
    return [
      JSON.stringify({ REMOTE_ADDR, REMOTE_PORT, SERVER_NAME, SERVER_PORT, SCRIPT_NAME, url, forwarded }),
    ];
  },
} as const;

const all = fields['X-Forwarded-For'];

for (const backend of backends) {
  describe(`${backend}: --forwarded-allow`, () => {
    test('node: the socket, the scheme and the host of the client', async (t) => {
      const port = await started(t, {
        app: applications.node,
        interface: 'node',
        backend,
        forwardedAllow: ['127.0.0.1'],
      });
      const {
        remoteAddress,
        remotePort,
        remoteFamily,
        encrypted,
        host,
        same,
        for: of,
        url,
      } = await told(port);
      assert.deepEqual([remoteAddress, remotePort, remoteFamily], ['203.0.113.7', undefined, 'IPv4']);
      assert.deepEqual([encrypted, host, same, of, url], [true, 'shop.example', true, all, '/x?y']);
      const plain = await told(port, {});
      assert.deepEqual(
        [plain['remoteAddress'], plain['host'], plain['same']],
        ['127.0.0.1', 'app.internal', true],
      );
      assert.ok(!plain['encrypted']);
    });

    test('fetch: request.url and requestIP', async (t) => {
      for (const noMonkey of [false, true]) {
        const options = {
          app: { fetch: applications.fetch },
          backend,
          noMonkey,
          forwardedAllow: ['127.0.0.0/8'],
        };
        const port = await started(t, options);
        const { url, ip, of } = await told(port);
        assert.deepEqual(
          [url, ip, of],
          ['https://shop.example/x?y', { address: '203.0.113.7', port: 0, family: 'IPv4' }, all],
        );
        const plain = await told(port, {});
        assert.equal(plain['url'], 'http://app.internal/x?y');
        assert.match(
          JSON.stringify(plain['ip']),
          /^\{"address":"127\.0\.0\.1","port":\d+,"family":"IPv4"\}$/,
        );
      }
    });

    test('wsgi: REMOTE_*, SERVER_*, HTTP_HOST and wsgi.url_scheme', async (t) => {
      const port = await started(t, {
        app: applications.wsgi,
        interface: 'wsgi',
        backend,
        forwardedAllow: ['*'],
      });
      const { REMOTE_ADDR, REMOTE_PORT, SERVER_NAME, SERVER_PORT, url, forwarded } = await told(port);
      assert.deepEqual([REMOTE_ADDR, REMOTE_PORT], ['192.0.2.1', '']); // everybody is believed
      assert.deepEqual(
        [SERVER_NAME, SERVER_PORT, url, forwarded],
        ['shop.example', '443', 'https://shop.example/x?y', all],
      );
      const plain = await told(port, {});
      assert.deepEqual(
        [plain['REMOTE_ADDR'], plain['SERVER_NAME'], plain['url']],
        ['127.0.0.1', '127.0.0.1', 'http://app.internal/x?y'],
      );
      assert.equal(plain['SERVER_PORT'], String(port));
    });

    test('a peer that is not named is not believed, and its fields stay', async (t) => {
      for (const forwardedAllow of [['10.0.0.0/8', 'unix'], []]) {
        const node = await told(
          await started(t, { app: applications.node, interface: 'node', backend, forwardedAllow }),
        );
        assert.deepEqual(
          [node['remoteAddress'], node['host'], node['for']],
          ['127.0.0.1', 'app.internal', all],
        );
        const fetched = await told(
          await started(t, { app: { fetch: applications.fetch }, backend, forwardedAllow }),
        );
        assert.deepEqual([fetched['url'], fetched['of']], ['http://app.internal/x?y', all]);
        const wsgi = await told(
          await started(t, { app: applications.wsgi, interface: 'wsgi', backend, forwardedAllow }),
        );
        assert.deepEqual(
          [wsgi['REMOTE_ADDR'], wsgi['url'], wsgi['forwarded']],
          ['127.0.0.1', 'http://app.internal/x?y', all],
        );
      }
    });

    test('one connection of the proxy carries requests of several clients', async (t) => {
      const port = await started(t, {
        app: applications.node,
        interface: 'node',
        backend,
        forwardedAllow: ['127.0.0.1'],
      });
      const client = await RawClient.open(port);
      t.after(() => client.destroy());
      for (const [count, address] of ['203.0.113.7', '203.0.113.8', '2001:db8::9'].entries()) {
        await client.write(Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n\r\n`));
        const answers = () => client.received.toString().match(/"remoteAddress":"[^"]*"/g) ?? [];
        assert.ok(await client.until(() => answers().length > count, waitMs), client.received.toString());
        assert.equal(answers()[count], `"remoteAddress":"${address}"`);
      }
    });

    test('Express says the same with its own trust proxy and without', async (t) => {
      for (const trust of [false, 'loopback', 1]) {
        const app = express().set('trust proxy', trust);
        app.get(
          '/x',
          ({ ip, protocol, hostname, secure }, res) => void res.json({ ip, protocol, hostname, secure }),
        );
        const port = await started(t, { app, backend, forwardedAllow: ['127.0.0.1'] });
        const expected = { ip: '203.0.113.7', protocol: 'https', hostname: 'shop.example', secure: true };
        assert.deepEqual(await told(port), expected, `trust proxy is ${trust}`);
      }
    });
  });

  describe(`${backend}: --root-path`, () => {
    const rootPath = '/shop';
    const ways = { 'taken off by the proxy': '/x?y', 'left there by the proxy': '/shop/x?y' };
    for (const [name, path] of Object.entries(ways)) {
      test(`${name}: node, fetch and wsgi`, async (t) => {
        const node = await told(
          await started(t, { app: applications.node, interface: 'node', backend, rootPath }),
          {},
          path,
        );
        assert.deepEqual([node['url'], node['baseUrl'], node['originalUrl']], ['/x?y', '/shop', '/shop/x?y']);
        const fetched = await told(
          await started(t, { app: { fetch: applications.fetch }, backend, rootPath }),
          {},
          path,
        );
        assert.deepEqual([fetched['url'], fetched['baseUrl']], ['http://app.internal/x?y', '/shop']);
        const wsgi = await told(
          await started(t, { app: applications.wsgi, interface: 'wsgi', backend, rootPath }),
          {},
          path,
        );
        assert.deepEqual([wsgi['SCRIPT_NAME'], wsgi['url']], ['/shop', 'http://app.internal/shop/x?y']);
      });

      test(`${name}: Express redirects to where it is shown`, async (t) => {
        const app = express();
        app.get('/x', ({ baseUrl, originalUrl }, res) => void res.json({ baseUrl, originalUrl }));
        const port = await started(t, { app, backend, rootPath });
        assert.deepEqual(await told(port, {}, path), { baseUrl: '/shop', originalUrl: '/shop/x?y' });
      });
    }

    test('a path that only begins with the same letters is another one', async (t) => {
      const port = await started(t, { app: applications.node, interface: 'node', backend, rootPath });
      assert.equal((await told(port, {}, '/shopping'))['url'], '/shopping');
      assert.equal((await told(port, {}, '/shop?a'))['url'], '/?a');
      assert.equal((await told(port, {}, '/shop'))['url'], '/');
    });
  });

  describe(`${backend}: --proxy-protocol`, () => {
    test('TLS behind the header, in pieces', async (t) => {
      const handler = { interface: 'fetch', handle: show } as const;
      const server = await startBackend(
        backend,
        handler,
        {},
        testTls(),
        parseNetworks(['127.0.0.1'], '--proxy-protocol'),
      );
      t.after(() => server.close());
      for (const at of [0, 1, 10, header.length]) {
        const raw = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
        raw.write(header.slice(0, at));
        await once(raw, 'connect');
        raw.write(header.slice(at));
        const secure = connectTls({ socket: raw, servername: 'localhost', ca: testAuthority().cert });
        t.after(() => secure.destroy());
        await within('the handshake', once(secure, 'secureConnect'));
        secure.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        const text = await within('the end', readAll(secure));
        assert.match(text, /https 203\.0\.113\.7 4711 IPv4 198\.51\.100\.1 443$/);
      }
      assert.deepEqual(server.warnings, []);
    });

    test('without the header, a handshake is refused', async (t) => {
      const handler = { interface: 'fetch', handle: show } as const;
      const server = await startBackend(
        backend,
        handler,
        {},
        testTls(),
        parseNetworks(['127.0.0.1'], '--proxy-protocol'),
      );
      t.after(() => server.close());
      const secure = connectTls({ port: server.port, host: '127.0.0.1', ca: testAuthority().cert });
      await assert.rejects(within('the handshake', once(secure, 'secureConnect')), { code: 'ECONNRESET' });
      assert.equal(server.warnings.length, 1);
    });

    test('a peer on a Unix socket that is named', async (t) => {
      const path = join(temporaryDirectory(t), 'web.sock');
      const options = {
        app: { fetch: applications.fetch },
        backend,
        bind: [`unix:${path}`],
        logLevel: 'error',
      } as const;
      const server = await serve({ ...options, proxyProtocol: ['unix'] });
      t.after(() => server.close({ drainMs: 0 }));
      const socket = connect(path);
      t.after(() => socket.destroy());
      socket.write(`${header}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.match(
        await within('the end', readAll(socket)),
        /"ip":\{"address":"203\.0\.113\.7","port":4711,"family":"IPv4"\}/,
      );
    });

    test('node: req.socket has the ends that the header tells', async (t) => {
      const port = await started(t, {
        app: applications.node,
        interface: 'node',
        backend,
        proxyProtocol: ['127.0.0.1'],
      });
      const client = await RawClient.open(port);
      t.after(() => client.destroy());
      await client.write(Buffer.from(`${header}GET / HTTP/1.1\r\nHost: a\r\n\r\n`));
      assert.ok(await client.until(() => /\}\r?\n?(0\r\n)?/.test(client.received.toString()), waitMs));
      assert.match(
        client.received.toString(),
        /"remoteAddress":"203\.0\.113\.7","remotePort":4711,"remoteFamily":"IPv4"/,
      );
    });

    test('whom the header tells of is the peer for --forwarded-allow', async (t) => {
      for (const [allow, expected] of [
        ['203.0.113.0/24', '192.0.2.9'],
        ['127.0.0.1', '203.0.113.7'],
      ] as const) {
        const options = { app: applications.node, interface: 'node', backend } as const;
        const port = await started(t, { ...options, proxyProtocol: ['127.0.0.1'], forwardedAllow: [allow] });
        const client = await RawClient.open(port);
        t.after(() => client.destroy());
        await client.write(
          Buffer.from(`${header}GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n`),
        );
        assert.ok(await client.until(() => client.received.includes('"remoteAddress"'), waitMs));
        assert.match(
          client.received.toString(),
          new RegExp(`"remoteAddress":"${expected.replaceAll('.', '\\.')}"`),
        );
      }
    });

    if (backend !== 'http2') {
      test('a connection that is taken over keeps them', async (t) => {
        const taker = new Taker();
        const server = await startBackend(
          backend,
          taker,
          {},
          undefined,
          parseNetworks(['127.0.0.1'], '--proxy-protocol'),
        );
        t.after(() => server.close());
        const client = await RawClient.open(server.port);
        t.after(() => client.destroy());
        await client.write(Buffer.from(header + upgrade()));
        assert.ok(
          await client.until(() => client.received.includes(switched), waitMs),
          client.received.toString(),
        );
        const [socket] = taker.sockets;
        assert.deepEqual(
          [socket?.remoteAddress, socket?.remotePort, socket?.localPort],
          ['203.0.113.7', 4711, 443],
        );
        await client.write(Buffer.from('echo'));
        assert.ok(await client.until(() => client.received.includes('echo', switched.length), waitMs));
      });
    }
  });
}

/** Answers with the ends of the connection. */
function show(exchange: Exchange): void {
  const { scheme, remote, local } = exchange;
  const ends = [scheme, remote.address, remote.port, remote.family, local.address, local.port];
  exchange.respond(200, '', [], ends.join(' '));
}

test('http2: the streams of a proxy, and a header in front of the preface', async (t) => {
  const options = { app: { fetch: applications.fetch }, backend: 'http2' } as const;
  const port = await started(t, {
    ...options,
    proxyProtocol: ['127.0.0.1'],
    forwardedAllow: ['203.0.113.7'],
  });
  const raw = connect({ port, host: '127.0.0.1' });
  raw.write(header);
  const session = connectHttp2('http://app.internal', { createConnection: () => raw });
  t.after(() => session.destroy());
  for (const [address, expected] of [
    ['192.0.2.9', '192.0.2.9'],
    ['', '203.0.113.7'],
  ]) {
    const stream = session.request({
      ':authority': 'app.internal',
      ':path': '/x',
      ...(address === '' ? {} : { 'x-forwarded-for': address, 'x-forwarded-proto': 'https' }),
    });
    const text = await within('the answer', readAll(stream));
    const { url, ip } = JSON.parse(text);
    assert.deepEqual(
      [ip.address, url],
      [expected, address === '' ? 'http://app.internal/x' : 'https://app.internal/x'],
    );
  }
});

test('--mount: places by the forwarded host, and --root-path in front of them', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(
    join(directory, 'apps.mjs'),
    `const say = (name) => (req, res) => res.end(JSON.stringify({ name, baseUrl: req.baseUrl, url: req.url, host: req.headers.host }));
    export const main = say('main');
    export const blog = say('blog');
    export const shop = say('shop');`,
  );
  const mounts = ['--mount', '/blog=./apps.mjs:blog', '--mount', 'http://shop.example/=./apps.mjs:shop'];
  const args = [
    './apps.mjs:main',
    ...mounts,
    '--bind',
    '127.0.0.1:0',
    '--forwarded-allow-ips',
    '127.0.0.1,::1',
  ];
  const command = new Command(t, [...args, '--root-path', '/site'], { cwd: directory });
  const port = Number((await command.serving())[0]?.split(':')[1]);
  const direct = { 'X-Forwarded-For': '203.0.113.7' };
  assert.deepEqual(await told(port, direct, '/site/blog/1'), {
    name: 'blog',
    baseUrl: '/site/blog',
    url: '/1',
    host: 'app.internal',
  });
  assert.deepEqual(await told(port, direct, '/blog/1'), {
    name: 'blog',
    baseUrl: '/site/blog',
    url: '/1',
    host: 'app.internal',
  });
  assert.deepEqual(await told(port, direct, '/site/1'), {
    name: 'main',
    baseUrl: '/site',
    url: '/1',
    host: 'app.internal',
  });
  assert.deepEqual(await told(port, fields, '/site/1'), {
    name: 'shop',
    baseUrl: '/site',
    url: '/1',
    host: 'shop.example',
  });
});

test('paste: and --threads: each sees the client', async (t) => {
  const directory = temporaryDirectory(t);
  cpSync(join(root, 'examples/paste'), directory, { recursive: true });
  writeFileSync(
    join(directory, 'who.mjs'),
    `export const make = () => (req, res) => res.end(JSON.stringify({ ip: req.socket.remoteAddress, url: req.url, baseUrl: req.baseUrl }));`,
  );
  writeFileSync(
    join(directory, 'who.ini'),
    `[server:main]
use = egg:chaussette
forwarded_allow = 127.0.0.1
root_path = /site
bind = 127.0.0.1:0
[composite:main]
use = egg:Paste#urlmap
/deep = who
[app:who]
use = call:./who.mjs:make
`,
  );
  for (const threads of ['1', '2']) {
    const command = new Command(t, ['paste:who.ini', '--threads', threads], { cwd: directory });
    const port = Number((await command.serving())[0]?.split(':')[1]);
    assert.deepEqual(await told(port, fields, '/site/deep/1'), {
      ip: '203.0.113.7',
      url: '/1',
      baseUrl: '/site/deep',
    });
  }
});

test('threads on native and http: PROXY headers and forwarded fields', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(
    join(directory, 'app.mjs'),
    'export const app = (req, res) => res.end(req.socket.remoteAddress);',
  );
  for (const backend of ['native', 'http']) {
    const args = [
      './app.mjs',
      '--backend',
      backend,
      '--threads',
      '2',
      '--bind',
      '127.0.0.1:0',
      '--proxy-protocol',
      '127.0.0.1',
    ];
    const command = new Command(t, args, {
      cwd: directory,
      env: { CHAUSSETTE_FORWARDED_ALLOW: '203.0.113.7,unix' },
    });
    const port = Number((await command.serving())[0]?.split(':')[1]);
    for (let count = 1; count < 5; count += 1) {
      const client = await RawClient.open(port);
      await client.write(
        Buffer.from(`${header}GET / HTTP/1.1\r\nHost: a\r\nForwarded: for="[2001:db8::${count}]"\r\n\r\n`),
      );
      assert.ok(
        await client.until(() => client.received.includes(`2001:db8::${count}`), waitMs),
        client.received.toString(),
      );
      client.destroy();
    }
  }
});

const refused: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [
    ['--proxy-protocol', 'everyone'],
    /--proxy-protocol has "everyone" in it, which is no network\n.*10\.0\.0\.0\/8/,
  ],
  [['--forwarded-allow', '10.0.0.0/40'], /--forwarded-allow has "10\.0\.0\.0\/40" in it/],
  [['--root-path', 'shop'], /--root-path is "shop", which is no path/],
  [['--proxy-protocol'], /--proxy-protocol needs a value\n.*CIDR/],
];
for (const [args, message] of refused) {
  test(`a usage error, with --check too: ${args.join(' ')}`, async (t) => {
    for (const more of [[], ['--check']]) {
      const command = new Command(t, ['--bind', '127.0.0.1:0', ...more, ...args]);
      assert.equal(await command.end(), 2);
      assert.match(command.stderr, message);
    }
  });
}

test('what a program that listens by itself cannot have is said', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(
    join(directory, 'server.mjs'),
    "import { createServer } from 'node:http'; createServer().listen(0);",
  );
  for (const [flag, value] of Object.entries({
    '--proxy-protocol': '*',
    '--forwarded-allow': '*',
    '--root-path': '/a',
  })) {
    const command = new Command(t, ['./server.mjs', '--bind', '127.0.0.1:0', flag, value], {
      cwd: directory,
    });
    assert.equal(await command.end(), 2, command.stderr);
    assert.match(command.stderr, new RegExp(`listens by itself, without ${flag}`));
  }
});

test('a backend without the capability is refused before anything is bound', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'node_modules'));
  const plain = 'examples/chaussette-backend-plain';
  cpSync(join(root, plain), join(directory, 'node_modules/chaussette-backend-plain'), { recursive: true });
  const args = ['--backend', 'plain', '--bind', '127.0.0.1:0', '--proxy-protocol', '*'];
  const command = new Command(t, args, { cwd: directory });
  assert.equal(await command.end(), 2);
  assert.match(
    command.stderr,
    /--proxy-protocol needs a backend with the capability proxy-protocol, which plain/,
  );
});
