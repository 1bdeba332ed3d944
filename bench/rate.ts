import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Row } from './rows.js';
import { type BenchServer, loadCore } from './server.js';
import { root } from './specs.js';

const execute = promisify(execFile);

/** Latencies at a fixed rate, in microseconds from the time at which each request was due. */
export interface RateSample {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

let program: string | undefined;

function build(): string {
  if (program !== undefined) return program;
  const folder = join(root, 'build');
  mkdirSync(folder, { recursive: true });
  program = join(folder, 'rate');
  execFileSync('cc', ['-O2', '-o', program, join(root, 'bench/rate.c'), '-lm'], { stdio: 'inherit' });
  return program;
}

/** @param perSecond Requests, whether they are answered in time or not.
 *  @throws when the server does not keep up, or an answer is not 200. */
export async function runRate(
  server: BenchServer,
  row: Row,
  perSecond: number,
  seconds: number,
): Promise<RateSample> {
  const load = [build(), String(server.port), '64', String(perSecond), String(seconds), row.path];
  const { stdout } = await execute('taskset', ['-c', String(loadCore), ...load]);
  return JSON.parse(stdout) as RateSample;
}
