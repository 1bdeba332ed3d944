/** The text format of `test/conformance/fixtures/`. It is described in the README.md there. */

import type { Limits } from '../../lib/backends/backend.js';
import type { Framing } from './response-parser.js';

export type Step =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** Go on when so many responses (interim ones count) have arrived in all. */
  | { readonly kind: 'await'; readonly responses: number }
  /** Send FIN. */
  | { readonly kind: 'fin' };

export interface ExpectedCall {
  readonly method: string;
  readonly target: string;
  /** What the application read in all; undefined when it does not matter. */
  readonly body: Buffer | undefined;
  /** The call may be missing; when it is there, its body must not have come to an end. */
  readonly optional: boolean;
  /** No other call of this connection was open while this one was. */
  readonly alone: boolean;
}

export interface ExpectedResponse {
  /** Any of these. */
  readonly statuses: readonly number[];
  readonly toHead: boolean;
  readonly fields: readonly { readonly name: string; readonly value: string | undefined }[];
  readonly absent: readonly string[];
  readonly trailers: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly framing: Framing | undefined;
  readonly body: Buffer | undefined;
  readonly bodyBytes: number | undefined;
  /** `cut`: the server cuts the connection before the body is complete. */
  readonly truncated: boolean;
  /** `may 200 cut`: nothing of it need arrive before the cut. */
  readonly optional: boolean;
  /** `abrupt`: the server closes after it, but knew that too late to say so in the head. */
  readonly abrupt: boolean;
  readonly reason: string | undefined;
}

export interface Expectation {
  readonly calls: readonly ExpectedCall[];
  readonly responses: readonly ExpectedResponse[];
  /** `open`: the next request is answered. `close`: the server closes. `any`: either. */
  readonly then: 'open' | 'close' | 'any';
}

export interface Fixture {
  /** `framing/chunked-basic.http`. */
  readonly path: string;
  readonly title: string;
  readonly rfc: string;
  readonly limits: Partial<Limits>;
  /** Whether it holds for the llhttp of this Node. */
  readonly applies: boolean;
  readonly steps: readonly Step[];
  readonly expect: Expectation;
  /** Where a backend differs: what it does, and why. */
  readonly differences: ReadonlyMap<string, { readonly reason: string; readonly expect: Expectation }>;
}

/** One step of the stream as the fixture has it, with the number of the line for errors. */
interface Line {
  readonly number: number;
  readonly text: string;
}

interface Block {
  readonly key: string;
  readonly value: string;
  readonly line: number;
  readonly lines: Line[];
}

const escapes: Readonly<Record<string, string>> = {
  r: '\r',
  n: '\n',
  t: '\t',
  '0': '\0',
  '\\': '\\',
  '"': '"',
};

/** Turn `\r \n \t \0 \\ \" \xHH` and `\{N:text}` (text N times) into bytes.
 *  @throws {Error} for another escape, and for a character above 0x7e: a fixture is ASCII. */
export function toBytes(text: string): Buffer {
  const expanded = text.replace(/\\\{(\d+):((?:\\[^{]|[^\\}])*)\}/g, (_, count: string, part: string) =>
    part.repeat(Number(count)),
  );
  const plain = expanded.replace(
    /\\x([0-9a-fA-F]{2})|\\([^x])|[^\x20-\x7e]/g,
    (all, hex?: string, key?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const character = key === undefined ? undefined : escapes[key];
      if (character === undefined) throw new Error(`no such escape: ${JSON.stringify(all)}`);
      return character;
    },
  );
  return Buffer.from(plain, 'latin1');
}

/** Bytes in the notation of the fixtures, for messages. */
export function escapeBytes(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[^\x20-\x7e]|\\/g, (character) => {
      const known = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\0': '\\0', '\\': '\\\\' }[character];
      return known ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
    })
    .replaceAll('\\n', '\\n\n');
}

