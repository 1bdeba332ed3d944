import { createRequire } from 'node:module';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ChaussetteError } from '../errors.js';
import { Places } from './resolve.js';
import { isPath, parseSpec, type Spec } from './spec.js';

/** Exports that are looked for when the import string names none. */
const defaultNames = ['app', 'application', 'handler', 'default'] as const;

/** An application, as its module exports it. */
export interface LoadedApplication {
  readonly application: unknown;
  /** What people read: `server.js:app`. */
  readonly description: string;
}

/** Where to look, and what the application sees. */
export interface LoadOptions {
  /** Directories that are searched after `cwd`. */
  readonly modulePaths: readonly string[];
  readonly cwd: string;
  /** Handed over in `process.argv`, behind the file. Without them `process.argv` stays as it is: a hook. */
  readonly arguments?: readonly string[];
  /** Called before a module is imported whose import string names no export: it may be a program. */
  readonly beforeProgram?: (shown: string) => Promise<void>;
}

/** Import what an import string names.
 *  @param spec `module:attr`, `package.module.attr`, `./server.ts`, `module:factory()`; undefined for the built-in
 *  hello application.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_APP_NOT_FOUND with the places that were tried, CHAUSSETTE_ERR_APP_THREW
 *  with the error of the application as its cause, CHAUSSETTE_ERR_APP_NO_EXPORT with the exports that there are,
 *  CHAUSSETTE_ERR_APP_INVALID for a factory that is none, CHAUSSETTE_ERR_USAGE for what is no import string. */
export async function loadApplication(
  spec: string | undefined,
  options: LoadOptions,
): Promise<LoadedApplication> {
  if (spec === undefined) {
    const { application } = await import('./hello.js');
    return { application, description: 'hello (built in)' };
  }
  const parsed = parseSpec(spec);
  const { file, attribute } = findModule(parsed, options);
  const shown = shorten(file, options.cwd);
  if (options.arguments !== undefined) {
    process.argv.splice(1, Number.POSITIVE_INFINITY, file, ...options.arguments);
  }
  if (attribute.length === 0 && !parsed.call && options.beforeProgram !== undefined) {
    runAsMain(file);
    await options.beforeProgram(shown);
  }
  const exported = await importModule(file, shown);
  const { value, name } =
    attribute.length > 0 ? follow(exported, attribute, shown) : firstDefault(exported, shown);
  if (!parsed.call) return { application: value, description: `${shown}:${name}` };
  return { application: await callFactory(value, name, shown), description: `${shown}:${name}()` };
}

function findModule(spec: Spec, options: LoadOptions): { file: string; attribute: readonly string[] } {
  const places = new Places();
  const directories = [options.cwd, ...options.modulePaths.map((path) => resolve(options.cwd, path))];
  for (const { module, attribute } of spec.candidates) {
    const roots = /^\.{0,2}\//.test(module) ? [options.cwd] : directories;
    for (const directory of roots) {
      const file = places.findFile(resolve(directory, module));
      if (file !== undefined) return { file, attribute };
    }
    if (isPath(module)) continue;
    for (const directory of directories) {
      const file = places.findPackage(module, directory);
      if (file !== undefined) return { file, attribute };
    }
  }
  const tried = [...new Set(places.tried)].map((place) => shorten(place, options.cwd));
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_APP_NOT_FOUND',
    `there is no module for ${JSON.stringify(spec.text)}; tried ${tried.join(', ')}`,
    {
      hint: `Name a file, or run in the directory of the application (this is ${options.cwd}), or use --module-path.`,
    },
  );
}

/** Let the module find itself in `require.main`, as a program does that is run by node. */
function runAsMain(file: string): void {
  const { cache } = createRequire(import.meta.url);
  Object.defineProperty(process, 'mainModule', {
    get: () => cache[file],
    configurable: true,
    enumerable: true,
  });
}

