import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { order, withNavigation } from '../../scripts/docs-navigation.js';
import { root } from '../helpers/processes.js';
import { type Page, pagesOf } from './markdown.js';

const pages = new Map(pagesOf(root).map((page) => [page.path, page]));

/** @returns What is wrong with a link, or undefined. */
function problemOf(page: Page, target: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [path = '', anchor] = target.split('#');
  if (path.startsWith('/')) return 'begins with /: it has to be relative to the page';
  const to = path === '' ? page.path : normalize(join(dirname(page.path), decodeURI(path)));
  if (to.startsWith('..')) return 'leads out of the repository';
  if (!existsSync(join(root, to))) return `there is no ${to}`;
  if (anchor === undefined) return undefined;
  const anchors = pages.get(to)?.anchors;
  if (anchors === undefined) return `${to} is no page with headings`;
  return anchors.has(anchor) ? undefined : `${to} has no heading #${anchor}`;
}

test('every relative link of every page leads somewhere', (t) => {
  let links = 0;
  const dead = [...pages.values()].flatMap((page) =>
    page.links.flatMap(({ line, target }) => {
      links += 1;
      const problem = problemOf(page, target);
      return problem === undefined ? [] : [`${page.path}:${line}: ${target}: ${problem}`];
    }),
  );
  t.diagnostic(`${links} links on ${pages.size} pages`);
  assert.deepEqual(dead, []);
});

test('each page of docs/ leads to its neighbours: `npm run docs`', () => {
  for (const { path } of order()) {
    const text = readFileSync(join(root, path), 'utf8');
    assert.equal(text, withNavigation(path, text), path);
  }
});

test('every page of docs/ can be reached from its index', () => {
  const index = pages.get('docs/README.md');
  assert.ok(index, 'docs/README.md is missing');
  const linked = new Set(
    index.links.map(({ target }) => normalize(join('docs', (target.split('#')[0] ?? '') || 'README.md'))),
  );
  const lost = [...pages.keys()].filter(
    (path) => path.startsWith('docs/') && path !== 'docs/README.md' && !linked.has(path),
  );
  assert.deepEqual(
    lost.map((path) => relative('docs', path)),
    [],
  );
});
