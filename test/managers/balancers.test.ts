// Real HAProxy and real nginx in front of several processes, which are replaced one after the other under load: by the
// examples, with other ports. No request may fail.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Balanced, balancer, configuration, freePorts } from '../helpers/balanced.js';
import { testAuthority } from '../helpers/certificates.js';
import { Load } from '../helpers/load.js';
import { missing, temporaryDirectory } from '../helpers/processes.js';

const workers = 3;
const application = 'test.managers.apps.who:app';
/** A client that is not the balancer. */
const client = '127.0.0.2';

/** Replace all, one after the other, each when its predecessor has ended and it answers through the balancer. */
async function replaceAll(balanced: Balanced, load: Load): Promise<void> {
  await load.until('every process to answer', () => balanced.pids.every((pid) => load.byPid.has(pid)));
  await load.more(300);
  for (let index = 0; index < workers; index += 1) {
    const { pid, status } = await balanced.replace(index);
    assert.equal(status, 0);
    await load.until('its successor to answer', () => load.byPid.has(pid));
    await load.more(100);
  }
  await load.more(300);
  await load.stop();
}

function judge(t: TestContext, load: Load, expectedRemote: string): void {
  t.diagnostic(load.numbers);
  assert.deepEqual(load.failures, [], load.summary);
  assert.equal(load.byPid.size, 2 * workers);
  assert.deepEqual([...load.byRemote.keys()], [expectedRemote]);
}

/** HAProxy by examples/haproxy.cfg. @param edit What a test has otherwise. */
async function haproxy(
  t: TestContext,
  backend: string,
  edit: (text: string) => string = (text) => text,
  more: readonly string[] = ['--proxy-protocol', '127.0.0.1'],
): Promise<{ readonly balanced: Balanced; readonly port: number }> {
  const directory = temporaryDirectory(t);
  const [port = 0, ...others] = await freePorts(1 + 2 * workers);
  const serving = others.slice(0, workers);
  const status = others.slice(workers);
  const balanced = new Balanced(t, (index) => [
    ...[application, '--backend', backend, ...more],
    ...['--bind', `127.0.0.1:${serving[index]}`, '--status', `127.0.0.1:${status[index]}`],
  ]);
  await balanced.start(workers);
  const places = (written: number, meant: readonly number[]) =>
    meant.map((value, index) => [`:${written + index}`, `:${value}`] as const);
  const checks = status.map((value, index) => [`port ${9101 + index}`, `port ${value}`] as const);
  const changes = [...places(8001, serving), ...checks, ['127.0.0.1:8080', `127.0.0.1:${port}`] as const];
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(file, edit(configuration('haproxy.cfg', Object.fromEntries(changes))));
  await balancer(t, 'haproxy', ['-f', file, '-db'], port);
  return { balanced, port };
}

async function nginx(t: TestContext, backend: string): Promise<{ balanced: Balanced; port: number }> {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755); // Its workers may be another user's.
  const [port = 0] = await freePorts(1);
  const balanced = new Balanced(t, (index) => [
    ...[
      application,
      '--backend',
      backend,
      '--forwarded-allow',
      'unix',
      '--unix-mode',
      '666',
      '--drain-delay',
      '1',
    ],
    ...['--bind', `unix:${join(directory, `${'abc'[index]}.sock`)}`],
  ]);
  await balanced.start(workers);
  const file = join(directory, 'nginx.conf');
  writeFileSync(
    file,
    configuration('nginx.conf', { '/run/chaussette': directory, '127.0.0.1:8080': `127.0.0.1:${port}` }),
  );
  await balancer(t, 'nginx', ['-p', directory, '-c', file, '-g', 'daemon off;'], port);
  return { balanced, port };
}

/** As kube-proxy: it only forwards bytes, asks nobody else when a connection is refused, and learns from the health check
 *  whom to leave out. */
