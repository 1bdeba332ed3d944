import { dirname, relative, resolve } from 'node:path';
import { nearest } from '../suggest.js';
import type { LoadOptions } from './load.js';
import { IniFile, mistake, type Section, type Where } from './paste-ini.js';
import { Places } from './resolve.js';

/** The kinds of objects in a file, and the sections that define them. */
const prefixes = {
  app: ['app', 'application', 'composite', 'composit', 'pipeline', 'filter-app'],
  filter: ['filter'],
  server: ['server'],
} as const;

export type ObjectKind = keyof typeof prefixes;

/** A value of a section, and where it stands. */
export interface Setting {
  readonly value: string;
  readonly where: Where;
}

/** What a reference hands down to the section that it names. The outer one wins. */
export interface Inherited {
  readonly globals: ReadonlyMap<string, string>;
  /** Of its `set` keys. */
  readonly additions: ReadonlyMap<string, string>;
  readonly local: ReadonlyMap<string, Setting>;
  /** The sections on the way, to see when one leads back to itself. */
  readonly trail: readonly string[];
}

export const nothingInherited: Inherited = {
  globals: new Map(),
  additions: new Map(),
  local: new Map(),
  trail: [],
};

/** A section with what it inherits. */
export interface ReadSection {
  readonly section: Section;
  /** `app`, `pipeline`, …: in front of the colon. */
  readonly type: string;
  readonly globals: ReadonlyMap<string, string>;
  readonly additions: ReadonlyMap<string, string>;
  readonly local: Map<string, Setting>;
  /** The keys that the section itself has. */
  readonly own: ReadonlySet<string>;
  readonly trail: readonly string[];
}

/** Opens files, each relative to the one that names it. */
export class ConfigLoader {
  readonly options: LoadOptions;

  constructor(options: LoadOptions) {
    this.options = options;
  }

  /** @param globals Of the file that refers to it. */
  open(file: string, directory: string, globals?: ReadonlyMap<string, string>): Config {
    const path = resolve(directory, file);
    const shown = relative(this.options.cwd, path);
    return new Config(new IniFile(shown.startsWith('..') ? path : shown, this.options.cwd, globals), this);
  }
}

/** One file: finds its sections, and reads them. */
export class Config {
  readonly ini: IniFile;
  readonly loader: ConfigLoader;

  constructor(ini: IniFile, loader: ConfigLoader) {
    this.ini = ini;
    this.loader = loader;
  }

  /** Where its relative names begin. */
  get directory(): string {
    return dirname(this.ini.path);
  }

  /** The main file of an installed package, as a module next to the file would import it.
   *  @returns undefined when there is none. */
  findPackage(name: string): string | undefined {
    const { cwd, modulePaths } = this.loader.options;
    const places = new Places();
    for (const directory of [this.directory, cwd, ...modulePaths.map((path) => resolve(cwd, path))]) {
      const file = places.findPackage(name, directory);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  has(kind: ObjectKind): boolean {
    return this.#named(kind, 'main').length > 0;
  }

  /** @param from Who refers to it.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_PASTE when there is none, or more than one. */
  find(kind: ObjectKind, name: string, from: Where): Section {
    const [found, second] = this.#named(kind, name);
    if (found === undefined) throw this.#noSection(kind, name, from);
    if (second === undefined) return found;
    throw mistake(second.where, `[${found.name}] has that name, too: which of them is meant?`);
  }

  #named(kind: ObjectKind, name: string): Section[] {
    return [...this.ini.sections.values()].filter((section) => {
      const { type, name: own } = partsOf(section);
      return (prefixes[kind] as readonly string[]).includes(type) && own === name;
    });
  }

  #noSection(kind: ObjectKind, name: string, from: Where): Error {
    const names: string[] = [];
    for (const section of this.ini.sections.values()) {
      const { type, name: own } = partsOf(section);
      if ((prefixes[kind] as readonly string[]).includes(type)) names.push(own);
    }
    const near = nearest(name, names);
    const there = names.length === 0 ? `it has no ${kind}` : `there is ${names.join(', ')}`;
    const hint = near === undefined ? undefined : `Did you mean ${near}?`;
    const where = this.ini.shown === from.file ? '' : ` in ${this.ini.shown}`;
    return mistake(from, `there is no section [${kind}:${name}]${where}; ${there}`, hint);
  }

