import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import {
  chaussette,
  eventually,
  freePort,
  missing,
  Running,
  temporaryDirectory,
} from '../helpers/processes.js';

const skip = missing('systemd-socket-activate');

interface Who {
  readonly pid: number;
  readonly listen: readonly string[];
  readonly localPort: number;
}

/** The parent starts the command at the first connection, so it is asked until it listens. */
async function who(where: { port: number } | { socketPath: string }): Promise<Who> {
  const reply = await eventually('the socket to answer', async () => {
    try {
      return await ask({ path: '/who', ...where });
    } catch (error) {
      const refused = error instanceof Error && /ECONNREFUSED|ENOENT/.test(error.message);
      if (refused) return undefined;
      throw error;
    }
  });
  assert.equal(reply.status, 200);
  return JSON.parse(reply.text) as Who;
}

function activate(t: TestContext, listen: readonly string[], options: readonly string[]): Running {
  const args = listen.flatMap((address) => ['--listen', address]);
  const [node = '', script = ''] = chaussette.split(' ');
  const [names, own] = [
    options.filter((o) => o.startsWith('--fdname')),
    options.filter((o) => !/^--fdname/.test(o)),
  ];
  return new Running(t, 'systemd-socket-activate', [...args, ...names, node, script, ...own]);
}

/** Whatever the outcome, what the process printed belongs to a failure. */
async function within(running: Running, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw new Error(`the process printed:\n${running.output}`, { cause: error });
  }
}

for (const backend of testedBackends) {
  const application = ['--backend', backend, 'test.managers.apps.who:app'];

  describe(`systemd-socket-activate, ${backend}`, { skip }, () => {
    test('TCP, unnamed: LISTEN_FDS is used when nothing else is asked for', async (t) => {
      const port = await freePort();
      const running = activate(t, [`127.0.0.1:${port}`], application);
      await within(running, async () => {
        const { pid, listen, localPort } = await who({ port });
        assert.deepEqual({ pid, listen, localPort }, { pid: running.pid, listen: [], localPort: port });
        assert.equal(await running.stop(), '0');
        assert.match(running.output, new RegExp(`Serving on .*127\\.0\\.0\\.1:${port}`));
      });
    });

    test('Unix, unnamed: served, and left in place at the end', async (t) => {
      const socketPath = join(temporaryDirectory(t), 'web.sock');
      const running = activate(t, [socketPath], application);
      await within(running, async () => {
        assert.equal((await who({ socketPath })).pid, running.pid);
        assert.equal(await running.stop(), '0');
        assert.ok(existsSync(socketPath), 'the socket file belongs to the parent');
      });
    });

    test('TCP, named: --bind sd:NAME', async (t) => {
      const port = await freePort();
      const running = activate(
        t,
        [`127.0.0.1:${port}`],
        ['--fdname=web', ...application, '--bind', 'sd:web'],
      );
      await within(running, async () => {
        assert.equal((await who({ port })).localPort, port);
        assert.equal(await running.stop(), '0');
      });
    });

    test('TCP and Unix, named, both bound by name in another order', async (t) => {
      const port = await freePort();
      const socketPath = join(temporaryDirectory(t), 'admin.sock');
      const binds = ['--bind', 'sd:admin', '--bind', 'sd:web'];
      const names = ['--fdname=web:admin', ...application, ...binds];
      const running = activate(t, [`127.0.0.1:${port}`, socketPath], names);
      await within(running, async () => {
        assert.equal((await who({ port })).pid, running.pid);
        assert.equal((await who({ socketPath })).pid, running.pid);
        assert.equal(await running.stop(), '0');
      });
    });

    test('a name that systemd did not pass ends with exit code 4 and says which there are', async (t) => {
      const port = await freePort();
      const options = ['--fdname=web', ...application, '--bind', 'sd:nope'];
      const running = activate(t, [`127.0.0.1:${port}`], options);
      await within(running, async () => {
        await assert.rejects(who({ port }));
        assert.equal(await running.end(), '4');
        assert.match(running.output, /nope/);
        assert.match(running.output, /\bweb\b/);
      });
    });
  });
}