function bytesOnly(text: string): string {
  return text
    .replace('mode http', 'mode tcp')
    .replace(/^.*(?:http-request|retry-on|redispatch|timeout http-).*\n/gm, '')
    .replace('retries 3', 'retries 0')
    .replace('inter 500ms', 'inter 200ms');
}

for (const backend of testedBackends) {
  describe(`HAProxy, ${backend}`, { skip: missing('haproxy') }, () => {
    test('rolling replacement with PROXY headers: no failed request', async (t) => {
      const { balanced, port } = await haproxy(t, backend);
      const target = { host: '127.0.0.1', port, localAddress: client };
      const load = new Load(t, target, { keepAlive: 12, fresh: 6, path: '/busy?ms=0.5' });
      await replaceAll(balanced, load);
      judge(t, load, client);
    });
  });

  describe(`nginx, ${backend}`, { skip: missing('nginx') }, () => {
    test('rolling replacement with kept connections: no failed request', async (t) => {
      const { balanced, port } = await nginx(t, backend);
      const target = { host: '127.0.0.1', port, localAddress: client };
      const load = new Load(t, target, { keepAlive: 12, fresh: 6, path: '/busy?ms=0.5' });
      await replaceAll(balanced, load);
      judge(t, load, client);
    });
  });
}

// What is between the balancer and us is the same on every backend; the bytes are compared in test/conformance/.
for (const backend of testedBackends.slice(0, 1)) {
  describe(`HAProxy with connections that clients share, ${backend}`, { skip: missing('haproxy') }, () => {
    const shared = (text: string): string =>
      text
        .replace(' send-proxy-v2', '')
        .replace('option redispatch 1', 'option redispatch 1\n    option forwardfor\n    http-reuse always');

    test('rolling replacement with X-Forwarded-For: no failed request', async (t) => {
      const { balanced, port } = await haproxy(t, backend, shared, ['--forwarded-allow', '127.0.0.1']);
      const target = { host: '127.0.0.1', port, localAddress: client };
      const load = new Load(t, target, { keepAlive: 12, fresh: 6, path: '/busy?ms=0.5' });
      await replaceAll(balanced, load);
      judge(t, load, client);
    });
  });

  describe(`HAProxy that passes TLS through, ${backend}`, { skip: missing('haproxy') }, () => {
    test('rolling replacement with PROXY headers in front of TLS: no failed request', async (t) => {
      const directory = temporaryDirectory(t);
      const { cert, key } = testAuthority().sign(['localhost']);
      const file = join(directory, 'cert.pem');
      writeFileSync(file, cert + key);
      const more = ['--proxy-protocol', '127.0.0.1', '--drain-delay', '4', '--tls-cert', file];
      const { balanced, port } = await haproxy(t, backend, bytesOnly, more);
      const target = { host: '127.0.0.1', port, localAddress: client };
      const secure = { ca: testAuthority().cert, servername: 'localhost' };
      const load = new Load(t, target, { keepAlive: 8, fresh: 4, path: '/busy?ms=0.5', secure });
      await replaceAll(balanced, load);
      judge(t, load, client);
    });
  });
}

describe('a balancer that asks nobody else when a connection is refused', {
  skip: missing('haproxy'),
}, () => {
  async function replaced(t: TestContext, delay: string): Promise<Load> {
    const args = ['--proxy-protocol', '127.0.0.1', '--drain-delay', delay];
    const { balanced, port } = await haproxy(t, 'native', bytesOnly, args);
    const target = { host: '127.0.0.1', port, localAddress: client };
    const load = new Load(t, target, { keepAlive: 6, fresh: 6, path: '/busy?ms=0.5' });
    await replaceAll(balanced, load);
    return load;
  }

  test('--drain-delay keeps a process serving until its health check has told: no failed request', async (t) => {
    judge(t, await replaced(t, '4'), client);
  });

  test('without it, requests are refused: what it is for', async (t) => {
    const load = await replaced(t, '0');
    t.diagnostic(load.numbers);
    assert.notEqual(load.failures.length, 0);
  });
});