/** `below 9.4` or `from 9.4`. @returns Whether the llhttp of this Node is such a one. */
function parseLlhttp(text: string): boolean {
  const [, word, ...wanted] = /^(below|from) (\d+)\.(\d+)$/.exec(text) ?? [];
  if (word === undefined) throw new Error(`llhttp: ${text} is neither below nor from a version such as 9.4`);
  const [major = 0, minor = 0] = wanted.map(Number);
  const [ownMajor = 0, ownMinor = 0] = (process.versions['llhttp'] ?? '').split('.').map(Number);
  const isFrom = ownMajor > major || (ownMajor === major && ownMinor >= minor);
  return isFrom === (word === 'from');
}

/** Read one fixture.
 *  @param path Its name in messages, relative to the directory of the fixtures.
 *  @throws {Error} with path and line for whatever is not in the format. */
export function parseFixture(path: string, text: string): Fixture {
  const blocks = parseBlocks(path, text);
  let rfc = '';
  let limits: Partial<Limits> = {};
  let applies = true;
  const steps: Step[] = [];
  let expect: Expectation | undefined;
  const differences = new Map<string, { reason: string; expect: Expectation }>();
  for (const block of blocks) {
    try {
      if (block.key === 'rfc') rfc = block.value;
      else if (block.key === 'limits') limits = parseLimits(block.value);
      else if (block.key === 'llhttp') applies = parseLlhttp(block.value);
      else if (block.key === 'send') steps.push({ kind: 'send', bytes: joinLines(block.lines) });
      else if (block.key === 'await') steps.push({ kind: 'await', responses: wholeNumber(block.value) });
      else if (block.key === 'fin') steps.push({ kind: 'fin' });
      else if (block.key === 'expect') expect = parseExpectation(block.lines);
      else if (block.key === 'http' || block.key === 'native') {
        if (block.value === '') throw new Error('a difference needs its reason');
        differences.set(block.key, { reason: block.value, expect: parseExpectation(block.lines) });
      } else throw new Error(`unknown section ${JSON.stringify(block.key)}`);
    } catch (error) {
      throw new Error(`${path}:${block.line}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const title = /^# (.+)/.exec(text)?.[1];
  if (title === undefined) throw new Error(`${path}:1: the first line is \`# \` and what the fixture shows`);
  if (rfc === '') throw new Error(`${path}: no rfc: section`);
  if (expect === undefined || steps.length === 0) throw new Error(`${path}: send: and expect: are needed`);
  return { path, title, rfc, limits, applies, steps, expect, differences };
}

function parseBlocks(path: string, text: string): Block[] {
  const blocks: Block[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    if (line.startsWith('  ')) {
      const block = blocks.at(-1);
      if (block === undefined) throw new Error(`${path}:${index + 1}: a line before the first section`);
      block.lines.push({ number: index + 1, text: line.slice(2) });
      return;
    }
    const match = /^([a-z]+):(?: (.*))?$/.exec(line);
    if (match === null) throw new Error(`${path}:${index + 1}: neither a section nor an indented line`);
    blocks.push({ key: match[1] ?? '', value: match[2] ?? '', line: index + 1, lines: [] });
  });
  return blocks;
}

function joinLines(lines: readonly Line[]): Buffer {
  return Buffer.concat(lines.map((line) => toBytes(line.text)));
}

const limitNames: readonly (keyof Limits)[] = [
  'keepAliveMs',
  'headMs',
  'bodyMs',
  'writeMs',
  'headBytesMax',
  'bodyBytesMax',
  'connectionsMax',
  'inFlightMax',
  'queuedMax',
];

function parseLimits(text: string): Partial<Limits> {
  const limits: Partial<Record<keyof Limits, number>> = {};
  for (const part of text.split(' ')) {
    const [key, value] = part.split('=');
    const name = limitNames.find((known) => known === key);
    if (name === undefined || value === undefined) throw new Error(`no such limit: ${part}`);
    limits[name] = wholeNumber(value);
  }
  return limits;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`not a number: ${JSON.stringify(text)}`);
  return Number(text);
}

