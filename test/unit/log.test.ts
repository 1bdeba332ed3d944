import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Log } from '../../lib/log.js';
import { temporaryDirectory } from '../helpers/processes.js';

test('the line of the original', (t) => {
  const file = join(temporaryDirectory(t), 'x.log');
  const log = new Log({ logLevel: 'info', logOutput: file, logFormat: 'text' });
  log.debug('no');
  log.info('yes');
  log.warning('careful');
  const stamp = `\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\[${process.pid}\\]`;
  const lines = new RegExp(`^${stamp} \\[INFO\\] yes\\n${stamp} \\[WARNING\\] careful\\n$`);
  assert.match(readFileSync(file, 'utf8'), lines);
});

test('JSON lines', (t) => {
  const file = join(temporaryDirectory(t), 'x.log');
  new Log({ logLevel: 'debug', logOutput: file, logFormat: 'json' }).error('two\nlines');
  const { time, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal(new Date(time).toISOString(), time);
  assert.deepEqual(rest, { pid: process.pid, level: 'error', message: 'two\nlines' });
});

test('reopen goes on in a new file', (t) => {
  const file = join(temporaryDirectory(t), 'x.log');
  const log = new Log({ logLevel: 'info', logOutput: file, logFormat: 'text' });
  log.info('old');
  renameSync(file, `${file}.1`);
  log.reopen();
  log.info('new');
  assert.match(readFileSync(`${file}.1`, 'utf8'), /old\n$/);
  assert.match(readFileSync(file, 'utf8'), /^[^\n]*new\n$/);
});

test('a file that cannot be opened is a usage error', () => {
  const options = { logLevel: 'info', logOutput: '/nonexistent/x', logFormat: 'text' } as const;
  assert.throws(() => new Log(options), { code: 'CHAUSSETTE_ERR_USAGE' });
});

test('a failure in JSON has its stack and its request in fields of their own', (t) => {
  const file = join(temporaryDirectory(t), 'log');
  const log = new Log({ logLevel: 'info', logOutput: file, logFormat: 'json' });
  log.failure('GET /a', new TypeError('no', { cause: new Error('why') }), { method: 'GET', target: '/a' });
  log.failure('Uncaught', 'a string');
  const [first, second] = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { time, stack, ...rest } = first;
  assert.match(time, /^\d{4}-\d\d-\d\dT/);
  assert.match(stack, /^TypeError: no\n {4}at [\s\S]*\[cause\]: Error: why/);
  assert.deepEqual(rest, {
    pid: process.pid,
    level: 'error',
    message: 'GET /a: TypeError: no',
    method: 'GET',
    target: '/a',
  });
  assert.equal(second.message, "Uncaught: 'a string'");
  assert.equal('stack' in second, false);
});
