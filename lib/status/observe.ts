import type { BackendServer, BackendStats, Measures, OpenRequest, ThreadStats } from '../backends/backend.js';
import { versionText } from '../help.js';

/** A thread that is blocked does not hold who asks: after so long its last numbers count. */
const patienceMs = 1000;

/** What is looked at. */
export interface Observed {
  readonly state: 'idle' | 'starting' | 'serving' | 'draining' | 'closed';
  readonly addresses: readonly string[];
  readonly backend: BackendServer | undefined;
  stats(): BackendStats;
  openRequests(): Promise<readonly OpenRequest[]>;
}

/** What is seen of it at one moment. */
export interface Observation {
  readonly state: Observed['state'];
  readonly addresses: readonly string[];
  readonly version: string;
  readonly stats: BackendStats;
  readonly measures: Measures | undefined;
  readonly threads: readonly ThreadStats[];
  /** The oldest first. */
  readonly open: readonly OpenRequest[];
}

/** Look at a server; with threads, ask them. */
export async function observe(server: Observed): Promise<Observation> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly OpenRequest[]>((resolve) => {
    timer = setTimeout(resolve, patienceMs, []);
  });
  const open = await Promise.race([server.openRequests(), late]);
  clearTimeout(timer);
  return {
    state: server.state,
    addresses: server.addresses,
    version: versionText().replace(/^chaussette /, ''),
    stats: server.stats(),
    measures: server.backend?.measures?.(),
    threads: server.backend?.threads?.() ?? [],
    open: [...open].sort((a, b) => b.ageMs - a.ageMs),
  };
}
