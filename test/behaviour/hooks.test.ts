// --pre-hook and --post-hook: what has been set up is taken down, whatever ends the server in between.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { temporaryDirectory } from '../helpers/processes.js';

const module = `
  import { writeSync } from 'node:fs';
  const say = (text) => writeSync(1, text + '\\n');
  export const app = (req) => say('request');
  export const pre = async ({ keepAlive }) => { await null; say('pre ' + keepAlive); };
  export const post = async ({ keepAlive }) => { await null; say('post ' + keepAlive); };
  export const failing = () => { say('failing'); throw new Error('no luck'); };
  export const missing = undefined;
`;

/** An application that never answers, with both hooks. */
function start(t: TestContext, args: readonly string[], hooks = ['pre', 'post']): Command {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), module);
  const [pre, post] = hooks.map((name) => `./app.mjs:${name}`);
  const given = ['--keep-alive', '3', '--pre-hook', pre ?? '', '--post-hook', post ?? ''];
  return new Command(t, ['./app.mjs:app', ...given, ...args], { cwd: directory });
}

/** As `start`, with a request in flight. */
async function startBusy(t: TestContext, args: readonly string[] = []): Promise<Command> {
  const command = start(t, ['--bind', '127.0.0.1:0', ...args]);
  const [place = ''] = await command.serving();
  ask({ port: Number(place.split(':')[1]) }).catch(() => {});
  await command.line(/request\n/);
  return command;
}

describe('hooks', () => {
  test('the port is taken: status 4, and the post-hook runs', async (t) => {
    const other = createServer().listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const command = start(t, ['--bind', `127.0.0.1:${port}`]);
    assert.equal(await command.end(), 4, command.stderr);
    assert.equal(command.stdout, 'pre 3\npost 3\n');
  });

  test('requests are cut at the end of the drain: status 7, and the post-hook runs', async (t) => {
    const command = await startBusy(t, ['--graceful-timeout', '0.1']);
    command.signal('SIGTERM');
    assert.equal(await command.end(), 7, command.stderr);
    assert.equal(command.stdout, 'pre 3\nrequest\npost 3\n');
  });

  test('SIGQUIT: status 7, and the post-hook runs', async (t) => {
    const command = await startBusy(t);
    command.signal('SIGQUIT');
    assert.equal(await command.end(), 7, command.stderr);
    assert.equal(command.stdout, 'pre 3\nrequest\npost 3\n');
  });

  test('a certificate that cannot be read: status 2, and the post-hook runs', async (t) => {
    const command = start(t, ['--bind', '127.0.0.1:0', '--tls-cert', './none.pem']);
    assert.equal(await command.end(), 2, command.stderr);
    assert.equal(command.stdout, 'pre 3\npost 3\n');
  });

  test('with threads, once for all of them', async (t) => {
    const command = start(t, ['--bind', '127.0.0.1:0', '--threads', '2']);
    await command.serving();
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
    assert.equal(command.stdout, 'pre 3\npost 3\n');
  });

  test('the pre-hook throws: status 6; nothing was set up, so the post-hook does not run', async (t) => {
    const command = start(t, ['--bind', '127.0.0.1:0'], ['failing', 'post']);
    assert.equal(await command.end(), 6);
    assert.equal(command.stdout, 'failing\n');
    assert.equal(command.stderr, 'chaussette: --pre-hook ./app.mjs:failing failed: no luck\n');
  });

  test('there is no such post-hook: status 6, before the pre-hook runs', async (t) => {
    const command = start(t, ['--bind', '127.0.0.1:0'], ['pre', 'none']);
    assert.equal(await command.end(), 6);
    assert.equal(command.stdout, '');
    assert.match(command.stderr, /--post-hook .*none/);
  });

  test('the post-hook throws: status 6', async (t) => {
    const command = start(t, ['--bind', '127.0.0.1:0'], ['pre', 'failing']);
    await command.serving();
    command.signal('SIGTERM');
    assert.equal(await command.end(), 6);
    assert.equal(command.stdout, 'pre 3\nfailing\n');
    assert.match(command.stderr, /--post-hook .\/app.mjs:failing failed: no luck/);
  });

  test('a hook that is no function: status 6', async (t) => {
    const command = start(t, ['--bind', '127.0.0.1:0'], ['missing', 'post']);
    assert.equal(await command.end(), 6);
    assert.match(command.stderr, /--pre-hook .*missing/);
  });
});
