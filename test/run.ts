// The test runner behind `npm test`: test/<suite>/**/*.test.ts, each file in a process of its own.
//
//   node --import tsx test/run.ts [suite | path …] [--jobs N] [--no-skip]
//
// The last line is `N passed, N failed, N skipped`; the status is 1 when a test failed or none ran.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './helpers/built.js';
import { describeError } from './helpers/describe-error.js';

const testDirectory = fileURLToPath(new URL('.', import.meta.url));
const root = resolve(testDirectory, '..');

/** In the order in which they run; `processes` is how many files of it run at a time. The suites that put load on
 *  real processes have the machine for themselves. */
const suites = [
  { name: 'unit', processes: availableParallelism() },
  { name: 'package', processes: 1 },
  { name: 'conformance', processes: availableParallelism() },
  { name: 'behaviour', processes: availableParallelism() },
  { name: 'compat', processes: availableParallelism() },
  { name: 'lifetime', processes: 1 },
  { name: 'managers', processes: 2 },
  { name: 'native', processes: 1 },
  { name: 'docs', processes: availableParallelism() },
] as const;

/** A file that takes longer is stopped and counts as failed. */
const fileMsMax = 10 * 60_000;

interface Failure {
  readonly title: string;
  readonly error: unknown;
  readonly file: string;
  /** What the file printed. */
  output: string;
}

interface Skip {
  readonly title: string;
  readonly reason: string;
}

/** What one suite came to. */
class Tally {
  passed = 0;
  readonly failures: Failure[] = [];
  readonly skips: Skip[] = [];

  add(other: Tally): void {
    this.passed += other.passed;
    this.failures.push(...other.failures);
    this.skips.push(...other.skips);
  }

  get line(): string {
    return `${this.passed} passed, ${this.failures.length} failed, ${this.skips.length} skipped`;
  }

  get ran(): number {
    return this.passed + this.failures.length;
  }
}

/** The fields of node:test's events that are used here, in every Node from 20 on. */
interface EventData {
  readonly name?: string;
  readonly file?: string;
  readonly nesting?: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly message?: string;
  readonly details?: { readonly type?: string; readonly error?: unknown };
}

function filesOf(suite: string): string[] {
  let names: string[];
  try {
    names = readdirSync(join(testDirectory, suite), { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(testDirectory, suite, name));
}

async function runSuite(suite: string, files: string[], concurrency: number): Promise<Tally> {
  const tally = new Tally();
  console.log(`\n# ${suite}`);
  const started = performance.now();
  const left = [...files];
  const work = async (): Promise<void> => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) await runFile(tally, file);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, work));
  for (const failure of tally.failures) printFailure(failure);
  for (const skip of tally.skips) console.log(`skipped: ${skip.title} - ${skip.reason}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${suite}: ${tally.line} (${files.length} files, ${seconds} s)`);
  return tally;
}

/** What one file reports. An event tells where its test is defined, which may be a helper that many files share. */
interface Report {
  readonly tally: Tally;
  readonly file: string;
  /** The names from the outermost group down to the test that is reported now. */
  path: string[];
  output: string;
}

async function runFile(tally: Tally, file: string): Promise<void> {
  const report: Report = { tally, file, path: [], output: '' };
  const before = tally.failures.length;
  for await (const event of run({ files: [file], concurrency: 1, timeout: fileMsMax })) {
    record(report, event.type, event.data as EventData);
  }
  for (const failure of tally.failures.slice(before)) {
    if (failure.file === file) failure.output = report.output;
  }
}

function record(report: Report, type: string, data: EventData): void {
  const { tally, file } = report;
  if (type === 'test:start') {
    report.path = [...report.path.slice(0, data.nesting ?? 0), data.name ?? ''];
  } else if (type === 'test:stdout' || type === 'test:stderr') {
    report.output += data.message ?? '';
  } else if (type === 'test:pass') {
    recordPass(report, data);
  } else if (type === 'test:diagnostic' && (data.nesting ?? 0) > 0) {
    console.log(data.message); // Numbers that a test is asked to show.
  } else if (type === 'test:fail') {
    const error = data.details?.error;
    if (kindOf(error) === 'subtestsFailed') return; // Its subtests have been counted.
    const title = titleOf(report, data);
    if (data.todo) tally.skips.push({ title, reason: `to do: ${reasonOf(data.todo)}` });
    else tally.failures.push({ title, error, file, output: '' });
  }
}

