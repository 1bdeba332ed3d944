import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Row } from './rows.js';
import { type BenchServer, loadCore } from './server.js';
import { root } from './specs.js';

const execute = promisify(execFile);

/** One run of wrk: what it counted, and what the server's process used meanwhile. */
export interface LoadSample {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Microseconds of CPU time per request. */
  readonly cpu: number;
  readonly user: number;
  readonly system: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** `wrk -t1 -c64`, pinned to the core that the server does not use.
 *  @throws when a response was not 200 or a connection broke: such a run counts for nothing. */
export async function runWrk(server: BenchServer, row: Row, seconds: number): Promise<LoadSample> {
  const [file, ...args] = row.script ?? [];
  const url = `${server.secure ? 'https' : 'http'}://127.0.0.1:${server.port}${row.path}`;
  const script = file === undefined ? [] : ['-s', `bench/wrk/${file}`];
  // A connection that has to wait is what the latency row shows; by itself wrk counts it as broken after 2 s.
  const flags = ['-t1', '-c64', `-d${seconds}s`, '--timeout', '30s', '--latency'];
  const command = ['-c', String(loadCore), 'wrk', ...flags, ...script, url];
  const before = server.cpu();
  const { stdout } = await execute('taskset', [...command, ...(args.length > 0 ? ['--', ...args] : [])], {
    cwd: root,
  });
  const after = server.cpu();
  const requests = Number(/(\d+) requests in /.exec(stdout)?.[1] ?? 0);
  const trouble = /^\s*(Non-2xx or 3xx responses|Socket errors):.*$/m.exec(stdout)?.[0];
  if (trouble !== undefined || requests === 0) {
    throw new Error(`${row.name}, ${server.spec.name}: ${trouble?.trim() ?? 'no request was answered'}`);
  }
  const user = (after.user - before.user) / requests;
  const system = (after.system - before.system) / requests;
  return {
    requests,
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0),
    cpu: user + system,
    user,
    system,
    p50: latency(stdout, '50%'),
    p99: latency(stdout, '99%'),
  };
}

const unitInMicroseconds: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000, m: 60_000_000 };

function latency(output: string, percentile: string): number {
  const match = new RegExp(`\\s${percentile}\\s+([\\d.]+)(us|ms|s|m)\\b`).exec(output);
  return Number(match?.[1] ?? Number.NaN) * (unitInMicroseconds[match?.[2] ?? ''] ?? Number.NaN);
}
