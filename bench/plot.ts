// Plots as SVG text. Colours follow the reader's scheme, light or dark; no script, no font of its own.

/** A value with the least and the greatest of its runs. */
export interface Point {
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

export interface Bar extends Point {
  readonly label: string;
  /** Ours: drawn in the colour that stands out. */
  readonly own: boolean;
  /** A first part of the bar, drawn darker: user time of all CPU time. */
  readonly first?: number;
}

export interface BarGroup {
  readonly label?: string;
  readonly bars: readonly Bar[];
}

/** Bars from left to right, one below the other. */
export interface BarChart {
  readonly title: string;
  readonly subtitle: string;
  /** With its unit. */
  readonly axis: string;
  readonly groups: readonly BarGroup[];
  /** What the two parts of a bar are. */
  readonly parts?: readonly [string, string];
  /** A line across all bars, at this value. */
  readonly reference?: number;
}

/** Several points in a line for each server, on a logarithmic axis. */
export interface DotChart {
  readonly title: string;
  readonly subtitle: string;
  readonly axis: string;
  readonly kinds: readonly string[];
  readonly lines: readonly {
    readonly label: string;
    readonly own: boolean;
    readonly points: readonly Point[];
  }[];
}

const width = 720;
const left = 190;
const right = 96;
const plotWidth = width - left - right;
const barHeight = 18;
const step = 27;

const style = `
text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #1f2328 }
.back { fill: #ffffff } .title { font-size: 16px; font-weight: 600 } .small { font-size: 12px; fill: #59636e }
.group { font-weight: 600 } .grid { stroke: #d8dee4 } .line { stroke: #1f2328; stroke-width: 1.5 }
.reference { stroke: #59636e; stroke-dasharray: 4 3 }
.own { fill: #5fb3a8 } .own.first { fill: #0f766e } .other { fill: #b6c2cf } .other.first { fill: #66788a }
.dot-0 { fill: #0f766e } .dot-1 { fill: #c2410c } .dot-2 { fill: #7c3aed } .range { stroke: #8c959f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .back { fill: #0d1117 } .small { fill: #9198a1 } .grid { stroke: #30363d }
  .line { stroke: #e6edf3 } .reference { stroke: #9198a1 }
  .own { fill: #2c8f83 } .own.first { fill: #5eead4 } .other { fill: #4b5661 } .other.first { fill: #8b98a5 }
  .dot-0 { fill: #5eead4 } .dot-1 { fill: #fb923c } .dot-2 { fill: #c4b5fd }
}`;

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Places after the point that a reader can use: three digits in all. */
export function digits(value: number): string {
  const size = Math.abs(value);
  return value.toLocaleString('en-US', {
    minimumFractionDigits: size < 10 ? 2 : size < 100 ? 1 : 0,
    maximumFractionDigits: size < 10 ? 2 : size < 100 ? 1 : 0,
  });
}

function svg(title: string, subtitle: string, height: number, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>${style}
</style>
<rect class="back" width="${width}" height="${height}"/>
<text class="title" x="16" y="28">${escapeXml(title)}</text>
<text class="small" x="16" y="48">${escapeXml(subtitle)}</text>
${content.join('\n')}
</svg>
`;
}

function text(x: number, y: number, content: string, classes = '', anchor = 'start'): string {
  const name = classes === '' ? '' : ` class="${classes}"`;
  return `<text${name} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, classes: string): string {
  return `<line class="${classes}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function rect(x: number, y: number, w: number, h: number, classes: string): string {
  return `<rect class="${classes}" x="${round(x)}" y="${round(y)}" width="${round(w)}" height="${round(h)}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Steps of 1, 2 or 5, at most six of them, and the end of the axis. */
export function ticks(max: number): { readonly values: readonly number[]; readonly end: number } {
  const rough = max / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const count = Math.ceil(max / size);
  return { values: Array.from({ length: count + 1 }, (_, i) => i * size), end: count * size };
}

/** From the least to the greatest run, with caps. */
function whisker(from: number, to: number, y: number, classes: string): string[] {
  if (to - from < 0.5) return [];
  const cap = (x: number) => line(x, y - 4, x, y + 4, classes);
  return [line(from, y, to, y, classes), cap(from), cap(to)];
}

function legend(entries: readonly (readonly [string, string])[], y: number): string[] {
  let x = left;
  return entries.flatMap(([classes, label]) => {
    const at = x;
    x += 26 + label.length * 7.2;
    const mark = classes.startsWith('dot')
      ? `<circle class="${classes}" cx="${at + 6}" cy="${y - 4}" r="5"/>`
      : rect(at, y - 10, 12, 12, classes);
    return [mark, text(at + 18, y, label, 'small')];
  });
}

export function barChart(chart: BarChart): string {
  const all = chart.groups.flatMap((group) => group.bars);
  const { values, end } = ticks(Math.max(...all.map((bar) => bar.max), chart.reference ?? 0));
  const at = (value: number) => left + (value / end) * plotWidth;
  const top = chart.parts === undefined ? 66 : 88;
  const titled = chart.groups.some((group) => group.label !== undefined);
  const bottom = top + all.length * step + (titled ? chart.groups.length * 30 : 0);
  const content = values.flatMap((value) => [
    line(at(value), top - 4, at(value), bottom, 'grid'),
    text(at(value), bottom + 18, value.toLocaleString('en-US'), 'small', 'middle'),
  ]);
  if (chart.parts !== undefined) {
    const [first, rest] = chart.parts;
    content.push(
      ...legend(
        [
          ['own first', first],
          ['own', rest],
        ],
        72,
      ),
    );
  }
  let y = top;
  for (const group of chart.groups) {
    if (group.label !== undefined) {
      content.push(text(16, y + 20, group.label, 'group'));
      y += 30;
    }
    for (const bar of group.bars) {
      content.push(...drawBar(bar, y, at));
      y += step;
    }
  }
  if (chart.reference !== undefined)
    content.push(line(at(chart.reference), top - 4, at(chart.reference), bottom, 'reference'));
  content.push(text(left + plotWidth / 2, bottom + 40, chart.axis, 'small', 'middle'));
  return svg(chart.title, chart.subtitle, bottom + 54, content);
}

function drawBar(bar: Bar, y: number, at: (value: number) => number): string[] {
  const kind = bar.own ? 'own' : 'other';
  const middle = y + barHeight / 2;
  const split = bar.first ?? bar.value;
  return [
    text(left - 10, middle + 4, bar.label, bar.own ? 'group' : '', 'end'),
    rect(left, y, at(split) - left, barHeight, `${kind} first`),
    rect(at(split), y, at(bar.value) - at(split), barHeight, kind),
    ...whisker(at(bar.min), at(bar.max), middle, 'line'),
    text(Math.max(at(bar.max), at(bar.value)) + 8, middle + 4, digits(bar.value)),
  ];
}

export function dotChart(chart: DotChart): string {
  const points = chart.lines.flatMap((server) => server.points);
  const low = Math.floor(Math.log10(Math.min(...points.map((point) => point.min))));
  const high = Math.ceil(Math.log10(Math.max(...points.map((point) => point.max))));
  const at = (value: number) => left + ((Math.log10(value) - low) / Math.max(high - low, 1)) * plotWidth;
  const top = 88;
  const bottom = top + chart.lines.length * step;
  const content: string[] = [];
  for (let power = low; power <= high; power += 1) {
    for (const factor of power === high || high - low > 3 ? [1] : [1, 2, 5]) {
      const value = factor * 10 ** power;
      content.push(line(at(value), top - 4, at(value), bottom, 'grid'));
      content.push(text(at(value), bottom + 18, value.toLocaleString('en-US'), 'small', 'middle'));
    }
  }
  content.push(
    ...legend(
      chart.kinds.map((kind, i) => [`dot-${i}`, kind] as const),
      72,
    ),
  );
  chart.lines.forEach((server, index) => {
    const y = top + index * step + barHeight / 2;
    content.push(text(left - 10, y + 4, server.label, server.own ? 'group' : '', 'end'));
    for (const point of server.points) content.push(...whisker(at(point.min), at(point.max), y, 'range'));
    server.points.forEach((point, kind) => {
      content.push(`<circle class="dot-${kind}" cx="${round(at(point.value))}" cy="${round(y)}" r="5"/>`);
    });
  });
  content.push(text(left + plotWidth / 2, bottom + 40, chart.axis, 'small', 'middle'));
  return svg(chart.title, chart.subtitle, bottom + 54, content);
}
