// The API reference, as HTML in build-api/: `npm run docs:api`. A public name without a docstring, a link to nothing or a
// type that is not exported is an error.
//
// TypeDoc reads programs through TypeScript's JavaScript API, which TypeScript 7 does not have, and wants a TypeScript of
// its own beside it: both come from npm into .cache/typedoc.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = ['typedoc@0.28.20', 'typescript@6.0.3'];
const directory = join(root, '.cache', packages.join('-').replaceAll('@', '-'));
const typedoc = join(directory, 'node_modules/typedoc/bin/typedoc');

if (!existsSync(typedoc)) {
  mkdirSync(directory, { recursive: true });
  const flags = ['--prefix', directory, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
  run('npm', ['install', ...flags, ...packages]);
}
run(process.execPath, [typedoc, '--options', join(root, 'scripts/typedoc.json'), ...process.argv.slice(2)]);

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) console.error(`docs:api: ${command} could not be started: ${error.message}`);
  if (status !== 0) process.exit(1);
}
