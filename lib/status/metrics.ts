import { monitorEventLoopDelay, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import type { Measures } from '../backends/backend.js';
import { durationBoundsUs } from '../native/duration-bounds.js';
import type { Observation } from './observe.js';

// The text format of Prometheus, with the names of prom-client for what is the process's.

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [value: number, labels?: Labels];

/** Bounds of the histogram that is told, in seconds: those of every decade that end in 1, 2 and 5. */
const shownBounds = durationBoundsUs.filter((bound) => /^[125]0*$/.test(String(bound)));

const gcKinds: Readonly<Record<number, string>> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' };

const resolutionMs = 10;

/** What counts as recent. */
const recentMs = 1000;

/** Event loop and garbage collector of this thread, watched from `new` on.
 *
 *  Lifetime: that of the status listener. */
export class ProcessWatch {
  readonly delay = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly gc = new Map<string, { count: number; seconds: number }>();
  readonly #observer: PerformanceObserver;
  readonly #recent = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #timer: NodeJS.Timeout;
  #last = 0;

  constructor() {
    this.delay.enable();
    this.#recent.enable();
    this.#timer = setInterval(() => {
      this.#last = Number.isFinite(this.#recent.max) ? this.#recent.max / 1e6 : 0;
      this.#recent.reset();
    }, recentMs).unref();
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#collected(entry);
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  #collected(entry: PerformanceEntry): void {
    const { kind = 0 } = (entry as { detail?: { kind?: number } }).detail ?? {};
    const name = gcKinds[kind] ?? 'other';
    const { count = 0, seconds = 0 } = this.gc.get(name) ?? {};
    this.gc.set(name, { count: count + 1, seconds: seconds + entry.duration / 1000 });
  }

  /** Greatest delay of the last second or two, in milliseconds. */
  recentLag(): number {
    const now = Number.isFinite(this.#recent.max) ? this.#recent.max / 1e6 : 0;
    // What is measured is the time from one look to the next.
    return Math.max(this.#last, now, resolutionMs) - resolutionMs;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#recent.disable();
    this.delay.disable();
    this.#observer.disconnect();
  }
}

/** @returns The answer to `/metrics`. */
export function metricsText(source: Observation, watch: ProcessWatch): string {
  const lines = new MetricLines();
  serverMetrics(lines, source);
  if (source.measures !== undefined) requestMetrics(lines, source.measures);
  processMetrics(lines, watch);
  return lines.text;
}

function serverMetrics(lines: MetricLines, { state, threads, version, stats }: Observation): void {
  lines.gauge('chaussette_info', 'Version of the server.', [[1, { version, node: process.version }]]);
  lines.gauge('chaussette_up', 'Whether it serves: 1, or 0 while it starts or drains.', [
    [state === 'serving' ? 1 : 0],
  ]);
  lines.gauge('chaussette_threads', 'Worker threads that serve; 0 without --threads.', [[threads.length]]);
  lines.gauge(
    'chaussette_thread_utilization_ratio',
    'Part of the time since its start that the event loop of a worker thread was busy.',
    threads.map(({ number, utilization }) => [utilization, { thread: number }]),
  );
  lines.gauge('chaussette_connections', 'Open connections.', [[stats.connections]]);
  lines.gauge('chaussette_requests_in_flight', 'Requests that are not answered yet.', [[stats.inFlight]]);
  lines.counter('chaussette_requests_received_total', 'Requests whose head was complete.', [
    [stats.requests],
  ]);
  lines.count('chaussette_connections_accepted_total', 'Connections that were accepted.', stats.accepted);
  lines.count('chaussette_received_bytes_total', 'Bytes from clients.', stats.bytesIn);
  lines.count('chaussette_sent_bytes_total', 'Bytes to clients.', stats.bytesOut);
  lines.count(
    'chaussette_deadline_closes_total',
    'Connections that were closed by a deadline.',
    stats.deadlineCloses,
  );
  lines.count('chaussette_turns_total', 'Turns of the native core.', stats.turns);
  if (stats.refusals !== undefined) {
    lines.counter(
      'chaussette_refusals_total',
      'Requests that did not reach the application.',
      stats.refusals.map(({ status, reason, count }) => [count, { status, reason }]),
    );
  }
  if (stats.batches !== undefined) {
    lines.counter(
      'chaussette_batches_total',
      'Calls of JavaScript, by the number of requests and events that each carried.',
      stats.batches.map((count, i) => [count, { records: batchName(i) }]),
    );
  }
}

/** `1`, `2-3`, `4-7`, … */
function batchName(i: number): string {
  return i === 0 ? '1' : `${2 ** i}-${2 ** (i + 1) - 1}`;
}

function requestMetrics(lines: MetricLines, measures: Measures): void {
  const { statuses, durations, durationUs, aborted } = measures;
  lines.counter(
    'http_requests_total',
    'Requests that have ended; 499: the client left, 444: closed without an answer.',
    Object.entries(statuses).map(([status, count]) => [count, { status }]),
  );
  lines.counter('http_requests_aborted_total', 'Requests whose response did not leave as a whole.', [
    [aborted],
  ]);
  const buckets: [number, number][] = [];
  let below = 0;
  for (const [i, bound] of durationBoundsUs.entries()) {
    below += durations[i] ?? 0;
    if (!shownBounds.includes(bound)) continue;
    buckets.push([bound / 1e6, below]);
    below = 0;
  }
  buckets.push([Number.POSITIVE_INFINITY, below + (durations.at(-1) ?? 0)]);
  lines.histogram(
    'http_request_duration_seconds',
    'From the end of the request head to the last byte of the response.',
    buckets,
    durationUs / 1e6,
  );
}

function processMetrics(lines: MetricLines, { delay, gc }: ProcessWatch): void {
  const { user, system } = process.cpuUsage();
  lines.counter('process_cpu_user_seconds_total', 'User CPU time of the process.', [[user / 1e6]]);
  lines.counter('process_cpu_system_seconds_total', 'System CPU time of the process.', [[system / 1e6]]);
  lines.counter('process_cpu_seconds_total', 'CPU time of the process.', [[(user + system) / 1e6]]);
  lines.gauge('process_start_time_seconds', 'When the process started, since 1970.', [
    [Math.round(Date.now() / 1000 - process.uptime())],
  ]);
  const memory = process.memoryUsage();
  lines.gauge('process_resident_memory_bytes', 'Resident memory of the process.', [[memory.rss]]);
  lines.gauge('nodejs_heap_size_total_bytes', 'Heap of the main thread.', [[memory.heapTotal]]);
  lines.gauge('nodejs_heap_size_used_bytes', 'Of it in use.', [[memory.heapUsed]]);
  lines.gauge('nodejs_external_memory_bytes', 'Memory outside of the heap.', [[memory.external]]);
  const lag = (name: string, help: string, value: number): void =>
    lines.gauge(`nodejs_eventloop_lag_${name}seconds`, help, [[Number.isFinite(value) ? value / 1e9 : 0]]);
  lag('min_', 'Least delay of the event loop of the main thread since the start.', delay.min);
  lag('max_', 'Greatest delay.', delay.max);
  lag('mean_', 'Mean delay.', delay.mean);
  lag('stddev_', 'Standard deviation of the delay.', delay.stddev);
  for (const p of [50, 90, 99]) lag(`p${p}_`, `${p}th percentile of the delay.`, delay.percentile(p));
  const kinds = [...gc];
  lines.counter(
    'nodejs_gc_runs_total',
    'Runs of the garbage collector of the main thread.',
    kinds.map(([kind, { count }]) => [count, { kind }]),
  );
  lines.counter(
    'nodejs_gc_duration_seconds_total',
    'Time in them.',
    kinds.map(([kind, { seconds }]) => [seconds, { kind }]),
  );
  const resources = process.getActiveResourcesInfo().length;
  lines.gauge('nodejs_active_resources_total', 'What keeps the event loop of the main thread alive.', [
    [resources],
  ]);
  const [major, minor, patch] = process.versions.node.split('.').map(Number);
  const version = { version: process.version, major: major ?? 0, minor: minor ?? 0, patch: patch ?? 0 };
  lines.gauge('nodejs_version_info', 'Version of Node.', [[1, version]]);
}

/** Lines of the text format.
 *  @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
class MetricLines {
  text = '';

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#metric(name, help, 'gauge', samples);
  }

  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#metric(name, help, 'counter', samples);
  }

  /** A counter that not every backend has. */
  count(name: string, help: string, value: number | undefined): void {
    if (value !== undefined) this.counter(name, help, [[value]]);
  }

  /** @param buckets Upper bound and count of each, not added up. */
  histogram(name: string, help: string, buckets: readonly Bucket[], sum: number): void {
    this.#head(name, help, 'histogram');
    let total = 0;
    for (const [bound, count] of buckets) {
      total += count;
      if (Number.isFinite(bound)) this.#sample(`${name}_bucket`, total, { le: bound });
    }
    this.#sample(`${name}_bucket`, total, { le: '+Inf' });
    this.#sample(`${name}_sum`, sum, {});
    this.#sample(`${name}_count`, total, {});
  }

  #metric(name: string, help: string, type: string, samples: readonly Sample[]): void {
    this.#head(name, help, type);
    for (const [value, labels = {}] of samples) this.#sample(name, value, labels);
  }

  #head(name: string, help: string, type: string): void {
    this.text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  #sample(name: string, value: number, labels: Labels): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(String(text))}"`);
    this.text += `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  }
}

type Bucket = readonly [bound: number, count: number];

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
