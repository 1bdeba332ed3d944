// Prebuilt binaries of the addon, where node-gyp-build finds them: prebuilds/linux-x64/chaussette-server.glibc.node.
//
//   node scripts/prebuild.js [x64 | arm64 …]      default: this machine's
//   node scripts/prebuild.js --built              of what build/ holds, whether it is up to date or not
//
// One Node-API binary serves every Node. Another architecture than this one is cross-compiled with Debian's
// g++-aarch64-linux-gnu or g++-x86-64-linux-gnu. A binary that needs more than glibc 2.28 is refused.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { newest, tooNew } from './glibc-floor.js';
import { findNodeGyp, headers } from './node-gyp.js';

const toolchains = { x64: 'x86_64-linux-gnu-', arm64: 'aarch64-linux-gnu-' };
const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { built: { type: 'boolean', default: false } },
});

try {
  for (const arch of positionals.length > 0 ? positionals : [process.arch]) prebuild(arch);
} catch (error) {
  console.error(`prebuild: ${error.message}`);
  process.exitCode = 1;
}

function prebuild(arch) {
  if (!(arch in toolchains)) {
    throw new Error(`there is no toolchain for ${arch}: name ${Object.keys(toolchains).join(' or ')}`);
  }
  const prefix = arch === process.arch ? '' : toolchains[arch];
  const built = compile(arch, prefix);
  const binary = join(root, `prebuilds/linux-${arch}/chaussette-server.glibc.node`);
  mkdirSync(dirname(binary), { recursive: true });
  run(`${prefix}strip`, ['--strip-unneeded', '-o', binary, built]);

  const table = run(`${prefix}objdump`, ['-T', binary]);
  const problems = tooNew(table);
  if (problems.length > 0) {
    rmSync(binary);
    throw new Error(
      `linux-${arch} would not load on glibc 2.28:\n  ${problems.join('\n  ')}\nsee native/core/glibc_floor.h`,
    );
  }
  console.log(
    `prebuilds/linux-${arch}: ${statSync(binary).size} bytes, needs at most ${newest(table).join(' ')}`,
  );
}

/** make builds only what is older than its sources. @returns The addon. */
function compile(arch, prefix) {
  const own = arch === process.arch;
  if (own && values.built) return join(root, 'build/Release/chaussette.node');
  const directory = own ? root : join(root, `build-${arch}`);
  if (!own) {
    mkdirSync(directory, { recursive: true });
    for (const name of ['binding.gyp', 'native', 'package.json', 'node_modules']) {
      if (!existsSync(join(directory, name))) symlinkSync(`../${name}`, join(directory, name));
    }
  }
  const gyp = findNodeGyp();
  if (gyp === undefined) throw new Error('node-gyp was not found beside npm or on the PATH');
  const tools = own
    ? {}
    : { CC: `${prefix}gcc`, CXX: `${prefix}g++`, AR: `${prefix}ar`, LINK: `${prefix}g++` };
  for (const step of ['configure', 'build']) {
    run(gyp.command, [...gyp.args, step, `--arch=${arch}`, '--jobs', 'max', ...headers()], directory, tools);
  }
  return join(directory, 'build/Release/chaussette.node');
}

function run(command, args, cwd = root, environment = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw new Error(`${command} could not be started: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}