type Building = { -readonly [Key in keyof ExpectedResponse]: ExpectedResponse[Key] } & {
  fields: { name: string; value: string | undefined }[];
  absent: string[];
};

function parseExpectation(lines: readonly Line[]): Expectation {
  const calls: ExpectedCall[] = [];
  const responses: Building[] = [];
  let then: Expectation['then'] | undefined;
  for (const { text } of lines) {
    const times = /^(\d+) times (.*)$/.exec(text);
    const count = Number(times?.[1] ?? 1);
    const call = /^(call|may call|alone call) (\S+) (\S+)(?: "(.*)")?$/.exec(times?.[2] ?? text);
    const status = /^(?:(HEAD|may) )?(\d{3}(?:\|\d{3})*)( cut)?$/.exec(times?.[2] ?? text);
    if (text === 'then open') then = 'open';
    else if (text === 'then close') then = 'close';
    else if (text === 'then any') then = 'any';
    else if (call !== null) calls.push(...Array.from({ length: count }, () => expectedCall(call)));
    else if (status !== null)
      responses.push(...Array.from({ length: count }, () => expectedResponse(status)));
    else if (text.startsWith('  ')) addDetail(responses.at(-1), text.slice(2));
    else throw new Error(`not an expectation: ${JSON.stringify(text)}`);
  }
  if (then === undefined) throw new Error('`then open`, `then close` or `then any` is missing');
  return { calls, responses, then };
}

function expectedCall(match: RegExpExecArray): ExpectedCall {
  const body = match[4];
  return {
    method: match[2] ?? '',
    target: toBytes(match[3] ?? '').toString('latin1'),
    body: body === undefined ? undefined : toBytes(body),
    optional: match[1] === 'may call',
    alone: match[1] === 'alone call',
  };
}

function expectedResponse(match: RegExpExecArray): Building {
  return {
    statuses: (match[2] ?? '').split('|').map(Number),
    toHead: match[1] === 'HEAD',
    fields: [],
    absent: [],
    trailers: undefined,
    framing: undefined,
    body: undefined,
    bodyBytes: undefined,
    truncated: match[3] !== undefined,
    optional: match[1] === 'may',
    abrupt: false,
    reason: undefined,
  };
}

function addDetail(response: Building | undefined, text: string): void {
  if (response === undefined) throw new Error('a detail before the first status');
  const quoted = /^body "(.*)"$/.exec(text);
  const bytes = /^bytes (\d+)$/.exec(text);
  const framing = /^framing (none|length|chunked|close)$/.exec(text);
  const reason = /^reason "(.*)"$/.exec(text);
  const absent = /^no ([a-z0-9-]+)$/.exec(text);
  const trailer = /^trailer ([a-z0-9-]+): (.*)$/.exec(text);
  const field = /^([a-z0-9-]+):(?: (.*))?$/.exec(text);
  if (quoted !== null) response.body = toBytes(quoted[1] ?? '');
  else if (bytes !== null) response.bodyBytes = Number(bytes[1]);
  else if (framing !== null) response.framing = framing[1] as Framing;
  else if (reason !== null) response.reason = toBytes(reason[1] ?? '').toString('latin1');
  else if (text === 'abrupt') response.abrupt = true;
  else if (text === 'no trailers') response.trailers = [];
  else if (absent !== null) response.absent.push(absent[1] ?? '');
  else if (trailer !== null) {
    response.trailers = [...(response.trailers ?? []), { name: trailer[1] ?? '', value: trailer[2] ?? '' }];
  } else if (field !== null) {
    const value = field[2] === undefined ? undefined : toBytes(field[2]).toString('latin1');
    response.fields.push({ name: field[1] ?? '', value });
  } else throw new Error(`not a detail: ${JSON.stringify(text)}`);
}
