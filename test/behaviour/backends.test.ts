import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { root, temporaryDirectory } from '../helpers/processes.js';

/** A directory with `chaussette-backend-plain`, the example of a third-party backend, installed. */
function installed(t: TestContext): string {
  const directory = temporaryDirectory(t);
  const packages = join(directory, 'node_modules');
  mkdirSync(packages);
  cpSync(join(root, 'examples/chaussette-backend-plain'), join(packages, 'chaussette-backend-plain'), {
    recursive: true,
  });
  return directory;
}

test('--backend finds a package in the working directory, or in the module path', async (t) => {
  const directory = installed(t);
  const ways = [
    { args: [], cwd: directory },
    { args: ['--module-path', directory], cwd: root },
  ];
  for (const { args, cwd } of ways) {
    const command = new Command(t, ['--backend', 'plain', '--bind', '127.0.0.1:0', ...args], { cwd });
    const [place = ''] = await command.serving();
    await command.line(/Using plain as a backend/);
    const answer = await ask({ port: Number(place.split(':')[1]) });
    assert.equal(answer.status, 200);
    assert.match(answer.text, /hello/i);
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
  }
});

test('what a package cannot do is said before anything is bound', async (t) => {
  const directory = installed(t);
  const command = new Command(t, ['--backend', 'plain', '--threads', '2', '--port', '0', '--check'], {
    cwd: directory,
  });
  assert.equal(await command.end(), 2);
  assert.match(
    command.stderr,
    /--threads 2 needs a backend with the capability threads, which plain does not/,
  );
});

test('a package that is not there, or is no backend, is named', async (t) => {
  const directory = installed(t);
  const broken = join(directory, 'node_modules/chaussette-backend-broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'index.mjs'), 'export default { capabilities: ["magic"], start() {} };');
  writeFileSync(join(broken, 'package.json'), '{ "exports": "./index.mjs" }');
  const mistakes = [
    ['apache', /there is no backend "apache"\n.* install a package chaussette-backend-apache/],
    ['broken', /the backend broken cannot be used: the default export of .*broken\/index\.mjs must be/],
  ] as const;
  for (const [name, pattern] of mistakes) {
    const command = new Command(t, ['--backend', name, '--port', '0'], { cwd: directory });
    assert.equal(await command.end(), 5);
    assert.match(command.stderr, pattern);
  }
});

test('--list-backends tells capabilities and aliases', async (t) => {
  const command = new Command(t, ['--list-backends']);
  assert.equal(await command.end(), 0);
  assert.match(
    command.stdout,
    /^native \(the default\)\n {2}http\/1\.1, unix, .*\n {2}also called bjoern, /m,
  );
  assert.match(command.stdout, /^http\n {2}http\/1\.1, .*\n {2}also called wsgiref$/m);
  assert.ok(command.stdout.split('\n').every((line) => line.length <= 80));
});