/** @returns The namespace of the module. */
async function importModule(file: string, shown: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    if (/\.(?:[cm]?ts|tsx|jsx)$/.test(file)) await enableTypeScript();
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new ChaussetteError(
      'CHAUSSETTE_ERR_APP_THREW',
      `${shown} threw while it was loaded: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

let typeScript: Promise<void> | undefined;

/** From here on TypeScript is compiled as it is imported; only for those who have some, since it takes time. */
export function enableTypeScript(): Promise<void> {
  typeScript ??= (async () => {
    const [esm, cjs] = await Promise.all([import('tsx/esm/api'), import('tsx/cjs/api')]);
    cjs.register();
    esm.register();
  })();
  return typeScript;
}

interface Found {
  readonly value: unknown;
  readonly name: string;
}

function follow(exported: Readonly<Record<string, unknown>>, path: readonly string[], shown: string): Found {
  const [first = '', ...rest] = path;
  let value = exportNamed(exported, first);
  if (value === undefined) throw noExport(shown, `no export ${JSON.stringify(first)}`, exported);
  let name = first;
  for (const part of rest) {
    const next = isContainer(value) ? (value as Record<string, unknown>)[part] : undefined;
    if (next === undefined) throw noExport(`${shown}:${name}`, `no member ${JSON.stringify(part)}`, value);
    value = typeof next === 'function' && !isClassLike(next) ? next.bind(value) : next;
    name += `.${part}`;
  }
  return { value, name };
}

function firstDefault(exported: Readonly<Record<string, unknown>>, shown: string): Found {
  for (const name of defaultNames) {
    const value = exportNamed(exported, name);
    if (value !== undefined) return { value, name };
  }
  throw noExport(shown, `no export ${defaultNames.slice(0, -1).join(', ')} or default`, exported);
}

/** An export of an ES module, or a member of `module.exports`, which Node shows as `default` and sometimes only
 *  there. */
function exportNamed(exported: Readonly<Record<string, unknown>>, name: string): unknown {
  const whole = commonJs(exported);
  if (name !== 'default') {
    const own = Object.hasOwn(exported, name) ? exported[name] : undefined;
    return own === undefined && whole !== undefined && Object.hasOwn(whole, name) ? whole[name] : own;
  }
  const value = exported['default'];
  // `module.exports` of a module that exports nothing.
  if (whole === value && whole !== undefined && typeof whole !== 'function' && isEmpty(whole))
    return undefined;
  return whole?.['__esModule'] === true ? whole['default'] : value;
}

/** `module.exports`, of a CommonJS module. */
function commonJs(exported: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const whole = exported['default'];
  return isContainer(whole) ? (whole as Record<string, unknown>) : undefined;
}

async function callFactory(factory: unknown, name: string, shown: string): Promise<unknown> {
  if (typeof factory !== 'function') {
    throw new ChaussetteError(
      'CHAUSSETTE_ERR_APP_INVALID',
      `${shown}:${name} cannot be called: it is of type ${factory === null ? 'null' : typeof factory}`,
      { hint: 'Leave the () out when it is the application itself.' },
    );
  }
  let application: unknown;
  try {
    application = await factory();
  } catch (cause) {
    throw new ChaussetteError(
      'CHAUSSETTE_ERR_APP_THREW',
      `the factory ${shown}:${name}() threw: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
  if (application !== undefined && application !== null) return application;
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_APP_INVALID',
    `the factory ${shown}:${name}() returned ${application}`,
    {
      hint: 'It must return the application, or a promise of it.',
    },
  );
}

function noExport(shown: string, what: string, exported: unknown): ChaussetteError {
  const names = isContainer(exported)
    ? Object.keys(exported as object).filter((name) => name !== 'module.exports')
    : [];
  const there = names.length === 0 ? 'it exports nothing' : `there is ${names.slice(0, 20).join(', ')}`;
  return new ChaussetteError('CHAUSSETTE_ERR_APP_NO_EXPORT', `${shown} has ${what}; ${there}`, {
    hint: `Export the application as app, or name its export: ${shown.split(':', 1)[0]}:NAME.`,
  });
}

function isContainer(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isEmpty(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0;
}

/** A framework's application is a function with members, which `bind` would lose. */
function isClassLike(value: object): boolean {
  return Object.keys(value).length > 0 || /^class\b/.test(Function.prototype.toString.call(value));
}

function shorten(path: string, cwd: string): string {
  const short = path.startsWith('/') ? relative(cwd, path) : path;
  return short.startsWith('..') ? path : short;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
