import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { temporaryDirectory } from '../helpers/processes.js';

/** Says on standard output that a request has come; answers it when a file appears. */
const slowApp = `
  import { existsSync, writeSync } from 'node:fs';
  export const app = (req, res) => {
    writeSync(1, 'request\\n');
    const timer = setInterval(() => {
      if (!existsSync(new URL('go', import.meta.url))) return;
      clearInterval(timer);
      res.end('done');
    }, 5);
  };
  export const pre = (options) => { writeSync(1, 'pre ' + options.keepAlive + '\\n'); };
  export const post = async () => { writeSync(1, 'post\\n'); };
  export const failing = () => { throw new Error('no luck'); };
`;

async function serveSlow(t: TestContext, args: readonly string[]) {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), slowApp);
  const command = new Command(t, ['./app.mjs:app', '--bind', '127.0.0.1:0', ...args], { cwd: directory });
  const [place = ''] = await command.serving();
  const port = Number(place.split(':')[1]);
  const reply = ask({ port }).catch((error: Error) => error);
  await command.line(/^request$/m);
  return { command, reply, go: () => writeFileSync(join(directory, 'go'), '') };
}

for (const backend of ['native', 'http']) {
  describe(`the end, backend ${backend}`, () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      test(`${signal}: what is in flight is answered, then status 0`, async (t) => {
        const { command, reply, go } = await serveSlow(t, ['--backend', backend]);
        command.signal(signal);
        await command.line(/Stopping/);
        go();
        const answered = await reply;
        assert.ok(!(answered instanceof Error), String(answered));
        assert.equal(answered.text, 'done');
        assert.equal(answered.headers.connection, 'close');
        assert.equal(await command.end(), 0);
      });
    }

    test('a request that outlives --graceful-timeout is cut: status 7', async (t) => {
      const { command, reply } = await serveSlow(t, ['--backend', backend, '--graceful-timeout', '0.1']);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 7, command.stderr);
      assert.ok((await reply) instanceof Error);
      assert.match(command.stderr, /\[ERROR\] 1 request was cut/);
    });

    test('SIGQUIT stops now: status 7 with a request in flight', async (t) => {
      const { command, reply } = await serveSlow(t, ['--backend', backend]);
      command.signal('SIGQUIT');
      assert.equal(await command.end(), 7);
      assert.ok((await reply) instanceof Error);
    });

    test('the second SIGINT stops now', async (t) => {
      const { command, reply } = await serveSlow(t, ['--backend', backend]);
      command.signal('SIGINT');
      await command.line(/Stopping/);
      command.signal('SIGINT');
      assert.equal(await command.end(), 7);
      assert.ok((await reply) instanceof Error);
    });
  });
}

