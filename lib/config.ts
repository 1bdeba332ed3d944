import { delimiter } from 'node:path';
import { parseArgs } from 'node:util';
import { pasteUri } from './app/spec.js';
import { readConfigFile } from './config-file.js';
import { ChaussetteError } from './errors.js';
import { add, type Given, type Layer } from './layer.js';
import {
  flagOf,
  type Option,
  type OptionName,
  type Options,
  optionNames,
  optionOf,
  variableOf,
} from './options.js';
import { parseDescriptor } from './sockets/address.js';
import { nearest } from './suggest.js';

/** What the command was asked to do. */
export interface Command {
  readonly options: Options;
  /** The import string; undefined for the built-in application. */
  readonly application: string | undefined;
  /** What comes after the application; it sees them in process.argv. */
  readonly arguments: readonly string[];
}

/** Where to serve is one decision: a source that names one of these replaces what a weaker one says of it. */
const placeOptions: readonly OptionName[] = ['fd', 'bind'];
const tcpOptions: readonly OptionName[] = ['host', 'port'];

/** Read the command line; what it leaves open comes from the environment, then the file of `--config`.
 *  @param argv Without node and the script.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming the option and its value. */
export async function parseCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Command> {
  const { layer: flags, positionals } = readFlags(argv);
  const layers = [flags, readEnvironment(env)];
  const file = (flags.get('config') ?? layers[1]?.get('config'))?.texts.at(-1);
  let [application, ...rest] = positionals;
  if (file !== undefined) {
    const config = await readConfigFile(file);
    layers.push(config.layer);
    if (application === undefined) {
      application = config.application;
      rest = [...config.arguments];
    }
  }
  layers.push(...(await pasteLayers(application)));
  return { options: readLayers(layers), application, arguments: rest };
}

/** What the file of a `paste:` application says of our options; it counts less than everything else.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE or CHAUSSETTE_ERR_PASTE, naming file, section and key. */
export async function pasteLayers(application: unknown): Promise<Layer[]> {
  const uri = pasteUri(application);
  return uri === undefined ? [] : [(await import('./config-paste.js')).readPasteServer(uri)];
}

/** Read options that a program gives, as `serve()` takes them: checked like those of the command line.
 *  @param weaker What counts where `given` says nothing.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming the option and its value. */
export function readOptions(
  given: Readonly<Record<string, unknown>>,
  weaker: readonly Layer[] = [],
): Options {
  const layer: Layer = new Map();
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const name = optionNames.find((candidate) => candidate === key);
    if (name === undefined) {
      const near = nearest(key, optionNames);
      throw usage(`unknown option ${key}${near === undefined ? '' : `: did you mean ${near}?`}`);
    }
    const octal = optionOf(name).kind === 'octal' && typeof value === 'number';
    const values: readonly unknown[] = octal ? [value.toString(8)] : Array.isArray(value) ? value : [value];
    for (const item of values) add(layer, name, name, String(item));
  }
  return readLayers([layer, ...weaker]);
}

