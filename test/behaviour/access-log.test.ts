// --access-log on every backend: what was answered, refused, cut and left, once each.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { Client } from '../helpers/lifetime-client.js';
import { eventually, temporaryDirectory } from '../helpers/processes.js';

const application = `
  import { writeSync } from 'node:fs';
  export const app = (req, res) => {
    if (req.url === '/hang') {
      res.on('close', () => writeSync(1, 'left\\n'));
      writeSync(1, 'hangs\\n');
    } else if (req.url === '/half') {
      res.write('half');
      setImmediate(() => res.destroy());
    } else if (req.url === '/none') {
      res.statusCode = 204;
      res.end();
    } else if (req.url === '/chunks') {
      res.setHeader('x-kind', 'chunks');
      res.write('abc');
      res.end(Buffer.from('defg'));
    } else if (req.url === '/big') {
      res.end(Buffer.alloc(300000));
    } else if (req.method === 'POST') {
      req.resume();
      req.on('end', () => res.end('got it'));
    } else {
      res.end('hello');
    }
  };
`;

interface Line {
  readonly [key: string]: string | number | boolean | undefined;
  readonly status: number;
  readonly target?: string;
  readonly line?: string;
  readonly bytes: number;
  readonly aborted?: boolean;
}

async function serve(t: TestContext, args: readonly string[], format = 'json', file = 'app.mjs') {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), application);
  const log = ['--access-log', 'access.log', '--access-log-format', format];
  const command = new Command(t, [`./${file}`, '--bind', '127.0.0.1:0', ...log, ...args], {
    cwd: directory,
  });
  const [place = ''] = await command.serving();
  const path = join(directory, 'access.log');
  return {
    command,
    directory,
    port: Number(place.split(':')[1]),
    path,
    /** After the end: what has been told by then. */
    lines: async (): Promise<readonly Line[]> => {
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
      return readLines(path);
    },
  };
}

function readLines(path: string): Line[] {
  const rows = readFileSync(path, 'utf8').split('\n');
  assert.equal(rows.pop(), '', 'the last line is complete');
  return rows.map((row) => JSON.parse(row) as Line);
}

