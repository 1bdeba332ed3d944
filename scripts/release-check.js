// Whether this tree may be published; npm asks before it does (`prepublishOnly`). See CONTRIBUTING.md, "A release".
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const { version, repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const problems = [];

const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
const heading = changelog.split('\n').find((line) => line.startsWith(`## ${version} - `));
if (!heading || !/ - \d{4}-\d{2}-\d{2}$/.test(heading)) {
  problems.push(`CHANGELOG.md has no dated section: write "## ${version} - YYYY-MM-DD"`);
}
if (repository === undefined) {
  problems.push('package.json names no repository: npm refuses provenance without one');
}
for (const arch of ['x64', 'arm64']) {
  const binary = `prebuilds/linux-${arch}/chaussette-server.glibc.node`;
  const hint = `run \`npm run prebuilds -- ${arch}\``;
  if (!existsSync(join(root, binary))) problems.push(`${binary} is missing: ${hint}`);
  else if (modified(binary) < newestSource()) problems.push(`${binary} is older than native/: ${hint}`);
}

for (const problem of problems) console.error(`release: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;

function newestSource() {
  const names = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' });
  return Math.max(...names.map((name) => modified(join('native', name))));
}

function modified(path) {
  return statSync(join(root, path)).mtimeMs;
}
