import { loadavg } from 'node:os';
import type { Machine } from './machine.js';
import type { Pace, ServerResult } from './measure.js';
import { measure } from './measure.js';
import type { ReportRow } from './report-rows.js';
import { BenchServer } from './server.js';
import type { ServerSpec } from './specs.js';

/** One row of the report as it was measured: docs/performance/results.json has them by name. */
export interface MeasuredRow {
  readonly title: string;
  readonly method: ReportRow['method'];
  readonly perSecond?: number;
  readonly date: string;
  /** Processes that wanted to run when it began: more than the benchmark's own is other work on the machine. */
  readonly loadBefore: number;
  readonly machine: Machine;
  readonly pace: Pace;
  readonly servers: readonly (ServerResult & { readonly version?: string })[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

export type Results = Readonly<Record<string, MeasuredRow>>;

/** Measure one row; a server that does not start, or answers otherwise, is skipped by name. */
export async function measureRow(row: ReportRow, pace: Pace, machine: Machine): Promise<MeasuredRow> {
  const loadBefore = loadavg()[0] ?? 0;
  const skipped = [...row.missing];
  const servers: ServerSpec[] = [];
  for (const spec of row.servers) {
    const reason = await obstacle(spec, row);
    if (reason === undefined) servers.push(spec);
    else skipped.push({ name: spec.name, reason });
  }
  const results = servers.length === 0 ? [] : await measure({ ...row, servers }, pace);
  const versions = new Map(servers.map(({ name, version }) => [name, version]));
  return {
    title: row.title,
    method: row.method,
    ...(row.perSecond === undefined ? {} : { perSecond: row.perSecond }),
    date: new Date().toISOString(),
    loadBefore,
    machine,
    pace,
    servers: results.map((result) => {
      const version = versions.get(result.name);
      return version === undefined ? result : { ...result, version };
    }),
    skipped,
  };
}

/** @returns Why a server cannot be measured, or undefined. */
async function obstacle(spec: ServerSpec, row: ReportRow): Promise<string | undefined> {
  let server: BenchServer | undefined;
  try {
    server = await BenchServer.start(spec, row);
    await server.check(row);
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.replace(`${spec.name}: `, '').replace(/\s+/g, ' ').slice(0, 120);
  } finally {
    await server?.stop();
  }
}
