import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ChaussetteError } from './errors.js';
import { add, type Layer } from './layer.js';
import { flagOf, type OptionName, type Options, optionNames, optionOf } from './options.js';
import { nearest } from './suggest.js';

/** What a configuration file in TypeScript or JavaScript exports by default: the options in camelCase, durations in
 *  seconds, sizes in bytes. */
export interface Config
  extends Partial<Omit<Options, 'check' | 'completion' | 'config' | 'help' | 'listBackends' | 'version'>> {
  /** The import string. */
  readonly application?: string;
  /** What the application finds in process.argv. */
  readonly arguments?: readonly (string | number)[];
}

/** What a configuration file holds. */
export interface ConfigFile {
  readonly layer: Layer;
  readonly application: string | undefined;
  readonly arguments: readonly string[];
}

/** Read options from a JSON file, where comments and trailing commas are allowed, or from the default export of a
 *  module in JavaScript or TypeScript. Keys are the options' names, in any spelling, and `application` and `arguments`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming file and key. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const isModule = /\.[cm]?[jt]s$/.test(path);
  const content = isModule ? await importConfig(path) : readJson(path);
  const layer: Layer = new Map();
  let application: string | undefined;
  let rest: readonly string[] = [];
  for (const [key, value] of Object.entries(content)) {
    const label = `${key} in ${path}`;
    // Editors look for the schema there (docs/config.schema.json).
    if (value === null || value === undefined || key === '$schema') continue;
    if (key === 'application') application = texts(value, label).join('');
    else if (key === 'arguments') rest = texts(value, label);
    else {
      const name = nameOf(key, path);
      // In a module it is a number such as 0o660, which JSON cannot write.
      const octal = isModule && optionOf(name).kind === 'octal' && typeof value === 'number';
      for (const text of texts(octal ? value.toString(8) : value, label)) add(layer, name, label, text);
    }
  }
  return { layer, application, arguments: rest };
}

function readJson(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw usage(`--config ${path} cannot be read: ${why}`, cause);
  }
  let content: unknown;
  try {
    content = JSON.parse(plainJson(text));
  } catch (cause) {
    throw usage(`--config ${path} is not JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  if (!isObject(content)) throw usage(`--config ${path} must hold one object: { "port": 8080 }`);
  return content;
}

async function importConfig(path: string): Promise<Record<string, unknown>> {
  let content: unknown;
  try {
    if (/ts$/.test(path)) await (await import('./app/load.js')).enableTypeScript();
    const module = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown };
    content = module.default;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw usage(`--config ${path} threw while it was loaded: ${why}`, cause);
  }
  // What CommonJS exports is the default of a default, once it is compiled from TypeScript.
  if (isObject(content) && content['__esModule'] === true) content = content['default'];
  if (!isObject(content))
    throw usage(`--config ${path} must export one object: export default { port: 8080 }`);
  return content;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The option that a key of a file means, in any spelling.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export function nameOf(key: string, path: string): OptionName {
  const flag = flagOf(key).replaceAll('_', '-');
  const found = optionNames.find(
    (name) => !optionOf(name).command && (flagOf(name) === flag || optionOf(name).aliases?.includes(flag)),
  );
  if (found !== undefined && found !== 'config') return found;
  const near = nearest(flag, optionNames.map(flagOf));
  throw usage(`unknown option ${key} in ${path}${near === undefined ? '' : `: did you mean ${near}?`}`);
}

function texts(value: unknown, label: string): string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((item) => {
    if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean')
      return String(item);
    throw usage(`${label} must be text, a number, true or false, or a list of these`);
  });
}

/** JSON without the comments and trailing commas of JSONC. Line numbers stay as they are. */
export function plainJson(text: string): string {
  // A string, or a comment, or a comma that only blanks and comments part from a closing bracket.
  const pieces =
    /("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/|,(?=(?:\s|\/\/[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*[\]}])/g;
  return text.replace(/^\uFEFF/, '').replace(pieces, (piece, string: string | undefined) => {
    return string ?? piece.replace(/[^\n]/g, '');
  });
}

function usage(message: string, cause?: unknown): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_USAGE', message, cause === undefined ? {} : { cause });
}
