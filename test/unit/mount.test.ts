import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseMount } from '../../lib/app/mount.js';
import { MountTable, parsePlace, showPlace } from '../../lib/app/mount-table.js';
import { ChaussetteError } from '../../lib/errors.js';

describe('a place', () => {
  const places: readonly (readonly [string, string, string])[] = [
    ['/', '', ''],
    ['/blog', '', '/blog'],
    ['/blog/', '', '/blog'],
    ['//a///b/', '', '/a/b'],
    ['domain Example.com', 'example.com', ''],
    ['domain example.com /blog', 'example.com', '/blog'],
    ['domain example.com port 8080 /', 'example.com:8080', ''],
    ['http://example.com:81/x', 'example.com:81', '/x'],
    ['http://example.com', 'example.com', ''],
  ];
  for (const [text, host, path] of places) {
    test(text, () => assert.deepEqual(parsePlace(text), { host, path }));
  }

  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    ['blog', /must begin with \//],
    ['/a /b', /two of path: \/a and \/b/],
    ['domain', /nothing behind "domain"/],
    ['port 80 /', /a port needs a domain/],
    ['domain a port http', /"http" is not a port/],
    ['/a?b', /\?, # or a space/],
  ];
  for (const [text, message] of mistakes) {
    test(`mistake: ${JSON.stringify(text)}`, () => assert.throws(() => parsePlace(text), message));
  }
});

test('the longest prefix of the most particular host is found', () => {
  const table = new MountTable<string>();
  const texts = [
    '/',
    '/blog',
    '/blog/admin',
    'domain a.com /',
    'domain a.com /blog',
    'domain a.com port 81 /x',
  ];
  for (const text of texts) assert.ok(table.add(parsePlace(text), text));
  assert.equal(table.add(parsePlace('/blog/'), 'twice'), false);
  const found = (host: string, path: string) => table.find(host, '80', path);
  assert.equal(found('b.com', '/'), '/');
  assert.equal(found('', '/blogs'), '/');
  assert.equal(found('b.com', '/blog'), '/blog');
  assert.equal(found('b.com', '/blog/'), '/blog');
  assert.equal(found('b.com', '/blog/administration'), '/blog');
  assert.equal(found('b.com', '/blog/admin/x'), '/blog/admin');
  assert.equal(found('a.com', '/blog/admin/x'), 'domain a.com /blog');
  assert.equal(found('A.com:80', '/other'), 'domain a.com /');
  assert.equal(found('a.com:81', '/x'), 'domain a.com port 81 /x');
  assert.equal(found('a.com:81', '/y'), 'domain a.com /');
  assert.equal(found('[::1]:80', '/blog'), '/blog');
  assert.equal(showPlace(parsePlace('/')), '/');
});

test('--mount', () => {
  assert.deepEqual(parseMount('/a=b.app'), { place: { host: '', path: '/a' }, value: 'b.app' });
  assert.deepEqual(parseMount('http://h/a=paste:x.ini#y').value, 'paste:x.ini#y');
  for (const text of ['/a', '/a=', 'a=b', '=b']) {
    assert.throws(
      () => parseMount(text),
      (error) =>
        error instanceof ChaussetteError &&
        error.code === 'CHAUSSETTE_ERR_USAGE' &&
        error.message.includes(text),
    );
  }
});
