import assert from 'node:assert/strict';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type DescriptorInfo, descriptors } from '../../lib/native/binding.js';
import { temporaryDirectory } from '../helpers/processes.js';

const functions = descriptors();
const EBADF = -9;
const ENOTSOCK = -88;
const EADDRINUSE = -98;
const ECONNREFUSED = -111;

function inspect(fd: number): DescriptorInfo {
  const info = functions.inspect(fd);
  assert.equal(typeof info, 'object', `inspect(${fd}) is ${info}`);
  return info as DescriptorInfo;
}

/** The flags of open(2), from /proc. */
function flags(fd: number): number {
  return Number.parseInt(
    /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '',
    8,
  );
}

const nonblock = 0o4000;
const cloexec = 0o2000000;

describe('inspect', () => {
  test('a closed descriptor is a negated errno', () => assert.equal(functions.inspect(9999), EBADF));

  test('what is no socket has a kind and nothing else', (t) => {
    const directory = temporaryDirectory(t);
    const kinds: readonly [string, string, string][] = [
      [join(directory, 'x'), 'w', 'file'],
      [directory, 'r', 'directory'],
      ['/dev/null', 'r', 'character device'],
    ];
    for (const [path, mode, kind] of kinds) {
      const fd = openSync(path, mode);
      assert.deepEqual(inspect(fd), { kind });
      assert.equal(functions.adopt(fd, 1), ENOTSOCK);
      closeSync(fd);
    }
  });
});

describe('listenTcp', () => {
  for (const [address, family] of [
    ['127.0.0.1', 'inet'],
    ['::1', 'inet6'],
  ] as const) {
    test(`${address}: listening, non-blocking, close-on-exec`, () => {
      const fd = functions.listenTcp(address, 0, 16, true);
      const { port, ...rest } = inspect(fd);
      assert.ok((port ?? 0) > 0);
      assert.deepEqual(rest, {
        kind: 'socket',
        family,
        type: 'stream',
        bound: true,
        listening: true,
        reusePort: false,
        address,
      });
      assert.equal(flags(fd) & (nonblock | cloexec), nonblock | cloexec);
      assert.equal(functions.listenTcp(address, port ?? 0, 16, true), EADDRINUSE);
      assert.equal(functions.close(fd), 0);
      assert.equal(functions.close(fd), EBADF);
    });
  }

  test('a name is not looked up', () => assert.ok(functions.listenTcp('localhost', 0, 1, true) < 0));
});

describe('listenUnix and probeUnix', () => {
  test('a path: mode, probe, leftover', (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    const fd = functions.listenUnix(path, 4, 0o640);
    assert.deepEqual(inspect(fd), {
      kind: 'socket',
      family: 'unix',
      type: 'stream',
      bound: true,
      listening: true,
      reusePort: false,
      path,
    });
    assert.equal(statSync(path).mode & 0o777, 0o640);
    assert.equal(functions.probeUnix(path), 0);
    assert.equal(functions.listenUnix(path, 4, -1), EADDRINUSE);
    assert.ok(existsSync(path));
    functions.close(fd);
    assert.equal(functions.probeUnix(path), ECONNREFUSED);
  });

  test('a full backlog counts as an answer', (t) => {
    const path = join(temporaryDirectory(t), 'web.sock');
    const fd = functions.listenUnix(path, 1, -1);
    const clients = Array.from({ length: 2 }, () => connect(path));
    for (let tries = 0; tries < 8; tries++) assert.equal(functions.probeUnix(path), 0);
    for (const client of clients) client.on('error', () => {}).destroy();
    functions.close(fd);
  });

  test('the abstract namespace', () => {
    const fd = functions.listenUnix(`@chaussette-test-${process.pid}`, 4, -1);
    assert.equal(inspect(fd).path, `@chaussette-test-${process.pid}`);
    functions.close(fd);
  });

  test('a path that is too long, or empty', () => {
    assert.ok(functions.listenUnix(`/${'x'.repeat(108)}`, 4, -1) < 0);
    assert.ok(functions.listenUnix('', 4, -1) < 0);
  });
});

test('adopt leaves a high descriptor where it is', () => {
  const fd = functions.listenTcp('127.0.0.1', 0, 16, true);
  const { ino } = fstatSync(fd);
  assert.equal(functions.adopt(fd, 999), fd);
  assert.equal(fstatSync(fd).ino, ino);
  functions.close(fd);
});
