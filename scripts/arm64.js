// The prebuilt arm64 binary at work, on a machine that is none: `npm run test:arm64`. It is cross-compiled, Node for
// arm64 comes from npm, and qemu-user runs both: the command, then every conformance fixture on the native backend, plain
// and over TLS. Debian: g++-aarch64-linux-gnu, qemu-user.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode } from './node-versions.js';

const root = fileURLToPath(new URL('..', import.meta.url));

try {
  run(process.execPath, ['scripts/prebuild.js', 'arm64']);
  const found = findNode('20', 'arm64');
  if ('reason' in found) throw new Error(found.reason);
  const emulated = ['-L', '/usr/aarch64-linux-gnu', found.node];
  const environment = {
    PREBUILDS_ONLY: '1',
    CONFORMANCE_BACKEND: 'native',
    CONFORMANCE_MODE: 'whole',
    // What tsx starts is a program of this machine.
    ESBUILD_BINARY_PATH: join(root, `node_modules/@esbuild/linux-${process.arch}/bin/esbuild`),
  };
  const listed = run('qemu-aarch64', [...emulated, 'bin/chaussette.js', '--list-backends'], environment);
  if (!listed.startsWith('native (the default)')) throw new Error(`native is not the default:\n${listed}`);
  const fixtures = 'test/conformance/conformance.test.ts';
  const report = run('qemu-aarch64', [...emulated, '--import', 'tsx', fixtures], environment);
  const passed = Number(/^# pass (\d+)$/m.exec(report)?.[1] ?? 0);
  if (passed === 0) throw new Error(`no fixture ran:\n${report}`);
  console.log(`arm64: native is the default backend, ${passed} fixtures passed`);
} catch (error) {
  console.error(`arm64: ${error.message}`);
  process.exitCode = 1;
}

/** @returns What it printed. */
function run(command, args, environment = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw new Error(`${command} could not be started: ${error.message}`);
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${status ?? signal}:\n${stdout}${stderr}`);
  return stdout;
}
