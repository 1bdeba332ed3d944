// SO_REUSEPORT: the queue of a socket of our own must be empty, and stay so, before the socket closes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { missing, root } from '../helpers/processes.js';

const skip = missing('python3');

/** Who has the clients that came when the socket was about to close, after it has. */
async function clients(holder: 'let-go' | 'keep'): Promise<{ own: number; sibling: number }> {
  const helper = (name: string) => join(root, 'test/helpers', name);
  const child = [process.execPath, '--import', 'tsx', helper('quiet-child.ts')];
  const { stdout } = await promisify(execFile)('python3', [helper('reuse_port.py'), holder, ...child], {
    cwd: root,
  });
  return JSON.parse(stdout) as { own: number; sibling: number };
}

test('whoever connects before a socket of our own closes reaches a sibling', { skip }, async () => {
  assert.deepEqual(await clients('let-go'), { own: 0, sibling: 20 });
});

test('a socket that somebody else holds as well is left as it is', { skip }, async () => {
  const { own, sibling } = await clients('keep');
  assert.equal(own + sibling, 20);
  assert.ok(own > 0, `${own} of 20 on the shared socket`);
});
