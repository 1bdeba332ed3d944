// --status: /health from before the application has loaded until the process ends.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command, FdParent } from '../helpers/command.js';
import { answers, eventually, freePort, temporaryDirectory } from '../helpers/processes.js';

/** Loads, and answers, when the files `load` and `go` are there. */
const application = `
  import { existsSync, writeSync } from 'node:fs';
  const file = (name) => new Promise((resolve) => {
    const timer = setInterval(() => existsSync(new URL(name, import.meta.url)) && resolve(clearInterval(timer)), 5);
  });
  await file('load');
  export const app = (req, res) => {
    writeSync(1, 'asked\\n');
    file('go').then(() => res.end('hello'));
  };
`;

function start(t: TestContext, args: readonly string[]) {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), application);
  const all = ['./app.mjs', '--bind', '127.0.0.1:0', ...args];
  const command = new Command(t, all, { cwd: directory });
  return { command, directory, tell: (name: string) => writeFileSync(join(directory, name), '') };
}

async function statusPort(command: Command): Promise<number> {
  const [, port = ''] = await command.line(/Status on 127\.0\.0\.1:(\d+)\n/);
  return Number(port);
}

async function health(port: number): Promise<string> {
  const { status, text } = await ask({ port, path: '/health' });
  return `${status} ${text}`;
}

for (const backend of testedBackends) {
  for (const threads of ['1', '2']) {
    test(`starting, serving, draining: ${backend}, ${threads} threads`, async (t) => {
      const { command, tell } = start(t, [
        '--status',
        '127.0.0.1:0',
        '--backend',
        backend,
        '--threads',
        threads,
      ]);
      const port = await statusPort(command);
      assert.equal(await health(port), '503 starting\n');
      tell('load');
      const [place = ''] = await command.serving();
      assert.equal(await health(port), '200 serving\n');
      const answered = ask({ port: Number(place.split(':')[1]), path: '/' });
      await command.line(/asked/);
      command.signal('SIGTERM');
      await command.line(/Stopping/);
      assert.equal(await health(port), '503 draining\n');
      tell('go');
      assert.equal((await answered).text, 'hello');
      assert.equal(await command.end(), 0, command.stderr);
      assert.equal(await answers({ host: '127.0.0.1', port }), false);
    });
  }

  test(`a program that listens by itself gets the other socket, and ends by itself: ${backend}`, async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(
      join(directory, 'program.cjs'),
      `const server = require('http').createServer((req, res) => {
         res.end('hello');
         if (req.url === '/end') server.close();
       }).listen(3000);`,
    );
    const args = ['./program.cjs', '--backend', backend, '--bind', '127.0.0.1:0', '--status', '127.0.0.1:0'];
    const command = new Command(t, args, { cwd: directory });
    const port = await statusPort(command);
    const [place = ''] = await command.serving();
    assert.equal(await health(port), '200 serving\n');
    assert.equal((await ask({ port: Number(place.split(':')[1]), path: '/end' })).text, 'hello');
    assert.equal(await command.end(), 0, command.stderr);
  });
}

describe('the listener', () => {
  test('knows GET and HEAD, and what it has', async (t) => {
    const { command, tell } = start(t, ['--status', '127.0.0.1:0']);
    const port = await statusPort(command);
    const head = await ask({ port, path: '/health?x', method: 'HEAD' });
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [503, '', '9']);
    const post = await ask({ port, path: '/health', method: 'POST' });
    assert.deepEqual([post.status, post.headers['allow']], [405, 'GET, HEAD']);
    assert.equal((await ask({ port, path: '/other' })).status, 404);
    tell('load');
    await command.serving();
  });

  test('is a Unix socket, removed at the end', async (t) => {
    const { command, directory, tell } = start(t, ['--status', 'unix:status.sock']);
    await command.line(/Status on unix:status\.sock\n/);
    tell('load');
    await command.serving();
    const socketPath = join(directory, 'status.sock');
    assert.equal((await ask({ socketPath, path: '/health' })).text, 'serving\n');
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
    assert.equal(await answers({ path: socketPath }), false);
  });

  test('is a descriptor that systemd names, which the application does not get', async (t) => {
    const passed = [
      { fd: 3, kind: 'tcp' },
      { fd: 4, kind: 'tcp' },
    ] as const;
    const { parent } = new FdParent(t, passed, ['--status', 'sd:status'], { names: 'web:status' });
    const [, port = ''] = await parent.line(/Status on fd:\/\/4 \(127\.0\.0\.1:(\d+)\)\n/);
    assert.match((await parent.serving()).join(), /^fd:\/\/3 \([^)]*\)$/);
    assert.equal(await health(Number(port)), '200 serving\n');
  });

  test('ends the start when its address is taken', async (t) => {
    const { command } = start(t, ['--status', '127.0.0.1:0']);
    const port = await statusPort(command);
    const second = new Command(t, ['--bind', '127.0.0.1:0', '--status', `127.0.0.1:${port}`]);
    assert.equal(await second.end(), 4);
    assert.match(second.stderr, new RegExp(`cannot bind 127\\.0\\.0\\.1:${port}`));
  });

  test('outlives the processes of the reloader', async (t) => {
    const port = await freePort();
    const { command, directory, tell } = start(t, ['--status', `127.0.0.1:${port}`, '--use-reloader']);
    tell('load');
    await command.line(/Watching /);
    assert.equal(await health(port), '200 serving\n');
    writeFileSync(join(directory, 'app.mjs'), `${application}// changed\n`);
    await command.line(/Starting anew[\s\S]*Using .* as a backend\n/);
    // The process before may go with a connection that it has taken.
    const healthy = () => health(port).catch(() => '');
    await eventually('the new one', async () => ((await healthy()) === '200 serving\n' ? true : undefined));
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
  });
});
