import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { root } from './specs.js';

/** What a number is true of. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly v8: string;
  readonly wrk: string;
  readonly commit: string;
  /** Files of the tree differ from the commit. */
  readonly changed: boolean;
}

function output(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    v8: process.versions.v8,
    wrk: /wrk \S+/.exec(spawnSync('wrk', ['--version'], { encoding: 'utf8' }).stdout)?.[0] ?? 'wrk',
    commit: output('git', ['rev-parse', 'HEAD']),
    changed: output('git', ['status', '--porcelain', '--untracked-files=no', '--', 'lib', 'native']) !== '',
  };
}
