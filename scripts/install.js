// The npm `install` script: the native core from a prebuilt binary where one fits, else from its sources.
// It never fails the installation: without the core, the `http` backend serves.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

if (prebuilt() === undefined) {
  const problem = build();
  if (problem !== undefined) explain(problem);
}

/** The prebuilt binary for this platform, if the package carries one; what `build/` holds does not count. */
function prebuilt() {
  process.env['PREBUILDS_ONLY'] = '1';
  try {
    return require('node-gyp-build').path(root);
  } catch {
    return undefined;
  }
}

/** Build from source. @returns undefined, or why it did not work. */
function build() {
  const gyp = findNodeGyp();
  if (gyp === undefined) return 'node-gyp was not found beside npm or on the PATH';
  const result = spawnSync(gyp.command, [...gyp.args, 'rebuild', ...headers()], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error !== undefined) return `${gyp.command} could not be started: ${result.error.message}`;
  if (result.status === 0) return undefined;
  process.stderr.write(result.stdout + result.stderr);
  return `node-gyp rebuild ended with ${result.status ?? result.signal}: ${cause(result.stdout + result.stderr)}`;
}

/** npm tells its scripts where its own node-gyp is; outside npm it lies beside the node in use, or on the PATH. */
function findNodeGyp() {
  const bundled = 'node_modules/npm/node_modules/node-gyp/bin/node-gyp.js';
  const beside = ['../lib', '.'].map((folder) => join(dirname(process.execPath), folder, bundled));
  for (const script of [process.env['npm_config_node_gyp'], ...beside]) {
    if (script && existsSync(script)) return { command: process.execPath, args: [script] };
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const command = join(folder, 'node-gyp');
    if (folder !== '' && existsSync(command)) return { command, args: [] };
  }
  return undefined;
}

/** Headers that came with the node in use spare node-gyp the download. */
function headers() {
  const folder = dirname(dirname(process.execPath));
  const version = join(folder, 'include/node/node_version.h');
  if (process.env['npm_config_nodedir'] || !existsSync(version)) return [];
  const [major, minor] = process.versions.node.split('.');
  const text = readFileSync(version, 'utf8');
  const same =
    text.includes(`NODE_MAJOR_VERSION ${major}\n`) && text.includes(`NODE_MINOR_VERSION ${minor}\n`);
  return same ? [`--nodedir=${folder}`] : [];
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
chaussette-server: the native core was not built: ${problem}
The installation goes on: the \`http\` backend (node:http) will serve, more slowly. For the native core, install
a C++20 compiler, make and Python 3 (Debian: apt-get install g++ make python3; Alpine: apk add g++ make python3),
then run \`npm rebuild chaussette-server\`.
`,
  );
}
