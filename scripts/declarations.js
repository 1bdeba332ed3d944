// What the package says to TypeScript and to require(), from what tsc has written to dist/: the declarations that the
// public ones name and no other, each a second time for CommonJS; and for require() a file that gives what import gives,
// so that there is one copy of the library in a process.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const entries = ['index', 'interfaces/wsgi-validate'];
const relativeImport = /((?:from|import\()\s*['"])(\.{1,2}\/[^'"]+)\.js(['"])/g;

const needed = new Set();
for (const entry of entries) add(join(dist, `${entry}.d.ts`));
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  const file = join(dist, name);
  if (/\.d\.c?ts$/.test(name) && !needed.has(file)) rmSync(file);
}
for (const file of needed) {
  const text = readFileSync(file, 'utf8').replaceAll(relativeImport, '$1$2.cjs$3');
  writeFileSync(file.replace(/ts$/, 'cts'), text);
}
for (const entry of entries) {
  const module = entry.slice(entry.lastIndexOf('/') + 1);
  writeFileSync(join(dist, `${entry}.cjs`), `'use strict';\nmodule.exports = require('./${module}.js');\n`);
}
// A preload exports nothing.
mkdirSync(join(dist, 'preload'), { recursive: true });
writeFileSync(join(dist, 'preload/register.d.cts'), 'export {};\n');

/** A file and what it imports of the package. */
function add(file) {
  if (needed.has(file)) return;
  needed.add(file);
  for (const [, , path] of readFileSync(file, 'utf8').matchAll(relativeImport)) {
    add(join(dirname(file), `${path}.d.ts`));
  }
}
