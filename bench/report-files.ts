import type { ServerResult } from './measure.js';
import { type Bar, type BarGroup, barChart, digits, dotChart, type Point } from './plot.js';
import type { MeasuredRow, Results } from './results.js';
import { spread } from './statistics.js';
import type { LoadSample } from './wrk.js';

// What is written of measurements: plots by name, and the tables of the page. No measuring here.

/** A number of a server, of several runs. */
interface Measure {
  readonly title: string;
  readonly values: (server: ServerResult) => readonly number[];
}

const ofLoad = (pick: (sample: LoadSample) => number) => (server: ServerResult) =>
  (server.load ?? []).map(pick);

const cpu: Measure = { title: 'CPU, µs per request', values: ofLoad((sample) => sample.cpu) };
const user: Measure = { title: 'of it user', values: ofLoad((sample) => sample.user) };
const speed: Measure = { title: 'requests/s', values: ofLoad((sample) => sample.requestsPerSecond) };
const memory: Measure = {
  title: 'bytes per connection',
  values: (server) => server.bytesPerConnection ?? [],
};
const percentiles: readonly Measure[] = (['p50', 'p99', 'p999'] as const).map((name) => ({
  title: `${name.replace('999', '99.9')}, µs`,
  values: (server) => (server.rate ?? []).map((sample) => sample[name]),
}));

const measuresOf: Readonly<Record<MeasuredRow['method'], readonly Measure[]>> = {
  load: [cpu, user, speed],
  rate: percentiles,
  memory: [memory],
  start: [],
};

function isOurs(name: string): boolean {
  return name.startsWith('Chaussette') || name.endsWith('thread') || name.endsWith('threads');
}

function pointOf(server: ServerResult, measure: Measure): Point {
  const { median, min, max } = spread(measure.values(server));
  return { value: median, min, max };
}

function cpuBar(server: ServerResult): Bar {
  return {
    ...pointOf(server, cpu),
    label: server.name,
    own: isOurs(server.name),
    first: spread(user.values(server)).median,
  };
}

function bar(measure: Measure) {
  return (server: ServerResult): Bar => ({
    ...pointOf(server, measure),
    label: server.name,
    own: isOurs(server.name),
  });
}

const loop =
  '64 keep-alive connections, one core for the server; medians, whiskers from least to greatest run';
const parts = ['user time', 'system time'] as const;
const cpuAxis = 'CPU time of the server per request, microseconds (less is better)';

function cpuChart(title: string, subtitle: string, row: MeasuredRow): string {
  const groups = [{ bars: row.servers.map(cpuBar) }];
  return barChart({ title, subtitle, axis: cpuAxis, parts, groups });
}

function latencyChart(row: MeasuredRow): string {
  return dotChart({
    title: `Latency at ${digits(row.perSecond ?? 0)} requests per second`,
    subtitle:
      'Open loop, Poisson arrivals, counted from when a request was due; ranges from least to greatest run',
    axis: 'latency, microseconds, logarithmic (less is better)',
    kinds: ['p50', 'p99', 'p99.9'],
    lines: row.servers.map((server) => ({
      label: server.name,
      own: isOurs(server.name),
      points: percentiles.map((measure) => pointOf(server, measure)),
    })),
  });
}

/** Bars as ratios to the server that is called so, or to the second one. */
function ratios(row: MeasuredRow): BarGroup {
  const base = row.servers.find((server) => server.name === 'node:http') ?? row.servers[1] ?? row.servers[0];
  const one = base === undefined ? 1 : pointOf(base, cpu).value;
  const bars = row.servers.map((server) => {
    const { value, min, max } = pointOf(server, cpu);
    return {
      label: server.name,
      own: isOurs(server.name),
      value: value / one,
      min: min / one,
      max: max / one,
    };
  });
  return { label: `${row.title} (1 = ${digits(one)} µs)`, bars };
}

function ratioChart(title: string, than: string, rows: readonly MeasuredRow[]): string {
  return barChart({
    title,
    subtitle: loop,
    axis: `CPU time of the server per request, ${than} = 1 (less is better)`,
    groups: rows.map(ratios),
    reference: 1,
  });
}

function rowsNamed(results: Results, prefix: string): MeasuredRow[] {
  return Object.entries(results).flatMap(([name, row]) =>
    name.startsWith(prefix) && row.servers.length > 0 ? [row] : [],
  );
}

