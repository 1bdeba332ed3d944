import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine } from './machine.js';
import { reportPace } from './measure.js';
import { plots, tables, updatePage } from './report-files.js';
import { reportRows } from './report-rows.js';
import { type MeasuredRow, measureRow, type Results } from './results.js';
import { root } from './specs.js';

const folder = join(root, 'docs/performance');
const numbers = join(folder, 'results.json');
const page = join(root, 'docs/performance.md');

/** Measure rows of the report, add them to what was measured before, and draw everything anew.
 *  @param wanted Beginnings of names; undefined for every row. @param redraw Measure nothing.
 *  @param obstacle Why nothing can be measured here, or undefined. @returns The exit code. */
export async function makeReport(
  wanted: readonly string[] | undefined,
  redraw: boolean,
  obstacle: string | undefined,
): Promise<number> {
  const all = reportRows();
  const rows = redraw ? [] : all.filter(({ name }) => wanted?.some((part) => name.startsWith(part)) ?? true);
  if (!redraw && (rows.length === 0 || obstacle !== undefined)) {
    const names = all.map(({ name }) => name).join(', ');
    console.error(obstacle ?? `no row of the report is named ${wanted?.join(', ')}: there are ${names}`);
    return 1;
  }
  const measured = new Map<string, MeasuredRow>(Object.entries(readResults()));
  const machine = describeMachine();
  let failed = 0;
  for (const row of rows) {
    process.stdout.write(`${row.name}: `);
    try {
      const result = await measureRow(row, reportPace, machine);
      measured.set(row.name, result);
      console.log([`${result.servers.length} servers`, ...result.skipped.map(skipped)].join('; '));
    } catch (error) {
      failed += 1;
      console.log(`not measured: ${error instanceof Error ? error.message : String(error)}`);
    }
    write(inOrder(all, measured));
  }
  write(inOrder(all, measured));
  console.log('written to docs/performance.md and docs/performance/');
  return failed > 0 ? 1 : 0;
}

function skipped({ name, reason }: { readonly name: string; readonly reason: string }): string {
  return `${name} skipped: ${reason}`;
}

function inOrder(
  rows: readonly { readonly name: string }[],
  measured: ReadonlyMap<string, MeasuredRow>,
): Results {
  return Object.fromEntries(
    rows.flatMap(({ name }) => {
      const row = measured.get(name);
      return row === undefined ? [] : [[name, row] as const];
    }),
  );
}

function readResults(): Results {
  return existsSync(numbers) ? (JSON.parse(readFileSync(numbers, 'utf8')) as Results) : {};
}

function write(results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(numbers, `${JSON.stringify(results, null, 1)}\n`);
  const files = plots(results);
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  writeFileSync(page, updatePage(readFileSync(page, 'utf8'), tables(results), new Set(files.keys())));
}
