// The npm `install` script: nothing where a prebuilt binary of the native core loads, else a build from its sources.
// It never fails the installation: without the core, the `http` backend serves. The package works without this script
// (--ignore-scripts) wherever a prebuilt binary fits.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodeGyp, headers } from './node-gyp.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

const why = reasonToBuild();
if (why !== undefined) {
  const problem = build();
  if (problem !== undefined) explain(`${why}, and it was not built: ${problem}`);
}

/** @returns undefined when a prebuilt binary serves. */
function reasonToBuild() {
  // The sources of a checkout count, whatever lies in its prebuilds/.
  if (existsSync(join(root, 'lib'))) return 'this is a checkout';
  const asked = process.env['npm_config_build_from_source'];
  if (asked === 'true' || asked?.split(',').includes('chaussette-server')) return 'build-from-source is set';
  process.env['PREBUILDS_ONLY'] = '1';
  let binary;
  try {
    binary = require('node-gyp-build').path(root);
  } catch {
    return `no prebuilt binary fits ${process.platform}-${process.arch}`;
  }
  // In a process of its own: a binary for another libc may do worse than throw.
  const load = `process.dlopen({ exports: {} }, ${JSON.stringify(binary)})`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', load], { encoding: 'utf8' });
  if (status === 0) return undefined;
  const line = /^Error: (.*)/m.exec(stderr ?? '')?.[1] ?? 'the process ended';
  return `the prebuilt binary does not load here (${line})`;
}

/** Build from source. @returns undefined, or why it did not work. */
function build() {
  const gyp = findNodeGyp();
  if (gyp === undefined) return 'node-gyp was not found beside npm or on the PATH';
  const result = spawnSync(gyp.command, [...gyp.args, 'rebuild', '--jobs', 'max', ...headers()], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error !== undefined) return `${gyp.command} could not be started: ${result.error.message}`;
  if (result.status === 0) return undefined;
  process.stderr.write(result.stdout + result.stderr);
  return `node-gyp rebuild ended with ${result.status ?? result.signal}: ${cause(result.stdout + result.stderr)}`;
}

/** The line of a build log that people look for: the compiler's first error, else node-gyp's. */
function cause(log) {
  const lines = log.split('\n').map((line) => line.trim());
  const first =
    lines.find((line) => /\berror: /.test(line)) ?? lines.find((line) => line.startsWith('gyp ERR! stack'));
  return (first ?? 'see the lines above').replace(/^gyp ERR! stack /, '');
}

function explain(problem) {
  process.stderr.write(
    `
chaussette-server: there is no native core: ${problem}
The installation goes on: the \`http\` backend (node:http) will serve, more slowly. For the native core, install
a C++20 compiler, make and Python 3 (Debian: apt-get install g++ make python3; Alpine: apk add g++ make python3),
then run \`npm rebuild chaussette-server\`.
`,
  );
}
