import { readFileSync } from 'node:fs';
import { ChaussetteError } from './errors.js';
import { add, type Layer } from './layer.js';
import { flagOf, type OptionName, optionNames, optionOf } from './options.js';
import { nearest } from './suggest.js';

/** What a configuration file holds. */
export interface ConfigFile {
  readonly layer: Layer;
  readonly application: string | undefined;
  readonly arguments: readonly string[];
}

/** Read options from a JSON file. Comments and trailing commas are allowed. Keys are the options' names, in any
 *  spelling, and `application` and `arguments`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming file and key. */
export function readConfigFile(path: string): ConfigFile {
  const content = readJson(path);
  const layer: Layer = new Map();
  let application: string | undefined;
  let rest: readonly string[] = [];
  for (const [key, value] of Object.entries(content)) {
    const label = `${key} in ${path}`;
    if (value === null) continue;
    if (key === 'application') application = texts(value, label).join('');
    else if (key === 'arguments') rest = texts(value, label);
    else for (const text of texts(value, label)) add(layer, nameOf(key, path), label, text);
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
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw usage(`--config ${path} must hold one object: { "port": 8080 }`);
  }
  return { ...content };
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
