import { spawnSync } from 'node:child_process';
import { basename, extname } from 'node:path';
import { root as rootDirectory } from '../helpers/processes.js';
import type { Block } from './markdown.js';
import type { Session } from './session.js';

const root = rootDirectory.replace(/\/$/, '');

/** What becomes of a block of one language. @throws when it is not true. */
type Check = (session: Session, block: Block) => Promise<void>;

/** A program that reads a file, and says what is wrong with it. */
interface Judge {
  /** The program that must be installed. */
  readonly program: string;
  readonly command: string;
}

const json: Judge = {
  program: 'node',
  command: 'node -e "JSON.parse(fs.readFileSync(process.argv[1]))" FILE',
};
const yaml: Judge = {
  program: 'python3',
  command: 'python3 -c "import sys, yaml; list(yaml.safe_load_all(open(sys.argv[1])))" FILE',
};
const iniFile =
  'python3 -c "import configparser, sys; configparser.RawConfigParser(strict=False).read_file(open(sys.argv[1]))" FILE';

/** ini is many things: who reads it is told by its sections. A file of `paste:` is run by the commands below it. */
const iniJudges: readonly (Judge & { readonly of: RegExp })[] = [
  {
    of: /^\[(?:Service|Socket)\]/m,
    program: 'systemd-analyze',
    command: 'systemd-analyze verify --man=no FILE',
  },
  {
    of: /^\[(?:fcgi-)?program:/m,
    program: 'supervisord',
    // With the Python that Supervisor is installed for.
    command: `$(sed -n '1s/^#!//p' "$(command -v supervisord)") ${root}/test/docs/read_supervisord.py FILE`,
  },
  { of: /^\[watcher:/m, program: 'python3', command: `python3 ${root}/test/docs/read_circus.py FILE` },
  { of: /^/, program: 'python3', command: iniFile },
];

/** What runs the blocks of each language; another one is an error. */
export const languages: Readonly<Record<string, Check>> = {
  sh: runShell,
  console: runConsole,
  js: runModule,
  ts: runModule,
  json: judged(() => json),
  yaml: judged(() => yaml),
  ini: judged((text) => iniJudges.find(({ of }) => of.test(text)) ?? json),
  nginx: judged(() => ({ program: 'nginx', command: 'nginx -t -c FILE' })),
  haproxy: judged(() => ({ program: 'haproxy', command: 'haproxy -c -f FILE' })),
};

/** Languages whose blocks only show something: each needs its marker. */
export const pictures: readonly string[] = ['text', 'http', 'dockerfile'];

async function runShell(session: Session, block: Block): Promise<void> {
  if (block.file !== undefined) {
    const file = session.write(block.file, block.text);
    await expectSuccess(session, `sh -n ${file}`);
    return;
  }
  for (const command of commandsOf(block.text)) await expectSuccess(session, command);
}

async function expectSuccess(session: Session, command: string): Promise<void> {
  const { status, output } = await session.run(command);
  if (status !== undefined && status !== 0)
    throw new Error(`\`${command}\` ended with ${status}:\n${output}`);
}

/** Logical lines: with what a backslash, a here-document or a loop continues. */
export function commandsOf(text: string): string[] {
  const commands: string[] = [];
  let open: string[] = [];
  let until: string | undefined;
  for (const line of text.split('\n')) {
    if (open.length === 0 && /^\s*(#.*)?$/.test(line)) continue;
    open.push(line);
    if (until !== undefined) {
      if (line !== until) continue;
      until = undefined;
    } else {
      until = /<<-?\s*['"]?(\w+)/.exec(line)?.[1];
      if (until !== undefined || line.endsWith('\\')) continue;
    }
    const words = open.join('\n').match(/\b(?:do|done)\b/g) ?? [];
    const depth = words.reduce((sum, word) => sum + (word === 'do' ? 1 : -1), 0);
    if (depth > 0) continue;
    commands.push(open.join('\n'));
    open = [];
  }
  if (open.length > 0) throw new Error(`this does not end: ${open.join('\n')}`);
  return commands;
}

/** `$ command`, and below it what it prints. */
async function runConsole(session: Session, block: Block): Promise<void> {
  const steps: { command: string; shown: string[] }[] = [];
  for (const line of block.text.trimEnd().split('\n')) {
    const last = steps.at(-1);
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), shown: [] });
    else if (last === undefined) throw new Error('a console block begins with `$ command`');
    else if (last.command.endsWith('\\')) last.command += `\n${line}`;
    else last.shown.push(line);
  }
  for (const { command, shown } of steps) {
    const pattern = patternOf(shown);
    const complete = (output: string) => pattern.test(normal(output));
    const { status, output } = await session.run(command, complete);
    if (!complete(output)) {
      throw new Error(`\`${command}\` is shown with\n${shown.join('\n')}\nand prints\n${output}`);
    }
    if (shown.length === 0 && status !== undefined && status !== 0) {
      throw new Error(`\`${command}\` ended with ${status}:\n${output}`);
    }
  }
}

/** `…` stands for anything, also for lines of its own. Without any line, anything may be printed. */
function patternOf(shown: readonly string[]): RegExp {
  if (shown.length === 0) return /^/;
  const lines = shown.map((line) =>
    line.trim() === '…'
      ? '(?:[^\\n]*\\n)*?'
      : `${normal(line).trimEnd().split('…').map(escaped).join('[^\\n]*')}[ \\t]*\\n`,
  );
  return new RegExp(`^${lines.join('')}$`);
}

/** Without what differs from run to run: dates, process ids, times. */
function normal(text: string): string {
  const plain = text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'DATE')
    .replace(/^date: .*$/gim, 'date: DATE')
    .replace(/\[\d+(\/\d+)?\]/g, '[PID$1]');
  return plain === '' || plain.endsWith('\n') ? plain : `${plain}\n`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Load it, in a process of its own: what it listens on, it listens on. */
async function runModule(session: Session, block: Block): Promise<void> {
  const file = session.write(fileOf(block), block.text);
  const loader = `${root}/test/docs/load.ts`;
  await expectSuccess(session, `node --import ${root}/node_modules/tsx/dist/loader.mjs ${loader} ${file}`);
}

/** Where a block of code is written. */
export function fileOf(block: Block): string {
  return block.file ?? `block-${block.line}.${block.language === 'ts' ? 'mts' : 'mjs'}`;
}

function judged(judge: (text: string) => Judge): Check {
  return async (session, block) => {
    const file = session.write(block.file ?? `block-${block.line}.${block.language}`, block.text);
    const { program, command } = judge(block.text);
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) {
      throw new Error(`${program} is not installed, so ${basename(file)} cannot be judged`);
    }
    const { status, output } = await session.run(command.replace('FILE', file));
    if (status !== 0)
      throw new Error(`${command.replace('FILE', basename(file))} ended with ${status}:\n${output}`);
    if (extname(file) === '.service' && output !== '') throw new Error(output);
  };
}
