// The report of the benchmark, from measurements that are given: plots that are well-formed, tables that say all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ticks } from '../../bench/plot.js';
import { judge } from '../../bench/report.js';
import { plots, tables, updatePage } from '../../bench/report-files.js';
import type { MeasuredRow, Results } from '../../bench/results.js';
import type { Row } from '../../bench/rows.js';

const machine = {
  cpu: 'A <fast> & "quiet" one',
  cores: 2,
  memoryBytes: 2 ** 34,
  kernel: '6.1.0',
  node: 'v20.20.2',
  v8: '11.3',
  wrk: 'wrk 4.1.0',
  commit: '0123456789abcdef',
  changed: false,
};
const pace = { warmUpSeconds: 1, runSeconds: 2, rounds: 3, starts: 5, idleConnections: 2000 };

function row(part: Partial<MeasuredRow>): MeasuredRow {
  const date = '2026-11-28T14:40:00.000Z';
  const common = { title: 'Hello', method: 'load' as const, date, loadBefore: 0.25 };
  return { ...common, machine, pace, servers: [], skipped: [], ...part };
}

function load(name: string, cpu: number, version?: string) {
  const runs = [cpu, cpu * 0.9, cpu * 1.2].map((each) => ({
    requests: 1000,
    requestsPerSecond: 100_000 / each,
    cpu: each,
    user: each * 0.4,
    system: each * 0.6,
    p50: 100,
    p99: 200,
  }));
  return { name, load: runs, ...(version === undefined ? {} : { version }) };
}

function rate(name: string, scale: number) {
  const sample = { requests: 1000, p50: 40 * scale, p99: 90 * scale, p999: 700 * scale, max: 900 * scale };
  return { name, rate: [sample, { ...sample, p999: 1500 * scale }] };
}

const results: Results = {
  hello: row({
    servers: [load('Chaussette, fetch', 4), load('node:http', 10.7), load('Deno', 4.6, '2.9.6')],
    skipped: [{ name: 'nginx', reason: 'not installed' }],
  }),
  latency: row({
    method: 'rate',
    perSecond: 10_000,
    servers: [rate('Chaussette, fetch', 1), rate('node:http', 4)],
  }),
  pipelined: row({ servers: [load('Chaussette, fetch', 0.5), load('node:http', 9.4)] }),
  'framework-express': row({
    title: 'Express',
    servers: [load('Chaussette', 8), load('node:http', 90)],
  }),
  'framework-hono': row({
    title: 'Hono',
    servers: [load('Chaussette', 5), load('its own node server', 12)],
  }),
  'body-1k': row({ title: 'POST of 1 KiB', servers: [load('Chaussette', 8), load('node:http', 16)] }),
  tls: row({ servers: [load('Chaussette, fetch', 7), load('node:https', 20)] }),
  memory: row({
    method: 'memory',
    servers: [
      { name: 'Chaussette, (req, res)', bytesPerConnection: [240, 250, 260] },
      { name: 'node:http', bytesPerConnection: [8000, 8100, 8200] },
    ],
  }),
  threads: row({ servers: [load('1 thread', 4), load('2 threads', 5)] }),
};

/** Every element is closed in its order, and every attribute is quoted. @returns The names of elements. */
function parse(svg: string): string[] {
  const open: string[] = [];
  const names: string[] = [];
  const element = /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/gy;
  let at = 0;
  while (at < svg.length) {
    const next = svg.indexOf('<', at);
    const text = svg.slice(at, next < 0 ? undefined : next);
    assert.doesNotMatch(text, /&(?!(amp|lt|gt|quot);)/, 'a bare ampersand');
    if (next < 0) break;
    element.lastIndex = next;
    const match = element.exec(svg);
    assert.ok(match, `not well-formed at ${svg.slice(next, next + 60)}`);
    const [, closes, name = '', , empty] = match;
    if (closes) assert.equal(open.pop(), name);
    else {
      names.push(name);
      if (!empty) open.push(name);
    }
    at = element.lastIndex;
  }
  assert.deepEqual(open, []);
  return names;
}

test('each plot is well-formed, and has no number that is none', () => {
  const files = plots(results);
  const names = ['bodies', 'cpu', 'frameworks', 'latency', 'memory', 'pipelined', 'speed', 'tls'];
  assert.deepEqual(
    [...files.keys()].sort(),
    names.map((name) => `${name}.svg`),
  );
  for (const [name, svg] of files) {
    const elements = parse(svg);
    assert.equal(elements[0], 'svg', name);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/, name);
    assert.match(svg, /prefers-color-scheme: dark/, name);
    assert.match(svg, /per request|per second|microseconds|bytes/, `${name} has a unit`);
  }
});

