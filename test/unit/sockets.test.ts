import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChaussetteError } from '../../lib/errors.js';
import { formatAddress, parseAddress, parseDescriptor, parseHost } from '../../lib/sockets/address.js';
import { lookUpOwner } from '../../lib/sockets/owner.js';
import { socketsNamed, takeActivation } from '../../lib/sockets/systemd.js';

describe('addresses', () => {
  const valid: Readonly<Record<string, ReturnType<typeof parseAddress>>> = {
    '127.0.0.1:80': { kind: 'tcp', host: '127.0.0.1', port: 80 },
    '[::1]:80': { kind: 'tcp', host: '::1', port: 80 },
    '[fe80::1%lo]:80': { kind: 'tcp', host: 'fe80::1%lo', port: 80 },
    'localhost:0': { kind: 'tcp', host: 'localhost', port: 0 },
    ':80': { kind: 'tcp', host: '', port: 80 },
    '*:80': { kind: 'tcp', host: '', port: 80 },
    'unix:/run/web.sock': { kind: 'unix', path: '/run/web.sock' },
    'unix:///run/web.sock': { kind: 'unix', path: '/run/web.sock' },
    'unix:web.sock': { kind: 'unix', path: 'web.sock' },
    'unix:@web': { kind: 'unix', path: '@web' },
    'fd://3': { kind: 'fd', fd: 3 },
    'sd:web': { kind: 'systemd', name: 'web' },
  };
  for (const [text, address] of Object.entries(valid)) {
    test(text, () => {
      assert.deepEqual(parseAddress(text), address);
      assert.deepEqual(parseAddress(formatAddress(address)), address);
    });
  }

  for (const text of [
    '',
    'x',
    '80',
    '::1',
    'a:b',
    'a:65536',
    '[x]:80',
    'a/b:80',
    'unix:',
    'fd://x',
    'fd://-1',
    'sd:',
  ]) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.throws(() => parseAddress(text), { code: 'CHAUSSETTE_ERR_USAGE' });
    });
  }

  test('--host takes what the original takes', () => {
    assert.deepEqual(parseHost('fd://3', 8080), { kind: 'fd', fd: 3 });
    assert.deepEqual(parseHost('unix:/x', 8080), { kind: 'unix', path: '/x' });
    assert.deepEqual(parseHost('::1', 80), { kind: 'tcp', host: '::1', port: 80 });
    assert.deepEqual(parseHost('[::1]', 80), { kind: 'tcp', host: '::1', port: 80 });
  });

  test('what a manager did not expand is told, with what to write', () => {
    for (const text of ['$(socket:web)', '((circus.sockets.web))', '$(circus.sockets.web)']) {
      assert.throws(
        () => parseDescriptor(text),
        (error) => error instanceof ChaussetteError && /\$\(circus\.sockets\.web\)/.test(error.hint ?? ''),
      );
    }
  });
});

describe('systemd', () => {
  test('the variables are read once and removed', () => {
    const env = { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:api', OTHER: 'x' };
    const activation = takeActivation(env, 7);
    assert.deepEqual(env, { OTHER: 'x' });
    assert.deepEqual(activation.sockets, [
      { fd: 3, name: 'web' },
      { fd: 4, name: 'api' },
    ]);
    assert.deepEqual(socketsNamed(activation, 'api'), [4]);
  });

  test('one name may stand for several sockets; without names all are unknown', () => {
    const shared = takeActivation({ LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:web' }, 7);
    assert.deepEqual(socketsNamed(shared, 'web'), [3, 4]);
    const unnamed = takeActivation({ LISTEN_PID: '7', LISTEN_FDS: '1' }, 7);
    assert.deepEqual(socketsNamed(unnamed, 'unknown'), [3]);
  });

  test('what is meant for another process is not ours, and removed as well', () => {
    const env = { LISTEN_PID: '8', LISTEN_FDS: '1' };
    const activation = takeActivation(env, 7);
    assert.deepEqual(activation.sockets, []);
    assert.match(activation.absence, /LISTEN_PID is 8/);
    assert.deepEqual(env, {});
  });
});

test('owners by name and by number', () => {
  assert.deepEqual(lookUpOwner('root'), { uid: 0, gid: 0 });
  assert.deepEqual(lookUpOwner('root:root'), { uid: 0, gid: 0 });
  assert.deepEqual(lookUpOwner('12:34'), { uid: 12, gid: 34 });
  assert.deepEqual(lookUpOwner(':34'), { uid: -1, gid: 34 });
  assert.throws(() => lookUpOwner('no-such-user'), { code: 'CHAUSSETTE_ERR_USAGE' });
});
