import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../helpers/processes.js';

/** What lib/index.ts exports: the name in its own file, and that file. */
function publicNames(): { readonly name: string; readonly file: string }[] {
  const index = readFileSync(join(root, 'lib/index.ts'), 'utf8');
  return [...index.matchAll(/export (?:type )?\{([^}]*)\} from '\.\/([^']+)\.js'/g)].flatMap(
    ([, names = '', file = '']) =>
      names
        .split(',')
        .map((name) =>
          name
            .replace(/^\s*type /, '')
            .trim()
            .replace(/ as .*/, ''),
        )
        .filter((name) => name !== '')
        .map((name) => ({ name, file: `lib/${file}.ts` })),
  );
}

/** The docstring in front of a declaration, also where its file only passes it on. */
function docstringOf(name: string, file: string): string | undefined {
  const text = readFileSync(join(root, file), 'utf8');
  const declared = new RegExp(
    `(/\\*\\*(?:[^*]|\\*(?!/))*\\*/\\n)?export (?:async )?(?:interface|type|class|function|const) ${name}\\b`,
  ).exec(text);
  if (declared !== null) return declared[1];
  const from = new RegExp(`export (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from '\\./([^']+)\\.js'`).exec(
    text,
  )?.[1];
  return from === undefined ? undefined : docstringOf(name, join(file, '..', `${from}.ts`));
}

test('every export of the package has a docstring', () => {
  const names = publicNames();
  assert.ok(names.length > 30, `${names.length} exports found`);
  const bare = names.filter(({ name, file }) => docstringOf(name, file) === undefined);
  assert.deepEqual(bare, []);
});

test('docs/library.md has every error code', () => {
  const table = /const exitStatus = \{([^}]*)\}/.exec(readFileSync(join(root, 'lib/errors.ts'), 'utf8'));
  const codes = [...(table?.[1] ?? '').matchAll(/CHAUSSETTE_ERR_\w+/g)].map(([code]) => code);
  const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `(CHAUSSETTE_ERR_\w+)`/gm)].map(([, code]) => code);
  assert.deepEqual(listed.sort(), codes.sort());
});