/** Plots of what was measured, by file name. */
export function plots(results: Results): Map<string, string> {
  const files = new Map<string, string>();
  const draw = (file: string, prefix: string, make: (rows: readonly MeasuredRow[]) => string) => {
    const rows = rowsNamed(results, prefix);
    if (rows.length > 0) files.set(`${file}.svg`, make(rows));
  };
  const one = (make: (row: MeasuredRow) => string) => (rows: readonly MeasuredRow[]) =>
    rows[0] === undefined ? '' : make(rows[0]);
  draw(
    'cpu',
    'hello',
    one((row) => cpuChart('CPU time per request, “Hello, World!”', loop, row)),
  );
  draw(
    'speed',
    'hello',
    one((row) =>
      barChart({
        title: 'Requests per second, “Hello, World!”',
        subtitle:
          '64 keep-alive connections; the load has one core, too, and is often the limit; medians, least to greatest',
        axis: 'requests per second (more is better)',
        groups: [{ bars: row.servers.map(bar(speed)) }],
      }),
    ),
  );
  draw('latency', 'latency', one(latencyChart));
  draw(
    'pipelined',
    'pipelined',
    one((row) => cpuChart('Sixteen pipelined requests at a time', loop, row)),
  );
  draw('frameworks', 'framework-', (rows) =>
    ratioChart('The same application on both', 'its usual server', rows),
  );
  draw('bodies', 'body-', (rows) => ratioChart('Bodies', 'node:http', rows));
  draw(
    'tls',
    'tls',
    one((row) => cpuChart('“Hello, World!” over TLS 1.3', loop, row)),
  );
  draw(
    'memory',
    'memory',
    one((row) =>
      barChart({
        title: 'Memory of an idle keep-alive connection',
        subtitle: `Growth of the process by ${digits(row.pace.idleConnections)} connections that were answered once`,
        axis: 'bytes per connection (less is better)',
        groups: [{ bars: row.servers.map(bar(memory)) }],
      }),
    ),
  );
  return files;
}

function cell(server: ServerResult, measure: Measure): string {
  const values = measure.values(server);
  if (values.length === 0) return '';
  const { median, min, max } = spread(values);
  return `${digits(median)} (${digits(min)} to ${digits(max)})`;
}

function tableOf(name: string, row: MeasuredRow): string[] {
  const measures = measuresOf[row.method];
  const columns = ['server', ...measures.map((measure) => measure.title)];
  const first = row.servers.map((server) => pointOf(server, measures[0] ?? cpu).value);
  const lines = row.servers.map((server, index) => {
    const label = server.version === undefined ? server.name : `${server.name} ${server.version}`;
    const ratio = (first[index] ?? Number.NaN) / (first[0] ?? Number.NaN);
    return [label, ...measures.map((measure) => cell(server, measure)), `${ratio.toFixed(2)} x`];
  });
  const all = [[...columns, 'to the first'], columns.concat('').map(() => '---'), ...lines];
  const { machine, date, pace } = row;
  const state = machine.changed ? `${machine.commit.slice(0, 12)} with changes` : machine.commit.slice(0, 12);
  const runs =
    row.method === 'memory'
      ? `${pace.rounds} rounds of ${digits(pace.idleConnections)} connections`
      : `${pace.rounds} rounds of ${pace.runSeconds} s`;
  return [
    `### ${name}: ${row.title}`,
    '',
    ...all.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `${date.slice(0, 16).replace('T', ' ')} UTC, commit ${state}, ${runs}, load before ${row.loadBefore.toFixed(2)}.`,
    ...row.skipped.map(({ name: skipped, reason }) => `\nNot measured: ${skipped}, ${reason}.`),
    '',
  ];
}

/** Every row as a Markdown table: medians with least and greatest, what was skipped, and what they are true of. */
export function tables(results: Results): string {
  const [first] = Object.values(results);
  if (first === undefined) return '';
  const { cpu: model, cores, kernel, node, wrk } = first.machine;
  return [
    `${model}, ${cores} cores, Linux ${kernel}, Node ${node}, ${wrk}.`,
    '',
    ...Object.entries(results).flatMap(([name, row]) => tableOf(name, row)),
  ].join('\n');
}

const begin = '<!-- results: written by npm run bench -- --report -->';
const end = '<!-- end of results -->';

/** The page with new tables between its two marks, and a picture under each `<!-- plot NAME: what it shows -->` that
 *  there is a plot for. @throws when it has no marks. */
export function updatePage(page: string, text: string, names: ReadonlySet<string>): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no place for the tables: ${begin} … ${end}`);
  const updated = `${page.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${page.slice(to)}`;
  const mark = /^(<!-- plot (\w+): (.*) -->)\n(?:\n!\[.*\n)?/gm;
  return updated.replace(mark, (_, comment: string, name: string, alt: string) => {
    const picture = names.has(`${name}.svg`) ? `\n![${alt}](performance/${name}.svg)\n` : '';
    return `${comment}\n${picture}`;
  });
}
