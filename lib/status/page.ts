import { script } from './page-script.js';

export { script };

/** Of the page, on its own: its hash stands in the Content-Security-Policy. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f1, #14171a); --card: light-dark(#ffffff, #1d2226); --ink: light-dark(#1c2126, #e8eaec);
  --soft: light-dark(#5a646d, #9aa5ae); --line: light-dark(#dfddd5, #2d353b);
  --a: light-dark(#0b6e75, #4cc3cb); --b: light-dark(#a85b00, #f0a94a); --c: light-dark(#a3254b, #f27a9c);
  --good: light-dark(#1a7443, #57c98a); --bad: light-dark(#b3261e, #ff8a80);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.5rem; display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; }
h1 { font-size: 1.35rem; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
#state { font-weight: 600; padding: .1rem .7rem; border-radius: 1rem; border: 1.5px solid currentColor; color: var(--soft); }
#state[data-state="serving"] { color: var(--good); }
#state[data-state="draining"], #state[data-state="lost"] { color: var(--bad); }
#where, #about { color: var(--soft); }
#about { flex-basis: 100%; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem; margin-top: 1.25rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem .7rem; min-width: 0; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 .75rem; color: var(--soft); }
.now { font-size: clamp(1.25rem, 4.5vw, 1.6rem); line-height: 1.25; font-variant-numeric: tabular-nums; font-weight: 600; }
.now small { font-size: .85rem; font-weight: 400; color: var(--soft); margin-left: .3rem; }
.key { display: inline-flex; align-items: center; gap: .3rem; margin-right: .6rem; font-size: .85rem; }
.key::before { content: ''; width: .9rem; border-top: 3px solid var(--stroke); }
.key.b::before { border-top-style: dashed; } .key.c::before { border-top-style: dotted; }
.a { --stroke: var(--a); } .b { --stroke: var(--b); } .c { --stroke: var(--c); }
svg { display: block; width: 100%; height: 7.5rem; overflow: visible; }
svg text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke: var(--stroke); stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.line.b { stroke-dasharray: 6 4; } .line.c { stroke-dasharray: 2 4; stroke-linecap: round; }
.area { fill: var(--stroke); opacity: .13; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 0 1.5rem; align-items: start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; color: var(--soft); } .n { text-align: right; }
#open th.n, #open td.n { text-align: left; white-space: nowrap; }
td.target { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .85rem; }
.none { color: var(--soft); }
footer { color: var(--soft); padding-top: 2rem; padding-bottom: 2rem; font-size: .9rem; }
a { color: var(--a); }
a:focus-visible { outline: 2px solid var(--a); outline-offset: 2px; }
`;

function chart(id: string, title: string, keys: readonly string[] = []): string {
  const legend = keys.map((key, i) => `<span class="key ${'abc'[i]}">${key}</span>`).join('');
  return `<figure id="${id}"><figcaption><span>${title}</span><span>${legend}</span></figcaption><div class="now">–</div></figure>`;
}

/** One page, with all that it needs. */
export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chaussette</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Chaussette</h1><span id="state" role="status" data-state="asking">asking</span><span id="where"></span>
<div id="about"></div>
</header>
<main>
<div class="charts">
${chart('rate', 'Requests per second')}
${chart('latency', 'Latency', ['p50', 'p90', 'p99'])}
${chart('connections', 'Connections', ['open', 'requests in flight'])}
${chart('lag', 'Event loop delay')}
${chart('bytes', 'Bytes per second', ['out', 'in'])}
${chart('cpu', 'CPU of the process')}
</div>
<div class="tables">
<section><h2>Answers since the start</h2><div class="scroll" id="statuses"></div></section>
<section><h2>Refused before the application</h2><div class="scroll" id="refusals"></div></section>
<section id="threads-section" hidden><h2>Threads</h2><div class="scroll" id="threads"></div></section>
<section><h2>In flight, the oldest first</h2><div class="scroll" id="open"></div></section>
</div>
</main>
<footer>The last two minutes, asked once a second. For machines: <a href="metrics">metrics</a>, <a href="health">health</a>.</footer>
<script>${script}</script>
</body>
</html>
`;
