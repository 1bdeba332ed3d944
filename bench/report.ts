import type { ServerResult } from './measure.js';
import type { Budget, Measure, Row } from './rows.js';
import { median, type Spread, spread } from './statistics.js';
import type { LoadSample } from './wrk.js';

/** A budget and what was measured against it. */
export interface Verdict {
  readonly measure: Measure;
  readonly than: string | undefined;
  readonly limit: number;
  readonly value: number;
  readonly met: boolean;
}

const units: Readonly<Record<Measure, string>> = {
  cpu: 'us CPU/request',
  user: 'us user/request',
  p50: 'ms p50',
  p99: 'ms p99',
  start: 'ms',
  memory: 'bytes',
};

/** The values that one server has for a measure. */
export function valuesOf(result: ServerResult, measure: Measure): readonly number[] {
  const load = result.load ?? [];
  switch (measure) {
    case 'cpu':
    case 'user':
      return load.map((sample) => sample[measure]);
    case 'p50':
    case 'p99':
      return (result.rate ?? load).map((sample) => sample[measure] / 1000);
    case 'start':
      return result.startMs ?? [];
    case 'memory':
      return result.bytesPerConnection ?? [];
  }
}

/** Compare a row with its budgets: our native backend is its first server. */
export function judge(row: Row, results: readonly ServerResult[]): Verdict[] {
  return row.budgets.map((budget) => {
    const { measure, than, limit } = budget;
    const own = values(results[0], measure);
    const value = than === undefined ? median(own) : ratio(own, values(named(results, budget), measure));
    return { measure, than, limit, value, met: value <= limit };
  });
}

function named(results: readonly ServerResult[], budget: Budget): ServerResult | undefined {
  return results.find((result) => result.name === budget.than);
}

function values(result: ServerResult | undefined, measure: Measure): readonly number[] {
  return result === undefined ? [] : valuesOf(result, measure);
}

/** The median of the ratios of the rounds: what slows the machine for some seconds slows both servers of a round. */
function ratio(own: readonly number[], other: readonly number[]): number {
  return median(own.map((value, round) => value / (other[round] ?? Number.NaN)));
}

/** The lines of one row: its servers with medians and spread, then its budgets. */
export function lines(row: Row, results: readonly ServerResult[], verdicts: readonly Verdict[]): string[] {
  const measures = measuresOf(row);
  const width = Math.max(...results.map((result) => result.name.length));
  const own = results[0];
  const servers = results.map((result) => {
    const parts = measures.map((measure) => show(spread(valuesOf(result, measure)), measure));
    const first = measures[0] ?? 'cpu';
    const ratios =
      result === own ? '' : `   native is ${ratio(values(own, first), values(result, first)).toFixed(2)} x`;
    return `  ${result.name.padEnd(width)}  ${parts.join('   ')}${detail(result)}${ratios}`;
  });
  return [`${row.name}: ${row.title}`, ...servers, ...verdicts.map((verdict) => `  ${sentence(verdict)}`)];
}

function measuresOf(row: Row): Measure[] {
  if (row.method === 'rate') return ['p50', 'p99'];
  if (row.method !== 'load') return [row.method];
  const latencies = row.budgets.filter(({ measure }) => measure === 'p50' || measure === 'p99');
  return latencies.length > 0 ? ['p50', 'p99'] : ['cpu'];
}

function show({ median, min, max }: Spread, measure: Measure): string {
  const digits = measure === 'memory' ? 0 : median < 10 ? 2 : 1;
  const text = median.toFixed(digits).padStart(7);
  return `${text} ${units[measure]} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

/** User and system time, and the rate, which is not what is compared. */
function detail(result: ServerResult): string {
  if (result.load === undefined || result.load.length === 0) return '';
  const of = (pick: (sample: LoadSample) => number) => spread(result.load?.map(pick) ?? []).median;
  const user = of((sample) => sample.user).toFixed(2);
  const system = of((sample) => sample.system).toFixed(2);
  return `   user ${user} + system ${system}   ${Math.round(of((sample) => sample.requestsPerSecond))}/s`;
}

function sentence({ measure, than, limit, value, met }: Verdict): string {
  const unit = than === undefined ? ` ${units[measure]}` : ` x ${than}`;
  const what = `${measure} ${exact(value)}${unit}`;
  return `${met ? 'met   ' : 'MISSED'}  ${what}, budget ${limit}${unit}`;
}

/** Three digits for a ratio: the budgets have two. */
function exact(value: number): string {
  return value.toFixed(value < 10 ? 3 : 0);
}

/** All verdicts in one table. */
export function table(entries: readonly { row: Row; verdicts: readonly Verdict[] }[]): string[] {
  const cells = entries.flatMap(({ row, verdicts }) =>
    verdicts.map(({ measure, than, limit, value, met }) => [
      row.title,
      measure,
      than === undefined ? units[measure] : `x ${than}`,
      exact(value),
      `<= ${limit}`,
      met ? 'yes' : 'NO',
    ]),
  );
  const all = [['work', 'measure', 'against', 'measured', 'budget', 'met'], ...cells];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0))) ?? [];
  return all.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
