import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cleanEnvironment, root, temporaryDirectory } from '../helpers/processes.js';

/** A package with our install script, and a core of one line. */
function smallPackage(t: TestContext): string {
  const directory = temporaryDirectory(t);
  for (const file of [
    'package.json',
    'binding.gyp',
    'scripts/install.js',
    'scripts/node-gyp.js',
    'scripts/check-format-native.js',
  ]) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    copyFileSync(join(root, file), join(directory, file));
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  mkdirSync(join(directory, 'native'));
  writeFileSync(join(directory, 'native/sources.txt'), 'native/addon.cc\n');
  writeFileSync(join(directory, 'native/addon.cc'), 'int nothing;\n');
  return directory;
}

function run(directory: string, script: string, environment: Record<string, string> = {}) {
  const env = cleanEnvironment(environment);
  return spawnSync(process.execPath, [join(directory, script)], { cwd: directory, encoding: 'utf8', env });
}

test('without a compiler the installation succeeds, says why, and that http serves', (t) => {
  const directory = smallPackage(t);
  const { status, stderr } = run(directory, 'scripts/install.js', noCompiler);
  assert.equal(status, 0);
  const paragraph = stderr.slice(stderr.lastIndexOf('chaussette-server: '));
  assert.match(
    paragraph,
    /^chaussette-server: there is no native core: no prebuilt binary fits linux-\w+, and it was not built: node-gyp rebuild ended with 1: /,
  );
  assert.match(paragraph, /the `http` backend \(node:http\) will serve/);
  assert.match(paragraph, /npm rebuild chaussette-server/);
});

/** Put a prebuilt binary where the package carries it. */
function carry(directory: string, binary: Buffer | string): void {
  const prebuilds = join(directory, 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(prebuilds, { recursive: true });
  writeFileSync(join(prebuilds, 'chaussette-server.glibc.node'), binary);
}

const noCompiler = { CXX: 'no-such-compiler', CC: 'no-such-compiler' };

test('a prebuilt binary for this platform is used: nothing is built, nothing is said', (t) => {
  const directory = smallPackage(t);
  carry(directory, readFileSync(join(root, 'build/Release/chaussette.node')));
  const { status, stderr, stdout } = run(directory, 'scripts/install.js');
  assert.deepEqual({ status, stderr, stdout }, { status: 0, stderr: '', stdout: '' });
  assert.ok(!existsSync(join(directory, 'build')));
});

test('a prebuilt binary that does not load is built again, and the reason is told when that fails', (t) => {
  const directory = smallPackage(t);
  carry(directory, 'not a program');
  const { status, stderr } = run(directory, 'scripts/install.js', noCompiler);
  assert.equal(status, 0);
  assert.match(
    stderr,
    /there is no native core: the prebuilt binary does not load here \(.+\), and it was not built: /,
  );
});

test('a checkout, and who asks for it, builds from source whatever prebuilds/ holds', (t) => {
  const directory = smallPackage(t);
  carry(directory, readFileSync(join(root, 'build/Release/chaussette.node')));
  const asked = run(directory, 'scripts/install.js', {
    ...noCompiler,
    npm_config_build_from_source: 'chaussette-server',
  });
  assert.match(asked.stderr, /build-from-source is set, and it was not built/);
  mkdirSync(join(directory, 'lib'));
  const checkout = run(directory, 'scripts/install.js', noCompiler);
  assert.match(checkout.stderr, /this is a checkout, and it was not built/);
});

test('the format check of native/ says so when clang-format is not installed', (t) => {
  const directory = smallPackage(t);
  const { status, stdout } = run(directory, 'scripts/check-format-native.js', { PATH: directory });
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'skipped: clang-format is not installed\n' });
});

test('binding.gyp and CMakeLists.txt build the same sources with the same definitions', () => {
  const gyp = readFileSync(join(root, 'binding.gyp'), 'utf8');
  const cmake = readFileSync(join(root, 'CMakeLists.txt'), 'utf8');
  for (const text of [gyp, cmake]) assert.match(text, /native\/sources\.txt/);
  const definitions = JSON.parse(/"defines": (\[[^\]]*\])/.exec(gyp)?.[1] ?? '[]') as string[];
  assert.ok(definitions.length > 0);
  for (const definition of definitions)
    assert.ok(cmake.includes(definition), `${definition} in CMakeLists.txt`);
});

test("npm's stand-in for node-gyp, which does nothing by itself, is passed over", (t) => {
  const directory = temporaryDirectory(t);
  const folders = ['node-gyp-bin', 'bin'].map((name) => join(directory, name));
  for (const folder of folders) {
    mkdirSync(folder);
    writeFileSync(join(folder, 'node-gyp'), '');
  }
  const script = `process.execPath = '/nowhere/bin/node';
    import(${JSON.stringify(join(root, 'scripts/node-gyp.js'))})
      .then(({ findNodeGyp }) => console.log(JSON.stringify(findNodeGyp())));`;
  const env = cleanEnvironment({ PATH: folders.join(delimiter) });
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env });
  assert.deepEqual(JSON.parse(stdout), { command: join(directory, 'bin/node-gyp'), args: [] });
});