describe('the life of the command', () => {
  test('the three lines of the start, in order', async (t) => {
    const command = new Command(t, ['--bind', '127.0.0.1:0', '--backend', 'http']);
    await command.serving();
    const stamp = `\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\[${command.child.pid}\\] \\[INFO\\]`;
    const lines = [
      `${stamp} Application is .*`,
      `${stamp} Serving on 127\\.0\\.0\\.1:\\d+`,
      `${stamp} Using http as a backend`,
    ];
    assert.match(command.stderr, new RegExp(`^${lines.join('\\n')}\\n$`));
    assert.equal(command.stdout, '');
  });

  test('hooks run with the options, before the start and at the end', async (t) => {
    const hooks = ['--pre-hook', './app.mjs:pre', '--post-hook', './app.mjs:post', '--keep-alive', '3'];
    const { command, go } = await serveSlow(t, hooks);
    go();
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
    assert.equal(command.stdout, 'pre 3\nrequest\npost\n');
  });

  test('a hook that fails: status 6', async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, 'app.mjs'), slowApp);
    const args = ['./app.mjs:app', '--port', '0', '--pre-hook', './app.mjs:failing'];
    const command = new Command(t, args, { cwd: directory });
    assert.equal(await command.end(), 6);
    assert.equal(command.stderr, 'chaussette: --pre-hook ./app.mjs:failing failed: no luck\n');
  });

  test('what no handler catches is logged, and the process goes on serving', async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(
      join(directory, 'app.mjs'),
      `export const app = (req, res) => {
        if (req.url === '/throw') setImmediate(() => { throw new Error('out of turn'); });
        if (req.url === '/reject') Promise.reject(new Error('nobody cares'));
        res.end('ok');
      };`,
    );
    const command = new Command(t, ['./app.mjs:app', '--bind', '127.0.0.1:0'], { cwd: directory });
    const [place = ''] = await command.serving();
    const port = Number(place.split(':')[1]);
    await ask({ port, path: '/throw' });
    await command.line(/\[ERROR\] .*out of turn/);
    await ask({ port, path: '/reject' });
    await command.line(/\[ERROR\] .*nobody cares/);
    assert.equal((await ask({ port })).text, 'ok');
  });

  test('standard error that nobody reads any more does not end it', async (t) => {
    const { command, reply, go } = await serveSlow(t, ['--log-level', 'debug']);
    command.child.stderr?.destroy();
    command.signal('SIGTERM');
    go();
    assert.ok(!((await reply) instanceof Error));
    assert.equal(await command.end(), 0);
  });

  test('SIGHUP opens the log file again', async (t) => {
    const file = join(temporaryDirectory(t), 'x.log');
    const args = ['--bind', '127.0.0.1:0', '--log-output', file, '--log-format', 'json'];
    const command = new Command(t, args);
    const { eventually } = await import('../helpers/processes.js');
    await eventually(
      'the start',
      () => (existsSync(file) && /Using/.test(readFileSync(file, 'utf8'))) || undefined,
    );
    const rotated = `${file}.1`;
    renameSync(file, rotated);
    command.signal('SIGHUP');
    await eventually('the new file', () => existsSync(file) || undefined);
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0);
    const { message, level } = JSON.parse(readFileSync(file, 'utf8'));
    assert.deepEqual({ message, level }, { message: 'Stopping (SIGTERM)', level: 'info' });
    assert.equal(command.stderr, '');
  });

  test('--check loads everything and binds nothing', async (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    const command = new Command(t, ['--check', '--bind', `unix:${path}`]);
    assert.equal(await command.end(), 0);
    assert.match(command.stdout, /^Application is .*\nBackend is .*\n[\s\S]*Nothing was bound: --check\n$/);
    assert.equal(existsSync(path), false);
  });

  for (const [what, args, status, says] of [
    ['an application', ['./none.js:app'], 3, /none\.js/],
    ['a backend', ['--backend', 'none'], 5, /none/],
    ['a descriptor', ['--fd', '77'], 4, /fd 77 is not open/],
    ['a hook', ['--pre-hook', './none.js:hook'], 6, /--pre-hook/],
    ['a certificate', ['--tls-cert', './none.pem'], 2, /none\.pem/],
    ['a format', ['--access-log', '-', '--access-log-format', '%(nope)s'], 2, /has %\(nope\)s/],
    ['a paste file', ['paste:none.ini'], 3, /none\.ini/],
    ['a configuration file', ['--config', 'none.json'], 2, /none\.json/],
  ] as const) {
    test(`--check: ${what} that there is not is status ${status}`, async (t) => {
      const command = new Command(t, ['--check', ...args], { cwd: temporaryDirectory(t) });
      assert.equal(await command.end(), status, command.stderr);
      assert.match(command.stderr, says);
      assert.equal(command.stdout, '');
    });
  }

  test('--help fits 80 columns and lists every exit code', async (t) => {
    const command = new Command(t, ['--help']);
    assert.equal(await command.end(), 0);
    const lines = command.stdout.split('\n');
    assert.deepEqual(
      lines.filter((line) => line.length > 80),
      [],
    );
    for (let code = 0; code <= 7; code++) assert.ok(lines.some((line) => line.startsWith(`  ${code}  `)));
  });

  test('--version and --list-backends', async (t) => {
    const version = new Command(t, ['--version']);
    assert.equal(await version.end(), 0);
    assert.match(version.stdout, /^chaussette \d+\.\d+\.\d+\n$/);
    const list = new Command(t, ['--list-backends'], { env: { CHAUSSETTE_NO_NATIVE: '1' } });
    assert.equal(await list.end(), 0);
    assert.match(list.stdout, /^native\n {2}not available: CHAUSSETTE_NO_NATIVE=1 is set/m);
    assert.match(list.stdout, /^http \(the default\)\n {2}http\/1\.1/m);
  });
});