function readFlags(argv: readonly string[]): { layer: Layer; positionals: string[] } {
  const { tokens } = parseArgs({
    args: [...argv],
    options: parserOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const layer: Layer = new Map();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const name = namesByFlag.get(token.name);
    if (name === undefined) throw unknownOption(token.rawName);
    const label = token.rawName;
    if (optionOf(name).kind === 'flag') {
      add(layer, name, label, token.value ?? 'true');
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      const unit = optionOf(name).unit ?? 'VALUE';
      throw usage(`${label} needs a value`, `Write ${label} ${unit}.`);
    } else {
      add(layer, name, label, token.value);
    }
  }
  return { layer, positionals };
}

const namesByFlag = new Map<string, OptionName>();
const parserOptions: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
for (const name of optionNames) {
  const { kind, short, aliases = [] } = optionOf(name);
  for (const flag of [flagOf(name), ...aliases]) {
    namesByFlag.set(flag, name);
    parserOptions[flag] = { type: kind === 'flag' ? 'boolean' : 'string', ...(short ? { short } : {}) };
  }
}

function unknownOption(flag: string): ChaussetteError {
  const near = nearest(flag.replace(/^-+/, ''), namesByFlag.keys());
  const remedy = near === undefined ? '`chaussette --help` lists all options' : `did you mean --${near}?`;
  return usage(
    `unknown option ${flag}: ${remedy}`,
    'Options for the application itself come after `--`: chaussette app.js -- --its-own.',
  );
}

function readEnvironment(env: NodeJS.ProcessEnv): Layer {
  const layer: Layer = new Map();
  for (const name of optionNames) {
    const variable = variableOf(name);
    const text = env[variable];
    const { command, kind } = optionOf(name);
    if (text === undefined || text === '' || command) continue;
    const texts = kind === 'list' ? text.split(',').map((part) => part.trim()) : [text];
    for (const part of texts) add(layer, name, variable, part);
  }
  return layer;
}

/** Merge the sources, the strongest first, and read the texts. */
function readLayers(layers: readonly Layer[]): Options {
  const values: Partial<Record<OptionName, unknown>> = {};
  let placed = false;
  let bound = false;
  for (const layer of layers) {
    const places = placeOptions.some((name) => layer.has(name));
    const binds = tcpOptions.some((name) => layer.has(name));
    if (!placed && !bound) refuseTwoPlaces(layer);
    for (const [name, given] of layer) {
      if (placeOptions.includes(name) && (placed || bound)) continue;
      if (tcpOptions.includes(name) && placed) continue;
      values[name] ??= read(optionOf(name), given);
    }
    placed ||= places && !bound;
    bound ||= binds;
  }
  for (const name of optionNames) values[name] ??= optionOf(name).default;
  return values as Options;
}

/** `--port` beside `--fd` is let pass, as in the original; it has no effect. */
function refuseTwoPlaces(layer: Layer): void {
  const place = layer.get('fd') ?? layer.get('bind');
  const tcp = layer.get('host') ?? (layer.has('bind') ? layer.get('port') : undefined);
  if (place === undefined || tcp === undefined) return;
  throw usage(
    `${tcp.label} and ${place.label} both say where to serve`,
    'To serve on several sockets, repeat --bind: --bind 127.0.0.1:8080 --bind fd://3.',
  );
}

/** One option's value. @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
function read(option: Option, given: Given): unknown {
  const text = given.texts.at(-1) ?? '';
  const fail = (wanted: string): ChaussetteError =>
    usage(`${given.label} is ${JSON.stringify(text)}: it must be ${wanted}`);
  switch (option.kind) {
    case 'flag':
      return readFlag(text, fail);
    case 'text':
      return readText(option, text, fail);
    case 'list':
      return given.texts;
    case 'paths':
      return given.texts.flatMap((part) => part.split(delimiter)).filter((part) => part !== '');
    case 'integer':
      return readNumber(option, /^-?\d+$/, text, 'a whole number', fail);
    case 'seconds':
      return readNumber(
        { min: 0, max: secondsMax },
        /^-?(\d+\.?\d*|\.\d+)$/,
        text,
        'a number of seconds',
        fail,
      );
    case 'bytes':
      return readBytes(option, text, fail);
    case 'octal':
      if (!/^(0o)?[0-7]{1,4}$/.test(text)) throw fail('an octal number such as 660 or 0022');
      return Number.parseInt(text.replace('0o', ''), 8);
    case 'descriptor':
      return parseDescriptor(text, given.label);
  }
}

type Fail = (wanted: string) => ChaussetteError;

/** Timers in Node hold 2^31 - 1 milliseconds; a day is plenty for all of ours. */
const secondsMax = 86_400;

function readFlag(text: string, fail: Fail): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw fail('true or false');
}

function readText(option: Option, text: string, fail: Fail): string {
  if (text.includes('\0')) throw fail('text without NUL');
  if (option.choices === undefined) return text;
  const found = option.choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
  if (found === undefined) throw fail(`one of ${option.choices.join(', ')}`);
  return found;
}

function readNumber(
  limits: { readonly min?: number; readonly max?: number },
  pattern: RegExp,
  text: string,
  what: string,
  fail: Fail,
): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = limits;
  const value = Number(text);
  if (!pattern.test(text) || value < min || value > max) throw fail(`${what} from ${min} to ${max}`);
  return value;
}

function readBytes(option: Option, text: string, fail: Fail): number {
  if (text.toLowerCase() === 'none' && option.default === 0) return 0;
  const [, digits, suffix = ''] = /^(\d+)([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  const value = Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(suffix.toLowerCase());
  const min = option.min ?? 0;
  if (digits === undefined || !Number.isSafeInteger(value) || value < min) {
    throw fail(`a number of bytes from ${min}, such as 65536 or 64k`);
  }
  return value;
}

function usage(message: string, hint?: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_USAGE', message, hint === undefined ? {} : { hint });
}
