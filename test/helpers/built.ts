import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Make sure that the tests run what the sources say: compile lib/ when dist/ is missing or older, build the addon
 *  when it is missing or older than native/.
 *  @returns undefined, or why the tests cannot run. */
export function ensureBuilt(root: string): string | undefined {
  return ensureDist(root) ?? ensureAddon(root);
}

function ensureDist(root: string): string | undefined {
  const built = modified(join(root, 'dist/cli.js'));
  if (built !== undefined && built >= newest(join(root, 'lib'))) return undefined;
  console.log('dist/ is missing or older than lib/: npm run build:ts');
  const log = npmRun(root, 'build:ts');
  return log === undefined ? undefined : `lib/ does not compile, so there is nothing to test:\n${log}`;
}

function ensureAddon(root: string): string | undefined {
  const elsewhere = process.env['CHAUSSETTE_ADDON'];
  if (elsewhere) {
    return existsSync(elsewhere)
      ? undefined
      : `CHAUSSETTE_ADDON=${elsewhere} does not exist: build it first, or unset it`;
  }
  const file = join(root, 'build/Release/chaussette.node');
  const built = modified(file);
  const sources = Math.max(newest(join(root, 'native')), modified(join(root, 'binding.gyp')) ?? 0);
  if (built !== undefined && built >= sources) return undefined;
  console.log('the addon is missing or older than native/: npm run build:native');
  const log = npmRun(root, 'build:native');
  if (log === undefined && modified(file) !== undefined) return undefined;
  return `the addon does not build (npm run build:native), so the native backend cannot be tested:\n${log ?? ''}`;
}

/** @returns undefined, or the end of what a script that failed has printed. */
function npmRun(root: string, script: string): string | undefined {
  const result = spawnSync('npm', ['run', '--silent', script], { cwd: root, encoding: 'utf8' });
  if (result.status === 0) return undefined;
  const text = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`;
  return text.trimEnd().split('\n').slice(-40).join('\n');
}

function modified(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** When the newest file in a directory was last changed. */
function newest(directory: string): number {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return Math.max(0, ...names.map((name) => modified(join(directory, name)) ?? 0));
}
