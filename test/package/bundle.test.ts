// What scripts/bundle-constants.js is for: V8 compiles a constant in only where it is neither exported nor imported.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const files = ['cli.js', 'index.js', ...readdirSync(join(dist, 'chunks')).map((name) => `chunks/${name}`)];

interface Names {
  readonly exported: string[];
  readonly imported: string[];
  readonly constants: Set<string>;
}

/** The names in a file, as rollup writes them. */
function namesOf(file: string): Names {
  const text = readFileSync(join(dist, file), 'utf8');
  const firsts = (list: string) => list.split(',').map((one) => one.trim().split(' as ')[0] ?? '');
  const lasts = (list: string) => list.split(',').map((one) => one.trim().split(' as ').at(-1) ?? '');
  return {
    exported: [...text.matchAll(/^export \{ ([^}]*) \};/gm)].flatMap(([, list = '']) => firsts(list)),
    imported: [...text.matchAll(/^import \{ ([^}]*) \} from '\./gm)].flatMap(([, list = '']) => lasts(list)),
    constants: new Set([...text.matchAll(/^const ([\w$]+) = /gm)].map(([, name = '']) => name)),
  };
}

test('the native backend is in the files that are read here, with constants', () => {
  const native = files.filter((file) => file.startsWith('chunks/native-')).map(namesOf);
  assert.equal(native.length, 1);
  assert.ok((native[0]?.constants.size ?? 0) > 100, 'const became var');
  assert.ok((native[0]?.exported.length ?? 0) > 30);
});

for (const file of files) {
  const { exported, imported, constants } = namesOf(file);
  test(`dist/${file} uses no constant by the name under which it is exported or imported`, () => {
    const uncopied = exported.filter((name) => constants.has(name) && !name.endsWith('$out'));
    assert.deepEqual(uncopied, []);
    const direct = imported.filter((name) => !name.endsWith('$in'));
    assert.deepEqual(direct, []);
  });
}