test('bars are as long as their values, and whiskers span the runs', () => {
  const svg = plots(results).get('cpu.svg') ?? '';
  const bars = [
    ...svg.matchAll(
      /<rect class="(own|other)( first)?" x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="18"/g,
    ),
  ];
  const lengths = [0, 1, 2].map((i) => Number(bars[2 * i]?.[4]) + Number(bars[2 * i + 1]?.[4]));
  const [chaussette = 0, node = 0, deno = 0] = lengths;
  assert.ok(Math.abs(node / chaussette - 10.7 / 4) < 0.02, `${lengths}`);
  assert.ok(Math.abs(deno / chaussette - 4.6 / 4) < 0.02, `${lengths}`);
  assert.equal(svg.match(/class="line"/g)?.length, 9, 'a line and two caps for each server');
});

test('what was not measured leaves no plot', () => {
  assert.deepEqual([...plots({}).keys()], []);
  const tls = results['tls'];
  assert.ok(tls);
  assert.deepEqual([...plots({ tls }).keys()], ['tls.svg']);
  assert.deepEqual([...plots({ tls: row({ skipped: [{ name: 'Bun', reason: 'gone' }] }) }).keys()], []);
});

test('the table has median, least and greatest, versions, the commit, and who is missing', () => {
  const text = tables(results);
  assert.match(text, /^A <fast> & "quiet" one, 2 cores, Linux 6\.1\.0, Node v20\.20\.2, wrk 4\.1\.0\./);
  assert.match(text, /\| Chaussette, fetch \| 4\.00 \(3\.60 to 4\.80\) \| 1\.60 \(1\.44 to 1\.92\) \|/);
  assert.match(text, /\| Deno 2\.9\.6 \|.*\| 1\.15 x \|/);
  assert.match(
    text,
    /\| node:http \| 160 \(160 to 160\) \| 360 \(360 to 360\) \| 4,400 \(2,800 to 6,000\) \| 4\.00 x \|/,
  );
  assert.match(text, /2026-11-28 14:40 UTC, commit 0123456789ab, 3 rounds of 2 s, load before 0\.25\./);
  assert.match(text, /Not measured: nginx, not installed\./);
  assert.equal(text.match(/^### /gm)?.length, Object.keys(results).length);
});

test('the tables take the place of older ones, and nothing else of the page', () => {
  const marks = ['<!-- results: written by npm run bench -- --report -->', '<!-- end of results -->'];
  const page = `# Performance\n\n${marks[0]}\n\nold\n\n${marks[1]}\n\nThe end.\n`;
  const none = new Set<string>();
  const updated = updatePage(page, 'new', none);
  assert.equal(updated, page.replace('old', 'new'));
  assert.equal(updatePage(updated, 'new', none), updated);
  assert.throws(() => updatePage('# Performance\n', 'new', none), /no place for the tables/);
});

test('a picture stands where a plot belongs, when there is one', () => {
  const marks = '<!-- results: written by npm run bench -- --report -->\n\nx\n\n<!-- end of results -->\n';
  const without = `<!-- plot tls: Over TLS -->\n\nText.\n\n${marks}`;
  const picture = without.replace('-->\n', '-->\n\n![Over TLS](performance/tls.svg)\n');
  assert.equal(updatePage(without, 'x', new Set(['tls.svg'])), picture);
  assert.equal(updatePage(picture, 'x', new Set(['tls.svg'])), picture);
  assert.equal(updatePage(picture, 'x', new Set(['cpu.svg'])), without);
});

test('an axis has at most seven numbers and ends behind the greatest', () => {
  for (const max of [0.3, 1, 4.6, 10, 93, 260, 8200, 140_000]) {
    const { values, end } = ticks(max);
    assert.ok(end >= max && values.length <= 7 && values[0] === 0, `${max}: ${values}`);
  }
});

test('a budget is compared with the median of the ratios of the rounds', () => {
  // The machine was slow in the second and the third round, but for the last run of the third.
  const ours = { name: 'native', startMs: [10, 30, 30] };
  const theirs = { name: 'node', startMs: [20, 60, 20] };
  const judged: Row = {
    name: 'start',
    title: 'Start',
    method: 'start',
    path: '/',
    check: { method: 'GET', answer: '' },
    budgets: [
      { measure: 'start', limit: 0.6, than: 'node' },
      { measure: 'start', limit: 20 },
    ],
    servers: [],
  };
  assert.deepEqual(judge(judged, [ours, theirs]), [
    { measure: 'start', than: 'node', limit: 0.6, value: 0.5, met: true },
    { measure: 'start', than: undefined, limit: 20, value: 30, met: false },
  ]);
  assert.equal(judge(judged, [ours])[0]?.met, false, 'what was not measured is not met');
});
