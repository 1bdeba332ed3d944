// The last line of each page of docs/, from the order of docs/README.md: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const index = 'docs/README.md';

interface Entry {
  /** Relative to the repository. */
  readonly path: string;
  readonly title: string;
}

/** The pages of docs/ in the order of the index. */
export function order(): readonly Entry[] {
  const text = readFileSync(join(root, index), 'utf8');
  return [...text.matchAll(/^- \[([^\]]+)\]\(([^).][^)]*\.md)\)/gm)].map(([, title = '', target = '']) => ({
    path: join(dirname(index), target),
    title,
  }));
}

/** @returns The text of a page with its way to the one before, the index, and the one behind. */
export function withNavigation(path: string, text: string): string {
  const pages = order();
  const at = pages.findIndex((page) => page.path === path);
  const plain = `${text.replace(/\n*<!-- navigation -->[\s\S]*$/, '').trimEnd()}\n`;
  if (at < 0) return plain;
  const link = (title: string, to: string) => `[${title}](${relative(dirname(path), to)})`;
  const [before, behind] = [pages[at - 1], pages[at + 1]];
  const ways = [
    ...(before === undefined ? [] : [link(`← ${before.title}`, before.path)]),
    link('Contents', index),
    ...(behind === undefined ? [] : [link(`${behind.title} →`, behind.path)]),
  ];
  return `${plain}\n<!-- navigation -->\n\n---\n\n${ways.join(' · ')}\n`;
}

/** Write it into every page. */
export function navigate(): void {
  for (const { path } of order()) {
    const text = readFileSync(join(root, path), 'utf8');
    writeFileSync(join(root, path), withNavigation(path, text));
  }
}
