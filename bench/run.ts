// The benchmark: CPU time of the server per request, as docs/benchmarks.md describes it.
//
//   npm run bench -- [--quick] [--only NAME]… [--list] [--rounds N]
//   npm run bench -- --report [--rows NAME]… [--redraw]     docs/performance.md and its plots
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.js';
import { makeReport } from './make-report.js';
import { fullPace, measure, type Pace, quickPace, type ServerResult } from './measure.js';
import { judge, lines, table, type Verdict } from './report.js';
import { type Row, rows } from './rows.js';
import { root } from './specs.js';

interface Entry {
  readonly row: Row;
  readonly results: readonly ServerResult[];
  readonly verdicts: readonly Verdict[];
}

/** @returns Why nothing can be measured here, or undefined. */
function obstacle(): string | undefined {
  for (const [program, remedy] of [
    ['wrk', 'it makes the load (Debian: apt-get install wrk)'],
    ['taskset', 'it pins server and load to different cores (Debian: apt-get install util-linux)'],
  ] as const) {
    if (spawnSync(program, ['--version']).error !== undefined)
      return `${program} is not installed: ${remedy}`;
  }
  if (cpus().length < 2) return 'this machine has one core: server and load would measure each other';
  return undefined;
}

function save(pace: Pace, entries: readonly Entry[]): string {
  const directory = join(root, 'bench/results');
  mkdirSync(directory, { recursive: true });
  const date = new Date().toISOString();
  const file = join(directory, `${date.replace(/[:.]/g, '-')}.json`);
  const measured = entries.map(({ row, results, verdicts }) => ({
    name: row.name,
    title: row.title,
    verdicts,
    servers: results,
  }));
  writeFileSync(
    file,
    `${JSON.stringify({ date, machine: describeMachine(), pace, rows: measured }, null, 2)}\n`,
  );
  return relative(root, file);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      list: { type: 'boolean' },
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      report: { type: 'boolean' },
      rows: { type: 'string', multiple: true },
      redraw: { type: 'boolean' },
    },
  });
  if (values.report) return makeReport(values.rows, values.redraw === true, obstacle());
  const all = rows();
  if (values.list) {
    for (const row of all) console.log(`${row.name.padEnd(16)}${row.title}`);
    return 0;
  }
  const wanted = all.filter((row) => values.only?.some((name) => row.name.startsWith(name)) ?? true);
  if (wanted.length === 0) {
    console.error(`no row is named ${values.only?.join(', ')}: see npm run bench -- --list`);
    return 1;
  }
  const problem = obstacle();
  if (problem !== undefined) {
    console.error(problem);
    return 1;
  }
  const base = values.quick ? quickPace : fullPace;
  const pace = { ...base, rounds: Number(values.rounds ?? base.rounds) };
  const about = describeMachine();
  console.log(`${about.cpu}, ${about.cores} cores, Linux ${about.kernel}, Node ${about.node}, ${about.wrk}`);
  console.log(
    `commit ${about.commit.slice(0, 12)}${about.changed ? ' with changes' : ''}; ${describe(pace)}\n`,
  );
  const entries: Entry[] = [];
  let failed = 0;
  for (const row of wanted) {
    try {
      const results = await measure(row, pace);
      const verdicts = judge(row, results);
      entries.push({ row, results, verdicts });
      console.log(`${lines(row, results, verdicts).join('\n')}\n`);
    } catch (error) {
      failed += 1;
      console.error(`${row.name}: not measured: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  console.log(table(entries).join('\n'));
  console.log(`\nwritten to ${save(pace, entries)}`);
  return failed > 0 ? 1 : 0;
}

function describe(pace: Pace): string {
  const { warmUpSeconds, runSeconds, rounds } = pace;
  return `64 connections, ${warmUpSeconds} s of warm-up, ${rounds} rounds of ${runSeconds} s, interleaved`;
}

process.exitCode = await main();