/** Send bytes, and read until the end. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}

for (const backend of testedBackends) {
  describe(`access log, backend ${backend}`, () => {
    test('what was answered', async (t) => {
      const { port, lines } = await serve(t, ['--backend', backend]);
      const headers = { 'user-agent': 'a "b"\u00e4', referer: 'http://r/', 'x-request-id': 'r-1' };
      await ask({ port, path: '/a?b=1', headers });
      await ask({ port, path: '/none' });
      await ask({ port, path: '/chunks' });
      await ask({ port, path: '/big' });
      await ask({ port, path: '/', method: 'HEAD' });
      await ask({ port, path: '/post', method: 'POST' }, 'body');
      const all = await lines();
      assert.deepEqual(
        all.map(({ method, target, status, bytes, aborted }) => [method, target, status, bytes, aborted]),
        [
          ['GET', '/a?b=1', 200, 5, undefined],
          ['GET', '/none', 204, 0, undefined],
          ['GET', '/chunks', 200, 7, undefined],
          ['GET', '/big', 200, 300_000, undefined],
          ['HEAD', '/', 200, 0, undefined],
          ['POST', '/post', 200, 6, undefined],
        ],
      );
      const { time, duration_ms: duration, pid, ...rest } = all[0] ?? { status: 0, bytes: 0 };
      assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
      assert.ok(typeof duration === 'number' && duration >= 0 && typeof pid === 'number');
      assert.deepEqual(rest, {
        remote: '127.0.0.1',
        method: 'GET',
        host: `127.0.0.1:${port}`,
        target: '/a?b=1',
        protocol: 'HTTP/1.1',
        status: 200,
        bytes: 5,
        referer: 'http://r/',
        user_agent: 'a "b"\u00e4',
        request_id: 'r-1',
      });
    });

    test('what was pipelined, each once and in order', async (t) => {
      const { port, lines } = await serve(t, ['--backend', backend]);
      const count = 200;
      let requests = '';
      for (let n = 1; n < count; n++) requests += `GET /${n} HTTP/1.1\r\nhost: x\r\n\r\n`;
      await raw(port, `${requests}GET /${count} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      const targets = (await lines()).map(({ target }) => target);
      assert.deepEqual(
        targets,
        Array.from({ length: count }, (_, n) => `/${n + 1}`),
      );
    });

    test('what was refused, with what came', async (t) => {
      const { port, lines } = await serve(t, ['--backend', backend, '--max-head', '600', '--max-body', '10']);
      await raw(port, 'GET /no-host HTTP/1.1\r\n\r\n');
      await raw(port, 'G\x01T / HTTP/1.1\r\nhost: x\r\n\r\n');
      await raw(port, `GET /large HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(700)}\r\n\r\n`);
      await raw(port, `POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n`);
      await raw(port, `POST /chunk HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`);
      const all = await lines();
      assert.deepEqual(
        all.map(({ status }) => status),
        [400, 400, 431, 413, 400],
      );
      const shown = all.map(({ line, target }) => line ?? target);
      assert.deepEqual([shown[0], shown[2]], ['GET /no-host HTTP/1.1', 'GET /large HTTP/1.1']);
      assert.ok(['POST /body HTTP/1.1', '/body'].includes(String(shown[3])));
      assert.equal(shown[4], '/chunk');
      assert.ok(all.every(({ remote }) => remote === '127.0.0.1'));
    });

    test('a client that leaves, and a response that is cut', async (t) => {
      const { command, port, lines } = await serve(t, ['--backend', backend]);
      const client = await Client.open(t, port);
      client.socket.write('GET /hang HTTP/1.1\r\nhost: x\r\n\r\n');
      await command.line(/hangs/);
      client.socket.resetAndDestroy();
      await command.line(/left/);
      await raw(port, 'GET /half HTTP/1.1\r\nhost: x\r\n\r\n');
      const seen = (await lines()).map(({ target, status, aborted }) => [target, status, aborted]);
      assert.deepEqual(seen, [
        ['/hang', 499, true],
        ['/half', 200, true],
      ]);
    });

    test('fields of requests and responses', async (t) => {
      const format = '%(s)s %({x-kind}o)s %({x-asked}i)s %({HTTP_HOST}e)s';
      const { command, port, path } = await serve(t, ['--backend', backend], format);
      await ask({ port, path: '/chunks', headers: { 'x-asked': 'for' } });
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
      assert.equal(readFileSync(path, 'utf8'), `200 chunks for 127.0.0.1:${port}\n`);
    });

    test('the client behind a proxy that is believed', async (t) => {
      const { port, lines } = await serve(t, ['--backend', backend, '--forwarded-allow', '127.0.0.1']);
      await ask({ port, path: '/', headers: { 'x-forwarded-for': '192.0.2.7' } });
      assert.deepEqual(
        (await lines()).map(({ remote }) => remote),
        ['192.0.2.7'],
      );
    });

    test('SIGHUP opens the file again, and no line is lost', async (t) => {
      const { command, port, path } = await serve(t, ['--backend', backend]);
      await ask({ port, path: '/before' });
      renameSync(path, `${path}.1`);
      command.signal('SIGHUP');
      await eventually('the new file', () => {
        try {
          return readFileSync(path) && true;
        } catch {
          return undefined;
        }
      });
      await ask({ port, path: '/after' });
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
      const all = [...readLines(`${path}.1`), ...readLines(path)];
      assert.deepEqual(
        all.map(({ target }) => target),
        ['/before', '/after'],
      );
    });

    test('lines appear while the server runs', async (t) => {
      const { port, path } = await serve(t, ['--backend', backend]);
      await ask({ port, path: '/seen' });
      await eventually('the line', () => (readFileSync(path, 'utf8').includes('/seen') ? true : undefined));
    });

    test('threads share the file', async (t) => {
      const { port, lines } = await serve(t, ['--backend', backend, '--threads', '2']);
      const asked = Array.from({ length: 100 }, (_, n) => `/${n}`);
      for (const path of asked) await ask({ port, path });
      const all = await lines();
      assert.deepEqual(new Set(all.map(({ target }) => target)), new Set(asked));
      assert.equal(all.length, asked.length);
      assert.ok(all.every(({ thread }) => thread === 1 || thread === 2));
    });

    test('a program that listens by itself', async (t) => {
      const directory = temporaryDirectory(t);
      const program = join(directory, 'program.cjs');
      writeFileSync(
        program,
        `require('http').createServer((req, res) => { res.write('he'); res.end('llo'); }).listen(3000);`,
      );
      const { port, lines } = await serve(
        t,
        ['--backend', backend],
        'json',
        `../${directory.split('/').at(-1)}/program.cjs`,
      );
      await ask({ port, path: '/program' });
      const all = await lines();
      assert.deepEqual(
        all.map(({ target, status, bytes, remote }) => [target, status, bytes, remote]),
        [['/program', 200, 5, '127.0.0.1']],
      );
    });

    test('a response that is dropped before it was sent', async (t) => {
      const directory = temporaryDirectory(t);
      const program = join(directory, 'program.cjs');
      writeFileSync(
        program,
        `require('http').createServer((req, res) => { res.write('dropped'); res.destroy(); }).listen(3000);`,
      );
      const served = await serve(
        t,
        ['--backend', backend],
        'json',
        `../${directory.split('/').at(-1)}/program.cjs`,
      );
      assert.equal(await raw(served.port, 'GET /dropped HTTP/1.1\r\nhost: x\r\n\r\n'), '');
      const all = await served.lines();
      assert.deepEqual(
        all.map(({ target, status, bytes, aborted }) => [target, status, bytes, aborted]),
        // node:http does not tell what it has thrown away.
        [['/dropped', 200, backend === 'native' ? 0 : 7, true]],
      );
    });

    test('a connection that changes its protocol', async (t) => {
      const directory = temporaryDirectory(t);
      writeFileSync(
        join(directory, 'program.cjs'),
        `const server = require('http').createServer((req, res) => res.end('no')).listen(3000);
         server.on('upgrade', (req, socket) => socket.end('HTTP/1.1 101 Switching Protocols\\r\\n\\r\\nbye'));`,
      );
      const program = `../${directory.split('/').at(-1)}/program.cjs`;
      const { port, lines } = await serve(t, ['--backend', backend], 'json', program);
      const head = 'GET /other HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n';
      assert.match(await raw(port, head), /bye$/);
      const seen = (await lines()).map(({ target, status, aborted }) => [target, status, aborted]);
      assert.deepEqual(seen, [['/other', 101, undefined]]);
    });

    test('a standard output that nobody reads costs lines, and nothing else', async (t) => {
      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, 'app.mjs'), application);
      const args = ['./app.mjs', '--bind', '127.0.0.1:0', '--access-log', '-', '--backend', backend];
      const command = new Command(t, args, { cwd: directory });
      const [place = ''] = await command.serving();
      const port = Number(place.split(':')[1]);
      command.child.stdout?.destroy();
      assert.equal((await ask({ port, path: '/' })).text, 'hello');
      await command.line(/--access-log cannot be written: EPIPE/);
      assert.equal((await ask({ port, path: '/' })).text, 'hello');
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
    });
  });
}

test('access log, backend http2: streams are requests', async (t) => {
  const { port, lines } = await serve(t, ['--backend', 'http2']);
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  for (const path of ['/two', '/chunks', '/none']) {
    const stream = session.request({ ':path': path, 'user-agent': 'h2' });
    await new Promise((resolve) => stream.on('close', resolve).resume());
  }
  await ask({ port, path: '/one' });
  await new Promise<void>((resolve) => session.close(resolve));
  const seen = (await lines()).map(({ target, protocol, status, bytes }) => [
    target,
    protocol,
    status,
    bytes,
  ]);
  assert.deepEqual(seen, [
    ['/two', 'HTTP/2.0', 200, 5],
    ['/chunks', 'HTTP/2.0', 200, 7],
    ['/none', 'HTTP/2.0', 204, 0],
    ['/one', 'HTTP/1.1', 200, 5],
  ]);
});

test('a format that is none, and a file that cannot be opened, are usage errors', async (t) => {
  for (const [args, message] of [
    [['--access-log', '-', '--access-log-format', '%(nope)s'], /has %\(nope\)s, which is no atom/],
    [['--access-log', '/nowhere/at/all'], /--access-log \/nowhere\/at\/all cannot be opened: ENOENT/],
  ] as const) {
    const command = new Command(t, ['--bind', '127.0.0.1:0', ...args]);
    assert.equal(await command.end(), 2);
    assert.match(command.stderr, message);
  }
});
