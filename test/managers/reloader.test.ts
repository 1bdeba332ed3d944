// --use-reloader: the sockets stay open while the application is replaced, whatever becomes of the new one.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command, FdParent } from '../helpers/command.js';
import { Load } from '../helpers/load.js';
import { answers, eventually, root, temporaryDirectory } from '../helpers/processes.js';

const reloads = 50;

/** Answers what test/managers/apps/who.js answers; `/version` says which one it is. */
function writeVersion(directory: string, version: string, file = 'app.mjs'): void {
  const source = `
    import { app as who } from '${join(root, 'test/managers/apps/who.js')}';
    export const app = (req, res) => (req.url === '/version' ? res.end('${version}') : who(req, res));
  `;
  writeFileSync(join(directory, file), source);
}

async function serve(t: TestContext, args: readonly string[], file = 'app.mjs') {
  const directory = temporaryDirectory(t);
  writeVersion(directory, '0', file);
  const bind = args.includes('--bind') ? [] : ['--bind', '127.0.0.1:0'];
  const all = [`./${file}`, '--use-reloader', ...bind, ...args];
  const command = new Command(t, all, { cwd: directory });
  const [place = ''] = await command.serving();
  await command.line(/Watching /);
  return { command, directory, port: Number(place.split(':')[1]) };
}

function version(where: { port: number } | { socketPath: string }, wanted: string): Promise<true> {
  return eventually(`version ${wanted}`, async () => {
    const { text } = await ask({ ...where, path: '/version' });
    return text === wanted ? true : undefined;
  });
}

for (const backend of testedBackends) {
  describe(`reloader, backend ${backend}`, () => {
    test(`${reloads} reloads under load: no refused connection, nothing lost`, async (t) => {
      const { command, directory, port } = await serve(t, ['--backend', backend]);
      const load = new Load(t, { host: '127.0.0.1', port }, { keepAlive: 4, fresh: 4, path: '/wait?ms=2' });
      for (let n = 1; n <= reloads; n += 1) {
        writeVersion(directory, String(n));
        await load.until(`process ${n + 1} to answer`, () => load.byPid.size > n);
      }
      await load.stop();
      assert.deepEqual(load.failures, [], load.summary);
      t.diagnostic(`${reloads} reloads: ${load.answered} answered, ${load.repeated} repeated, 0 failed`);
      await version({ port }, String(reloads));
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0, command.stderr);
    });

    test('a syntax error is shown, and the version before goes on serving', async (t) => {
      const { command, directory, port } = await serve(t, ['--backend', backend]);
      writeFileSync(join(directory, 'app.mjs'), 'export const app = ;');
      await command.line(/SyntaxError: Unexpected token ';'/);
      await command.line(/could not be started \(exit code 3\): the one before goes on serving/);
      await version({ port }, '0');
      writeVersion(directory, '1');
      await version({ port }, '1');
      command.signal('SIGINT');
      assert.equal(await command.end(), 0, command.stderr);
    });
  });
}

describe('reloader', () => {
  test('a TypeScript application on a Unix socket; the file of the socket goes at the end', async (t) => {
    const socketPath = join(temporaryDirectory(t), 'web.sock');
    const { command, directory } = await serve(t, ['--bind', `unix:${socketPath}`], 'app.ts');
    await version({ socketPath }, '0');
    writeVersion(directory, '1', 'app.ts');
    await version({ socketPath }, '1');
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
    assert.equal(await answers({ path: socketPath }), false);
  });

  for (const fd of [0, 7]) {
    test(`an inherited socket on descriptor ${fd}: handed on, and left as it was`, async (t) => {
      const directory = temporaryDirectory(t);
      writeVersion(directory, '0');
      const args = [join(directory, 'app.mjs'), '--use-reloader', '--fd', String(fd)];
      const parent = new FdParent(t, [{ fd, kind: 'tcp' }], args);
      const [port = 0] = (await parent.started()).ports;
      await parent.parent.line(/Watching /);
      await version({ port }, '0');
      writeVersion(directory, '1');
      await version({ port }, '1');
      await parent.signal('SIGTERM');
      const { status, sockets } = await parent.ended();
      assert.equal(status, 0, parent.parent.stderr);
      assert.equal(sockets[0]?.nonblocking, true);
    });
  }

  test('threads: all of them are replaced', async (t) => {
    const { command, directory, port } = await serve(t, ['--threads', '2']);
    writeVersion(directory, '1');
    await version({ port }, '1');
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
  });

  test('the first start fails: its error and its exit code', async (t) => {
    const command = new Command(t, ['--use-reloader', '--port', '0', 'no.such.module']);
    assert.equal(await command.end(), 3);
    assert.match(command.stderr, /there is no module for "no\.such\.module"/);
  });

  test('a socket that is none: exit code 4, before any process is started', async (t) => {
    const command = new Command(t, ['--use-reloader', '--fd', '77']);
    assert.equal(await command.end(), 4);
    assert.match(command.stderr, /^chaussette: fd 77 is not open/);
  });

  test('when the reloader is killed, its process ends, in order', async (t) => {
    const { command, port } = await serve(t, []);
    const { pid } = JSON.parse((await ask({ port })).text) as { readonly pid: number };
    assert.notEqual(pid, command.child.pid);
    command.signal('SIGKILL');
    await command.line(/Stopping \(SIGTERM\)/);
    await eventually('the process to end', async () => !(await answers({ port })) || undefined);
  });

  test('what is no source, and what lies in node_modules, starts nothing anew', async (t) => {
    const { command, directory, port } = await serve(t, []);
    writeFileSync(join(directory, 'app.log'), 'line\n');
    mkdirSync(join(directory, 'node_modules'));
    writeFileSync(join(directory, 'node_modules/dependency.js'), '');
    writeVersion(directory, '1');
    await version({ port }, '1');
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
    assert.match(command.stderr, /Starting anew: \S*app\.mjs changed\n/);
    assert.doesNotMatch(command.stderr, /app\.log|dependency/);
  });
});
