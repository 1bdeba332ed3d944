/** What draws the status page, in the browser. Every value goes into the page as text. */
export const script = `
'use strict';
const pointsMax = 120;
const svgSpace = 'http://www.w3.org/2000/svg';
const history = {};
let before;

const $ = (id) => document.getElementById(id);
function element(name, attributes, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}
function shape(name, attributes, text) {
  const made = document.createElementNS(svgSpace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const count = (value) => value >= 1e6 ? (value / 1e6).toFixed(1) + 'M' : value >= 1e4 ? (value / 1e3).toFixed(1) + 'k'
  : value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
const bytes = (value) => {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  for (; value >= 1024 && unit < 3; unit++) value /= 1024;
  return (value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)) + ' ' + units[unit];
};
const ms = (value) => value >= 1000 ? (value / 1000).toFixed(2) + ' s' : value >= 10 ? Math.round(value) + ' ms'
  : value >= 0.1 ? value.toFixed(1) + ' ms' : Math.round(value * 1000) + ' \\u00b5s';
const percent = (value) => Math.round(value) + ' %';
const duration = (s) => s >= 172800 ? Math.floor(s / 86400) + ' days' : s >= 7200 ? Math.floor(s / 3600) + ' hours'
  : s >= 120 ? Math.floor(s / 60) + ' minutes' : Math.round(s) + ' seconds';

/** The largest round number that holds the values. */
function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function draw(id, values, format, note) {
  const series = values.map((value, i) => {
    const list = (history[id + i] ??= []);
    list.push(value);
    if (list.length > pointsMax) list.shift();
    return list;
  });
  const figure = $(id);
  const last = values.findLast((value) => value !== undefined) === undefined ? undefined : values;
  const now = figure.querySelector('.now');
  now.textContent = last === undefined ? '\\u2013' : last.map((value) => value === undefined ? '\\u2013' : format(value)).join(' / ');
  if (note) now.append(element('small', {}, note));
  const width = 340, height = 110, bottom = 100;
  const top = ceiling(Math.max(...series.flat().filter((value) => value !== undefined), 0));
  const x = (i, length) => width - (length - 1 - i) * (width / (pointsMax - 1));
  const y = (value) => bottom - (value / top) * (bottom - 14);
  const svg = shape('svg', { viewBox: '0 0 ' + width + ' ' + height, preserveAspectRatio: 'none', role: 'img' });
  const title = figure.querySelector('figcaption span').textContent;
  svg.append(shape('title', {}, title + ', last two minutes: now ' + now.textContent + ', scale up to ' + format(top)));
  for (const value of [0, top]) svg.append(shape('line', { class: 'grid', x1: 0, x2: width, y1: y(value), y2: y(value) }));
  series.forEach((list, i) => {
    const points = list.map((value, at) => value === undefined ? undefined : x(at, list.length).toFixed(1) + ',' + y(value).toFixed(1));
    const known = points.filter(Boolean);
    if (known.length === 0) return;
    const kind = 'abc'[i];
    const [start] = known[0].split(','), [end] = known.at(-1).split(',');
    if (i === 0) svg.append(shape('polygon', { class: 'area a', points: start + ',' + bottom + ' ' + known.join(' ') + ' ' + end + ',' + bottom }));
    svg.append(shape('polyline', { class: 'line ' + kind, points: known.join(' ') }));
  });
  figure.querySelector('svg')?.remove();
  figure.querySelector('.scale')?.remove();
  figure.append(svg, element('div', { class: 'scale none' }, '0 to ' + format(top)));
}

/** From the counts of the buckets, between their bounds. */
function percentile(counts, bounds, part) {
  const total = counts.reduce((sum, each) => sum + each, 0);
  if (total === 0) return undefined;
  let left = total * part;
  for (let i = 0; i < counts.length; i++) {
    if (left <= counts[i]) {
      const low = i === 0 ? 0 : bounds[i - 1], high = bounds[i] ?? low;
      return (low + (high - low) * (left / counts[i])) / 1000;
    }
    left -= counts[i];
  }
}

function table(id, heads, rows) {
  const place = $(id);
  if (rows.length === 0) return place.replaceChildren(element('p', { class: 'none' }, 'None.'));
  const cell = (name, extra) => ([text, kind]) => element(name, { ...extra, class: kind ?? '' }, String(text));
  const head = element('tr', {}, ...heads.map(cell('th', { scope: 'col' })));
  const body = rows.map((row) => element('tr', {}, ...row.map(cell('td', {}))));
  place.replaceChildren(element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)));
}

function show(now) {
  const { stats, measures } = now;
  state(now.state);
  $('where').textContent = now.addresses.join(', ');
  $('about').textContent = 'Process ' + now.pid + ', up ' + duration(now.upSeconds) + ', ' + bytes(now.memoryBytes)
    + ' of memory, ' + count(stats.requests) + ' requests since the start, version ' + now.version + ' on Node ' + now.node;
  const seconds = before === undefined ? undefined : (now.nowMs - before.nowMs) / 1000;
  const rate = (of) => {
    const [one, other] = [of(now), before && of(before)];
    return seconds > 0 && one !== undefined && other !== undefined ? Math.max(0, one - other) / seconds : undefined;
  };
  draw('rate', [rate(({ stats }) => stats.requests)], count, 'per second');
  const counts = measures && before?.measures && measures.durations.map((each, i) => each - before.measures.durations[i]);
  const at = (part) => counts && percentile(counts, now.boundsUs, part);
  draw('latency', [at(0.5), at(0.9), at(0.99)], ms);
  draw('connections', [stats.connections, stats.inFlight], count);
  draw('lag', [now.lag], ms, now.threads.length > 0 ? 'of the main thread' : 'at most, last second');
  draw('bytes', [rate(({ stats }) => stats.bytesOut), rate(({ stats }) => stats.bytesIn)], bytes);
  draw('cpu', [rate(({ cpuUs }) => cpuUs / 1e4)], percent, 'of one core');
  const statuses = Object.entries(measures?.statuses ?? {});
  table('statuses', [['Status'], ['Requests', 'n']], statuses.map(([status, n]) => [[status], [count(n), 'n']]));
  table('refusals', [['Status'], ['Why'], ['Requests', 'n']],
    (stats.refusals ?? []).map(({ status, reason, count: n }) => [[status], [reason], [count(n), 'n']]));
  $('threads-section').hidden = now.threads.length === 0;
  table('threads', [['Thread'], ['Busy', 'n'], ['Connections', 'n'], ['In flight', 'n'], ['Requests', 'n']],
    now.threads.map((each) => [[each.number], [percent(each.utilization * 100), 'n'], [count(each.connections), 'n'],
      [count(each.inFlight), 'n'], [count(each.requests), 'n']]));
  table('open', [['For', 'n'], ['Method'], ['Target']],
    now.open.map(({ ageMs, method, target }) => [[ms(ageMs), 'n'], [method], [target, 'target']]));
  before = now;
}

function state(name) {
  const place = $('state');
  if (place.textContent === name) return;
  place.textContent = name;
  place.dataset.state = name === 'no answer' ? 'lost' : name;
  document.title = 'Chaussette: ' + name;
}

async function ask() {
  try {
    show(await (await fetch('data')).json());
  } catch {
    state('no answer');
    before = undefined;
  }
  setTimeout(ask, 1000);
}
ask();
`;
