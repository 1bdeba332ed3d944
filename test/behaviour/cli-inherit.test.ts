import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command, FdParent, type Passed, parentBacklog } from '../helpers/command.js';
import { missing, temporaryDirectory } from '../helpers/processes.js';

const skip = missing('python3');

/** Serve on what is passed, ask once at `where`, end. */
async function serveOnce(t: TestContext, passed: Passed, args: readonly string[]) {
  const run = new FdParent(t, [passed], args);
  const [place] = await run.parent.serving();
  const { pid, ports } = await run.started();
  const where = passed.path === undefined ? { port: ports[0] } : { socketPath: passed.path };
  const reply = await ask(passed.kind === 'tcp6' ? { ...where, host: '::1' } : where);
  assert.equal(reply.status, 200);
  process.kill(pid, 'SIGTERM');
  const { status, sockets } = await run.ended();
  assert.equal(status, 0, run.parent.stderr);
  return { place, port: ports[0], state: sockets[0] };
}

for (const backend of ['native', 'http']) {
  describe(`an inherited socket, backend ${backend}`, { skip }, () => {
    const options = ['--backend', backend];
    for (const fd of [0, 3, 22]) {
      test(`TCP on fd ${fd}: served, its address shown, left non-blocking and listening`, async (t) => {
        const args = ['--fd', String(fd), ...options];
        const { place, port, state } = await serveOnce(t, { fd, kind: 'tcp' }, args);
        assert.equal(place, `fd://${fd} (127.0.0.1:${port})`);
        assert.equal(state?.nonblocking, true);
        assert.equal(state?.backlog, parentBacklog);
      });

      test(`Unix on fd ${fd}: served, never unlinked`, async (t) => {
        const path = join(temporaryDirectory(t), 'web.sock');
        const args = ['--bind', `fd://${fd}`, ...options];
        const { place, state } = await serveOnce(t, { fd, kind: 'unix', path }, args);
        assert.equal(place, `fd://${fd} (unix:${path})`);
        assert.deepEqual(state, { nonblocking: true, path_exists: true });
      });
    }

    test('IPv6 is shown in brackets', async (t) => {
      const { place, port } = await serveOnce(t, { fd: 9, kind: 'tcp6' }, ['--host', 'fd://9', ...options]);
      assert.equal(place, `fd://9 ([::1]:${port})`);
    });

    test('a bound socket that does not listen yet is made to', async (t) => {
      const args = ['--fd', '7', '--backlog', '33', ...options];
      const { state } = await serveOnce(t, { fd: 7, kind: 'tcp-bound' }, args);
      assert.equal(state?.backlog, 33);
    });
  });
}

describe('inherited sockets', { skip }, () => {
  test('a socket on fd 0 is taken away from it before the application is imported', async (t) => {
    const directory = temporaryDirectory(t);
    const seen = join(directory, 'stdin');
    const app = join(directory, 'app.mjs');
    writeFileSync(
      app,
      `import { readlinkSync, writeFileSync } from 'node:fs';
      writeFileSync(${JSON.stringify(seen)}, readlinkSync('/proc/self/fd/0'));
      export const app = (req, res) => res.end('ok');`,
    );
    const run = new FdParent(t, [{ fd: 0, kind: 'tcp' }], ['--fd', '0', `${app}:app`]);
    await run.parent.serving();
    assert.equal(readFileSync(seen, 'utf8'), '/dev/null');
    const { pid } = await run.started();
    assert.equal(readlinkSync(`/proc/${pid}/fd/0`), '/dev/null');
  });

  test('several are served at once, with one that we bind', async (t) => {
    const passed: Passed[] = [
      { fd: 0, kind: 'tcp' },
      { fd: 5, kind: 'tcp' },
    ];
    const args = ['--bind', 'fd://0', '--bind', 'fd://5', '--bind', '127.0.0.1:0'];
    const run = new FdParent(t, passed, args);
    const places = await run.parent.serving();
    const { ports } = await run.started();
    assert.deepEqual(places.slice(0, 2), [
      `fd://0 (127.0.0.1:${ports[0]})`,
      `fd://5 (127.0.0.1:${ports[1]})`,
    ]);
    const own = Number(places[2]?.split(':')[1]);
    for (const port of [...ports, own]) assert.equal((await ask({ port })).status, 200);
  });

  test('--address-family and --socket-type agree with the socket', async (t) => {
    const args = ['--fd', '7', '--address-family', 'AF_INET', '--socket-type', 'SOCK_STREAM', '--port', '1'];
    const { place } = await serveOnce(t, { fd: 7, kind: 'tcp' }, args);
    assert.match(place ?? '', /^fd:\/\/7 /);
  });

  test('without the addon it is served as well, and the backlog does not shrink', async (t) => {
    const env = { CHAUSSETTE_NO_NATIVE: '1' };
    const run = new FdParent(t, [{ fd: 7, kind: 'tcp' }], ['--fd', '7'], { env });
    assert.deepEqual(await run.parent.serving(), ['fd://7']);
    const { ports } = await run.started();
    assert.equal((await ask({ port: ports[0] })).status, 200);
    await run.signal('SIGTERM');
    const { status, sockets } = await run.ended();
    assert.equal(status, 0);
    assert.ok((sockets[0]?.backlog ?? 0) >= parentBacklog);
  });
});

describe('LISTEN_FDS', { skip }, () => {
  const passed: Passed[] = [
    { fd: 3, kind: 'tcp' },
    { fd: 4, kind: 'tcp' },
  ];

  test('with nothing said, all sockets are served', async (t) => {
    const run = new FdParent(t, passed, [], { names: 'web:api' });
    const places = await run.parent.serving();
    const { ports } = await run.started();
    assert.deepEqual(places, [`fd://3 (127.0.0.1:${ports[0]})`, `fd://4 (127.0.0.1:${ports[1]})`]);
  });

  test('sd:NAME is the one with that name', async (t) => {
    const run = new FdParent(t, passed, ['--bind', 'sd:api'], { names: 'web:api' });
    const places = await run.parent.serving();
    const { ports } = await run.started();
    assert.deepEqual(places, [`fd://4 (127.0.0.1:${ports[1]})`]);
  });

  test('an unknown name is an error with the names that there are', async (t) => {
    const run = new FdParent(t, passed, ['--bind', 'sd:nosuch'], { names: 'web:api' });
    assert.equal((await run.ended()).status, 4);
    assert.match(run.parent.stderr, /^chaussette: there is no socket sd:nosuch: systemd passed web, api\n/);
  });

  test('the variables do not reach the application', async (t) => {
    const directory = temporaryDirectory(t);
    const app = join(directory, 'app.mjs');
    writeFileSync(
      app,
      `const seen = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
      export const app = (req, res) => res.end(JSON.stringify(seen));`,
    );
    const run = new FdParent(t, passed, [`${app}:app`], { names: 'web:api' });
    await run.parent.serving();
    const { ports } = await run.started();
    assert.equal((await ask({ port: ports[0] })).text, '[]');
  });

  test('LISTEN_PID of another process: they are not ours', async (t) => {
    const command = new Command(t, ['--bind', 'sd:web'], { env: { LISTEN_PID: '1', LISTEN_FDS: '1' } });
    assert.equal(await command.end(), 4);
    assert.match(command.stderr, /systemd passed no socket/);
  });
});
