import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { root } from '../helpers/processes.js';
import { languages, pictures } from './languages.js';
import { type Block, type Page, pagesOf } from './markdown.js';
import { Session } from './session.js';

/** `DOCS_PAGES=start,tls` follows only pages whose path contains one of these. */
const wanted = (process.env['DOCS_PAGES'] ?? '').split(',');
const pages = pagesOf(root).filter(
  ({ path, blocks }) => blocks.length > 0 && wanted.some((part) => path.includes(part)),
);

function runs(block: Block): boolean {
  return block.notRun === undefined;
}

test('every block has a language that is run here, or says why it is not', (t) => {
  const wrong: string[] = [];
  let run = 0;
  for (const page of pages) {
    for (const block of page.blocks) {
      const place = `${page.path}:${block.line}`;
      const known = block.language in languages || pictures.includes(block.language);
      if (!known) wrong.push(`${place}: the language is ${JSON.stringify(block.language)}`);
      else if (!runs(block)) t.diagnostic(`not run: ${place} ${block.language}: ${block.notRun}`);
      else if (pictures.includes(block.language))
        wrong.push(`${place}: \`<!-- not run: REASON -->\` is missing above it`);
      else run += 1;
    }
  }
  t.diagnostic(`${run} blocks on ${pages.length} pages are run`);
  assert.deepEqual(wrong, []);
});

async function follow(
  page: Page,
  step: (name: string, run: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const session = await Session.open(page);
  try {
    for (const block of page.blocks.filter(runs)) {
      const check = languages[block.language];
      if (check !== undefined)
        await step(`line ${block.line}, ${block.language}`, () => check(session, block));
    }
  } finally {
    await session.close();
  }
}

describe('pages, followed from top to bottom', { concurrency: 2 }, () => {
  for (const page of pages.filter(({ blocks }) => blocks.some(runs))) {
    test(page.path, (t) => follow(page, (name, run) => t.test(name, run)));
  }
});
