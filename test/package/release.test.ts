import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { root, temporaryDirectory } from '../helpers/processes.js';

/** A tree that may be published. */
function tree(t: TestContext): { put(path: string, text: string): string; problems(): string } {
  const directory = temporaryDirectory(t);
  const put = (path: string, text: string): string => {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const problems = (): string => {
    const args = [join(root, 'scripts/release-check.js'), directory];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, stderr === '' ? 0 : 1, stderr);
    return stderr;
  };
  put('package.json', '{ "version": "1.2.3", "repository": "somebody/something" }');
  put('CHANGELOG.md', '# Changelog\n\n## 1.2.3 - 2031-02-03\n');
  put('native/addon.cc', '');
  for (const arch of ['x64', 'arm64']) put(`prebuilds/linux-${arch}/chaussette-server.glibc.node`, '');
  return { put, problems };
}

test('a tree with a dated section, a repository and both binaries may be published', (t) => {
  assert.equal(tree(t).problems(), '');
});

test('an undated section, no repository and a missing or old binary are refused, each with what to do', (t) => {
  const { put, problems } = tree(t);
  put('CHANGELOG.md', '# Changelog\n\n## 1.2.3 - unreleased\n');
  put('package.json', '{ "version": "1.2.3" }');
  const later = Date.now() / 1000 + 60;
  utimesSync(put('native/addon.cc', ''), later, later);
  const found = problems();
  assert.match(found, /CHANGELOG\.md has no dated section: write "## 1\.2\.3 - YYYY-MM-DD"/);
  assert.match(found, /package\.json names no repository/);
  assert.match(found, /prebuilds\/linux-x64\/\S+ is older than native\/: run `npm run prebuilds -- x64`/);
  assert.match(found, /prebuilds\/linux-arm64\/\S+ is older than native\/: run `npm run prebuilds -- arm64`/);
});
