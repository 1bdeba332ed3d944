// clang-format over native/**/*.{h,cc}. `--write` formats; without it, a difference is an error.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = readdirSync(join(root, 'native'), { recursive: true })
  .map((name) => join('native', String(name)))
  .filter((name) => /\.(h|cc)$/.test(name))
  .sort();
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '-Werror'];

const command = ['clang-format', 'clang-format-14'].find(
  (name) => spawnSync(name, ['--version']).error === undefined,
);
if (command === undefined) {
  console.log('skipped: clang-format is not installed');
} else if (files.length > 0) {
  const result = spawnSync(command, [...mode, '--style=file', ...files], { cwd: root, stdio: 'inherit' });
  const verb = mode[0] === '-i' ? 'formatted' : 'checked the format of';
  if (result.status === 0) console.log(`${command} ${verb} ${files.length} files in native/`);
  else {
    console.error('native/: run `npm run format` to format these files');
    process.exitCode = 1;
  }
}
