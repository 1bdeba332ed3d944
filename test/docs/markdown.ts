import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A fenced block of a page. */
export interface Block {
  readonly line: number;
  /** The first word behind the fence; '' when there is none. */
  readonly language: string;
  readonly text: string;
  /** Why it is not run: `<!-- not run: REASON -->` above it. */
  readonly notRun?: string;
  /** The file that it is, when the paragraph above ends with its name in code and a colon. */
  readonly file?: string;
}

/** A link or a picture of a page. */
export interface Link {
  readonly line: number;
  readonly target: string;
}

/** One Markdown file. */
export interface Page {
  /** Relative to the package. */
  readonly path: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** The anchors that GitHub makes of its headings. */
  readonly anchors: ReadonlySet<string>;
}

const fence = /^(\s*)(```+|~~~+)\s*(\S*)/;

/** Every Markdown file of the package, but for what is installed or built. */
export function pagesOf(root: string): Page[] {
  const passed = /(^|\/)(node_modules|build[^/]*|dist|coverage|\.[^/]+)\//;
  const names = readdirSync(root, { withFileTypes: true })
    .filter((entry) => !passed.test(`${entry.name}/`))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(root, entry.name), { recursive: true, encoding: 'utf8' }).map((name) =>
            join(entry.name, name),
          )
        : [entry.name],
    );
  return names
    .filter((name) => name.endsWith('.md') && !passed.test(name))
    .sort()
    .map((name) => readPage(root, join(root, name)));
}

/** @throws when a fence is not closed. */
export function readPage(root: string, file: string): Page {
  const lines = readFileSync(file, 'utf8').split('\n');
  const path = relative(root, file);
  const blocks: Block[] = [];
  const links: Link[] = [];
  const anchors = new Set<string>();
  for (let index = 0; index < lines.length; index += 1) {
    const opened = fence.exec(lines[index] ?? '');
    if (opened === null) {
      addAnchors(anchors, lines[index] ?? '');
      links.push(...linksOf(lines[index] ?? '', index + 1));
      continue;
    }
    const [, indent = '', mark = '', language = ''] = opened;
    const end = lines.findIndex((line, at) => at > index && line.trim() === mark);
    if (end < 0) throw new Error(`${path}:${index + 1}: the fence is not closed`);
    const text = lines
      .slice(index + 1, end)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    blocks.push({ line: index + 1, language, text: `${text.join('\n')}\n`, ...sayings(lines, index) });
    index = end;
  }
  return { path, blocks, links, anchors };
}

/** What stands above the fence of line `index`. */
function sayings(lines: readonly string[], index: number): Pick<Block, 'notRun' | 'file'> {
  let at = index - 1;
  while (at >= 0 && lines[at]?.trim() === '') at -= 1;
  const notRun = /^<!-- not run: (.+) -->$/.exec(lines[at]?.trim() ?? '')?.[1];
  if (notRun !== undefined) return { notRun };
  const file = /`([\w./@-]+)`(?: [^`]*)?:$/.exec(lines[at]?.trimEnd() ?? '')?.[1];
  return file?.includes('.') ? { file } : {};
}

function linksOf(line: string, number: number): Link[] {
  const plain = line.replace(/`[^`]*`/g, '');
  const found = [
    ...plain.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g),
    ...plain.matchAll(/(?:src|srcset|href)="([^"]+)"/g),
    ...plain.matchAll(/^\[[^\]]+\]: (\S+)/g),
  ];
  return found.map(([, target = '']) => ({ line: number, target }));
}

/** The anchors of a heading, as GitHub makes them, and of `<a id>`. */
function addAnchors(anchors: Set<string>, line: string): void {
  for (const [, id = ''] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  const heading = /^#{1,6} +(.+?)(?: +#+)?$/.exec(line)?.[1];
  if (heading === undefined) return;
  const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  const slug = words.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
  let anchor = slug;
  for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
  anchors.add(anchor);
}
