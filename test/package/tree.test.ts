import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../helpers/processes.js';

// What lies in the tree fits together, and to every machine.

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

test('package-lock.json names no registry: npm takes each package from the one that is configured', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string }>>;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
  assert.ok(packages.length > 100);
  assert.deepEqual(
    packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    [],
  );
  assert.deepEqual(
    packages.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path),
    [],
  );
});

test('every file that a script of package.json runs is there', () => {
  const named = Object.values(manifest.scripts).flatMap(
    (script) => script.match(/\b(?:scripts|test|bench|bin)\/[\w./-]+|\S*tsconfig\.json/g) ?? [],
  );
  assert.ok(named.length > 8);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

test('shell scripts are shell', () => {
  const scripts = [
    '.ci/run',
    'scripts/sanitize.sh',
    ...readdirSync(join(root, 'test/fuzz'))
      .filter((name) => name.endsWith('.sh'))
      .map((name) => `test/fuzz/${name}`),
  ];
  for (const script of scripts) {
    const { status, stderr } = spawnSync('bash', ['-n', join(root, script)], { encoding: 'utf8' });
    assert.equal(`${status}${stderr}`, '0', script);
  }
});

test('every dependency has its reason in docs/dependencies.md', () => {
  const text = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
  const named = new Set([...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));
  const groups = [...named].filter((name) => name.endsWith('/*')).map((name) => name.slice(0, -1));
  const missing = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    (name) => !named.has(name) && !groups.some((group) => name.startsWith(group)),
  );
  assert.deepEqual(missing, []);
});