function recordPass(report: Report, data: EventData): void {
  const { tally, file } = report;
  if (data.skip !== undefined && data.skip !== false) {
    tally.skips.push({ title: titleOf(report, data), reason: reasonOf(data.skip) });
  } else if (data.todo) {
    tally.skips.push({ title: titleOf(report, data), reason: `to do: ${reasonOf(data.todo)}` });
  } else if (isFile(report, data)) {
    const error = new Error(`${relative(root, file)} holds no test: add one, or remove the file`);
    tally.failures.push({ title: relative(root, file), error, file, output: '' });
  } else if (data.details?.type !== 'suite') {
    tally.passed += 1;
  }
}

/** Whether this stands for a whole file: node:test reports one only when the file reported nothing itself. */
function isFile({ file }: Report, data: EventData): boolean {
  return data.nesting === 0 && resolve(root, data.name ?? '') === file;
}

/** `group: test (file)`. */
function titleOf(report: Report, data: EventData): string {
  const file = relative(root, report.file);
  if (isFile(report, data)) return file;
  return `${[...report.path.slice(0, data.nesting ?? 0), data.name].join(': ')} (${file})`;
}

function reasonOf(mark: string | boolean): string {
  return typeof mark === 'string' && mark !== '' ? mark : 'no reason given';
}

function kindOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'failureType' in error
    ? error.failureType
    : undefined;
}

function printFailure(failure: Failure): void {
  console.log(`\n${cut(`FAILED: ${failure.title}`)}`);
  console.log(indent(cut(describeError(failure.error) + endOfProcess(failure.error))));
  const output = failure.output.trimEnd();
  if (output !== '') console.log(indent(`what the file printed:\n${cut(output)}`));
}

/** The begin and the end of a text for people: a difference between two bodies may have megabytes. */
function cut(text: string): string {
  const most = 8000;
  if (text.length <= most) return text;
  return `${text.slice(0, most / 2)}\n[${text.length - most} characters left out]\n${text.slice(-most / 2)}`;
}

/** How the process of a test file ended, for a failure that is not a test's own. */
function endOfProcess(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('exitCode' in error)) return '';
  const signal = 'signal' in error && error.signal ? `, signal ${error.signal}` : '';
  return ` (the process ended with code ${error.exitCode}${signal})`;
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}

/** What to run: everything, or what the arguments name. */
function select(names: readonly string[]): Map<string, string[]> {
  const chosen = new Map<string, string[]>();
  const wanted = names.map((name) => (suites.some((s) => s.name === name) ? name + sep : name));
  for (const suite of suites) {
    const files = filesOf(suite.name).filter(
      (file) =>
        wanted.length === 0 ||
        wanted.some((name) => relative(testDirectory, file).startsWith(name) || resolve(name) === file),
    );
    if (files.length > 0) chosen.set(suite.name, files);
  }
  return chosen;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { jobs: { type: 'string' }, 'no-skip': { type: 'boolean' } },
  });
  const chosen = select(positionals);
  if (chosen.size === 0) {
    console.error(`no test file matches ${JSON.stringify(positionals)}: name a suite or a path under test/`);
    return 1;
  }
  const problem = ensureBuilt(root);
  if (problem !== undefined) {
    console.error(problem);
    return 1;
  }
  const total = new Tally();
  for (const { name, processes } of suites) {
    const files = chosen.get(name);
    if (files === undefined) continue;
    total.add(await runSuite(name, files, Number(values.jobs ?? processes)));
  }
  console.log('\n# all suites');
  for (const { title, reason } of total.skips) console.log(`skipped: ${title} - ${reason}`);
  for (const { title } of total.failures) console.log(`failed: ${title}`);
  if (total.ran === 0) console.log('no test ran');
  if (values['no-skip'] && total.skips.length > 0) console.log('--no-skip: a skipped test counts as failed');
  console.log(total.line);
  const skipped = values['no-skip'] ? total.skips.length : 0;
  return total.failures.length + skipped > 0 || total.ran === 0 ? 1 : 0;
}

process.exitCode = await main();
