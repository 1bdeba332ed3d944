import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { helpText } from '../../lib/help.js';
import { generated } from '../../scripts/option-docs.js';

for (const { path, text } of generated) {
  test(`${path} is what \`npm run docs\` makes of the table`, () => {
    assert.equal(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), text());
  });
}

test('--help fits 80 columns', () => {
  const long = helpText()
    .split('\n')
    .filter((line) => line.length > 80);
  assert.deepEqual(long, []);
});