  /** Sort the keys of a section: `set` and `get` are for the global configuration, the others are its own.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_PASTE for a `get` of what there is not, and when the section leads back
   *  to itself. */
  read(section: Section, inherited: Inherited): ReadSection {
    const { type } = partsOf(section);
    const step = `${this.ini.shown} [${section.name}]`;
    const trail = [...inherited.trail, step];
    if (inherited.trail.includes(step)) {
      throw mistake(section.where, `it leads back to itself: ${trail.join(' ▶ ')}`);
    }
    const globals = new Map([...this.ini.defaults(), ...inherited.globals]);
    const additions = new Map<string, string>();
    const local = new Map<string, Setting>();
    const gets: [string, Setting][] = [];
    for (const [key, entry] of section.entries) {
      const setting = { value: this.ini.value(section, entry), where: entry.where };
      const [, verb, name = ''] = /^(set|get)\s+(.+)$/s.exec(key) ?? [];
      if (verb === 'set') additions.set(name, setting.value);
      else if (verb === 'get') gets.push([name, setting]);
      else local.set(key, setting);
    }
    for (const [key, value] of [...additions, ...inherited.additions]) globals.set(key, value);
    for (const [key, { value, where }] of gets) {
      const found = globals.get(value);
      if (found === undefined) {
        const near = nearest(value, globals.keys());
        const hint = near === undefined ? undefined : `Did you mean ${near}?`;
        throw mistake(where, `the global configuration has no ${JSON.stringify(value)}`, hint);
      }
      local.set(key, { value: found, where });
    }
    const own = new Set(local.keys());
    for (const [key, setting] of inherited.local) local.set(key, setting);
    return {
      section,
      type,
      globals,
      additions: new Map([...additions, ...inherited.additions]),
      local,
      own,
      trail,
    };
  }

  /** The server section, through other sections and files that it uses, up to who it is. */
  followServer(
    name = 'main',
    from: Where = { file: this.ini.shown },
    inherited: Inherited = nothingInherited,
  ): { readonly use: string; readonly settings: ReadonlyMap<string, Setting> } {
    const read = this.read(this.find('server', name, from), inherited);
    const use = take(read, 'use');
    if (use === undefined) {
      if (read.local.has('paste.server_factory')) return { use: '', settings: new Map() };
      throw mistake(
        read.section.where,
        'it does not say which server: there is no use',
        'Write use = egg:chaussette.',
      );
    }
    const { globals, additions, local, trail } = read;
    const passed = { globals, additions, local, trail };
    if (!isUri(use.value)) return this.followServer(use.value, use.where, passed);
    const config = /^config:([^#]+)(?:#(.*))?$/s.exec(use.value);
    if (config === null) return { use: use.value, settings: local };
    const other = this.loader.open(decode(config[1] ?? ''), this.directory, globals);
    return other.followServer(config[2] || 'main', use.where, passed);
  }
}

/** Take a key off a section: what is left goes to its factory. */
export function take(read: ReadSection, key: string): Setting | undefined {
  const setting = read.local.get(key);
  read.local.delete(key);
  return setting;
}

/** Whether a name has a scheme: `config:`, `egg:`, `npm:`, `call:`. */
export function isUri(name: string): boolean {
  return /^[a-z]+:/i.test(name);
}

/** The path of a `config:` URI. What is no valid escape stays. */
export function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** `[app:home]` is `home` of type `app`; `[app]` is its main one. */
function partsOf({ name }: Section): { readonly type: string; readonly name: string } {
  const colon = name.indexOf(':');
  if (colon < 0) return { type: name, name: 'main' };
  return { type: name.slice(0, colon), name: name.slice(colon + 1).trim() };
}
