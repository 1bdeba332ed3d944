import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseFixture, toBytes } from '../helpers/fixture.js';
import { modesOf } from './drive.js';
import { loadFixtures } from './load-fixtures.js';

const minimal = '# It works.\nrfc: 9112\nsend:\n  GET / HTTP/1.1\\r\\n\nexpect:\n  200\n  then open\n';

test('there are at least 300 fixtures, each with its RFC section', () => {
  const fixtures = loadFixtures();
  assert.ok(fixtures.length >= 300, String(fixtures.length));
  for (const { path, rfc } of fixtures) assert.match(rfc, /^\d{3,4}\b/, path);
});

test('every difference between the backends is in docs/server-behavior.md, with its reason', () => {
  const page = readFileSync(new URL('../../docs/server-behavior.md', import.meta.url), 'utf8');
  for (const { path, differences } of loadFixtures()) {
    const name = path.replace(/\.http$/, '');
    for (const [backend, { reason }] of differences) {
      const row = page.split('\n').find((line) => line.startsWith(`| ${backend} |`) && line.includes(reason));
      assert.ok(row?.includes(`\`${name}\``), `${name}: ${backend}: ${reason}`);
    }
  }
});

test('escapes become bytes', () => {
  assert.equal(toBytes('a\\r\\n\\t\\0\\\\\\"\\xff').toString('latin1'), 'a\r\n\t\0\\"\xff');
  assert.equal(toBytes('\\{3:a\\r\\n}b').toString('latin1'), 'a\r\na\r\na\r\nb');
  assert.throws(() => toBytes('\\q'), /no such escape/);
  assert.throws(() => toBytes('caf\u00e9'), /no such escape/);
});

test('a fixture is cut nowhere, at every byte, and at each offset', () => {
  const fixture = parseFixture('a.http', minimal);
  const names = modesOf(fixture).map((mode) => mode.name);
  assert.deepEqual(names.slice(0, 3), ['whole', 'bytewise', 'split@1']);
  assert.equal(names.length, 'GET / HTTP/1.1\r\n'.length + 1);
  assert.equal(modesOf(fixture)[1]?.cuts.size, 'GET / HTTP/1.1\r\n'.length - 1);
});

test('mistakes in a fixture are told with path and line', () => {
  const wrong = (from: string, to: string) => () => parseFixture('a.http', minimal.replace(from, to));
  assert.throws(wrong('# It works.\n', ''), /a\.http:1: the first line/);
  assert.throws(wrong('rfc: 9112\n', ''), /no rfc/);
  assert.throws(wrong('  200\n', '  2000\n'), /a\.http:5: not an expectation/);
  assert.throws(wrong('  then open\n', ''), /a\.http:5: `then open`/);
  assert.throws(wrong('send:', 'sent:'), /a\.http:3: unknown section/);
  assert.throws(wrong('rfc:', 'limits: nothing=1\nrfc:'), /a\.http:2: no such limit/);
});
