import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { root, temporaryDirectory } from '../helpers/processes.js';
import { fileOf } from './languages.js';
import { pagesOf } from './markdown.js';

/** Strict for TypeScript; of JavaScript, what is not annotated is not asked for. */
const settings = {
  compilerOptions: {
    target: 'ES2023',
    lib: ['ES2023'],
    module: 'NodeNext',
    moduleDetection: 'force',
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowJs: true,
    checkJs: true,
    allowImportingTsExtensions: true,
  },
};

test('the code on the pages has no type errors', (t) => {
  const directory = temporaryDirectory(t);
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  const paths = {
    'chaussette-server': [join(root, 'dist/index.d.ts')],
    'chaussette-server/wsgi-validate': [join(root, 'dist/interfaces/wsgi-validate.d.ts')],
  };
  for (const strict of [true, false]) {
    const options = { ...settings.compilerOptions, paths, noImplicitAny: strict };
    const include = strict ? ['**/*.ts', '**/*.mts'] : ['**/*.js', '**/*.mjs'];
    const file = join(directory, strict ? 'ts.json' : 'js.json');
    writeFileSync(file, JSON.stringify({ compilerOptions: options, include }));
  }
  for (const page of pagesOf(root)) {
    for (const block of page.blocks) {
      if (block.notRun !== undefined || !['js', 'ts'].includes(block.language)) continue;
      const folder = join(directory, page.path.replaceAll('/', '_').replace('.md', ''));
      cpSync(join(root, 'test/docs/fixture'), folder, { recursive: true, force: false });
      const path = join(folder, fileOf(block));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, block.text);
    }
  }
  for (const project of ['ts.json', 'js.json']) {
    const { status, stdout } = spawnSync(
      join(root, 'node_modules/.bin/tsc'),
      ['-p', join(directory, project)],
      {
        cwd: directory,
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, stdout);
  }
});
