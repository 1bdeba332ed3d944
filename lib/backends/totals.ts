import type { BackendStats, Measures } from './backend.js';

/** The numbers of several servers together.
 *  @returns What none of them counts is left out. */
export function totalStats(all: readonly BackendStats[]): BackendStats {
  const sum = (of: (stats: BackendStats) => number | undefined): number | undefined => {
    const numbers = all.map(of).filter((number) => number !== undefined);
    return numbers.length === 0 ? undefined : numbers.reduce((total, number) => total + number, 0);
  };
  const counts = {
    accepted: sum(({ accepted }) => accepted),
    bytesIn: sum(({ bytesIn }) => bytesIn),
    bytesOut: sum(({ bytesOut }) => bytesOut),
    deadlineCloses: sum(({ deadlineCloses }) => deadlineCloses),
    turns: sum(({ turns }) => turns),
  };
  const known = Object.entries(counts).filter(([, count]) => count !== undefined);
  const batches = all.flatMap((stats) => (stats.batches === undefined ? [] : [stats.batches]));
  const refusals = all.flatMap((stats) => stats.refusals ?? []);
  return {
    connections: sum(({ connections }) => connections) ?? 0,
    inFlight: sum(({ inFlight }) => inFlight) ?? 0,
    requests: sum(({ requests }) => requests) ?? 0,
    ...Object.fromEntries(known),
    ...(batches.length === 0 ? {} : { batches: sumEach(batches) }),
    ...(refusals.length === 0 ? {} : { refusals: mergeRefusals(refusals) }),
  };
}

/** The same of what is measured; undefined where nothing is. */
export function totalMeasures(all: readonly (Measures | undefined)[]): Measures | undefined {
  const known = all.filter((measures) => measures !== undefined);
  if (known.length === 0) return undefined;
  const statuses: Record<string, number> = {};
  for (const each of known) {
    for (const [status, count] of Object.entries(each.statuses)) {
      statuses[status] = (statuses[status] ?? 0) + count;
    }
  }
  return {
    statuses,
    durations: sumEach(known.map(({ durations }) => durations)),
    durationUs: known.reduce((total, { durationUs }) => total + durationUs, 0),
    aborted: known.reduce((total, { aborted }) => total + aborted, 0),
  };
}

function sumEach(all: readonly (readonly number[])[]): number[] {
  const longest = Math.max(...all.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => all.reduce((total, each) => total + (each[i] ?? 0), 0));
}

type Refusals = NonNullable<BackendStats['refusals']>;

function mergeRefusals(all: Refusals): Refusals {
  const merged = new Map<string, Refusals[number]>();
  for (const refusal of all) {
    const before = merged.get(refusal.reason);
    merged.set(refusal.reason, { ...refusal, count: refusal.count + (before?.count ?? 0) });
  }
  return [...merged.values()];
}
