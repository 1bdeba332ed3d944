import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { eventually, temporaryDirectory } from '../helpers/processes.js';

const portOf = (place: string | undefined): number => Number(/:(\d+)$/.exec(place ?? '')?.[1]);

for (const env of [{}, { CHAUSSETTE_NO_NATIVE: '1' }]) {
  const how = Object.keys(env).length === 0 ? 'with the addon' : 'without the addon';

  describe(`sockets that we bind, ${how}`, () => {
    test('localhost is both loopbacks with one port', async (t) => {
      const command = new Command(t, ['--host', 'localhost', '--port', '0'], { env });
      const places = await command.serving();
      const port = portOf(places[0]);
      assert.deepEqual(places, [`127.0.0.1:${port}`, `[::1]:${port}`]);
      for (const host of ['127.0.0.1', '::1']) assert.equal((await ask({ host, port })).status, 200);
    });

    test('several binds serve side by side', async (t) => {
      const path = join(temporaryDirectory(t), 'web.sock');
      const command = new Command(t, ['--bind', '127.0.0.1:0', '--bind', `unix:${path}`], { env });
      const places = await command.serving();
      assert.equal(places[1], `unix:${path}`);
      assert.equal((await ask({ port: portOf(places[0]) })).status, 200);
      assert.equal((await ask({ socketPath: path })).status, 200);
    });

    test('a Unix socket that we bind is unlinked at the end', async (t) => {
      const path = join(temporaryDirectory(t), 'web.sock');
      const command = new Command(t, ['--host', `unix:${path}`], { env });
      await command.serving();
      assert.ok(statSync(path).isSocket());
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
      assert.equal(existsSync(path), false);
    });
  });
}

describe('Unix sockets that we bind', () => {
  test('--unix-mode is their mode', async (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    await new Command(t, ['--bind', `unix:${path}`, '--unix-mode', '620']).serving();
    assert.equal(statSync(path).mode & 0o777, 0o620);
  });

  test('--umask is taken off it, and holds for nothing else', async (t) => {
    const directory = temporaryDirectory(t);
    const app = join(directory, 'app.mjs');
    writeFileSync(app, 'export const app = (req, res) => res.end(process.umask().toString(8));');
    const path = join(directory, 'web.sock');
    await new Command(t, ['--bind', `unix:${path}`, '--umask', '0117', `${app}:app`]).serving();
    assert.equal(statSync(path).mode & 0o777, 0o660);
    assert.notEqual((await ask({ socketPath: path })).text, '117');
  });

  test('--unix-owner takes names and numbers', async (t) => {
    const isRoot = process.getuid?.() === 0;
    const own = `${process.getuid?.()}:${process.getgid?.()}`;
    for (const owner of isRoot ? ['nobody:nogroup', '65534:65534'] : [own]) {
      const path = join(temporaryDirectory(t), 'web.sock');
      const command = new Command(t, ['--bind', `unix:${path}`, '--unix-owner', owner]);
      await command.serving();
      const { uid, gid } = statSync(path);
      assert.equal(`${uid}:${gid}`, isRoot ? '65534:65534' : own);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
    }
  });

  test('an owner that there is not: status 2, and nothing is left', async (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    const command = new Command(t, ['--bind', `unix:${path}`, '--unix-owner', 'no-such-user']);
    assert.equal(await command.end(), 2, command.stderr);
    assert.match(command.stderr, /no-such-user/);
    assert.equal(existsSync(path), false);
  });

  test('a socket that nobody answers on is replaced', async (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    const first = new Command(t, ['--bind', `unix:${path}`]);
    await first.serving();
    first.signal('SIGKILL');
    await first.end();
    assert.ok(existsSync(path));
    await new Command(t, ['--bind', `unix:${path}`]).serving();
    assert.equal((await ask({ socketPath: path })).status, 200);
  });

  test('a socket that somebody answers on is left alone: status 4', async (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    await new Command(t, ['--bind', `unix:${path}`]).serving();
    const second = new Command(t, ['--bind', `unix:${path}`]);
    assert.equal(await second.end(), 4);
    assert.match(second.stderr, /^chaussette: cannot bind unix:.*: another process serves on it\n/);
    assert.equal((await ask({ socketPath: path })).status, 200);
  });

  test('what somebody else put in its place is not unlinked', async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'web.sock');
    const command = new Command(t, ['--bind', `unix:${path}`]);
    await command.serving();
    const { renameSync } = await import('node:fs');
    renameSync(path, join(directory, 'old.sock'));
    const other = createServer().listen(path);
    t.after(() => other.close());
    await eventually('the other socket', () => (existsSync(path) ? true : undefined));
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0);
    assert.ok(existsSync(path));
  });

  test('when the start fails, what was bound is removed again', async (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    const command = new Command(t, ['--bind', `unix:${path}`, '--bind', '192.0.2.1:80']);
    assert.equal(await command.end(), 4);
    assert.equal(existsSync(path), false);
  });
});
