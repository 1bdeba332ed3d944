import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ChaussetteError } from '../errors.js';

/** A place in a file, for messages. */
export interface Where {
  readonly file: string;
  readonly section?: string;
  readonly key?: string;
  /** From 1. */
  readonly line?: number;
}

/** One value of a section, before its variables are replaced. */
export interface Entry {
  readonly text: string;
  readonly where: Where;
}

export interface Section {
  readonly name: string;
  readonly where: Where;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A mistake in a configuration file: names file and line, section and key. */
export function mistake(where: Where, what: string, hint?: string, cause?: unknown): ChaussetteError {
  const { file, line, section, key } = where;
  const place = [
    line === undefined ? file : `${file}:${line}`,
    ...(section === undefined ? [] : [`[${section}]`]),
    ...(key === undefined ? [] : [key]),
  ];
  return new ChaussetteError('CHAUSSETTE_ERR_PASTE', `${place.join(' ')}: ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

const defaultName = 'DEFAULT';
const depthMax = 10;

/** A file as Python's ConfigParser reads it for PasteDeploy: names keep their case and may hold anything, `=` or `:`
 *  ends a key, what is indented deeper than its key continues the value, `#` and `;` begin a line that is a comment,
 *  [DEFAULT] holds for all sections, and `%(name)s` is replaced.
 *  @see https://docs.python.org/3/library/configparser.html */
export class IniFile {
  /** Absolute. */
  readonly path: string;
  /** As people know it. */
  readonly shown: string;
  readonly sections: ReadonlyMap<string, Section>;
  readonly #defaults: ReadonlyMap<string, Entry>;
  /** `here` and `__file__`, and what another file hands over: replaced for, but not replaced in. */
  readonly #given: ReadonlyMap<string, string>;

  /** @param shown The path as it was given, from `directory`.
   *  @param globals Of the file that refers to this one.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_PASTE for a file that cannot be read or is none of this format. */
  constructor(shown: string, directory: string, globals: ReadonlyMap<string, string> = new Map()) {
    this.path = resolve(directory, shown);
    this.shown = shown;
    const reader = new IniReader(shown);
    for (const line of readText(this.path, shown).split(/\r\n|\r|\n/)) reader.line(line);
    const sections = reader.end();
    this.#defaults = sections.get(defaultName)?.entries ?? new Map();
    sections.delete(defaultName);
    this.sections = sections;
    this.#given = new Map([...globals, ['here', dirname(this.path)], ['__file__', this.path]]);
  }

  /** The global configuration: [DEFAULT] with its variables replaced, `here` and `__file__`. */
  defaults(): Map<string, string> {
    const values = new Map(this.#given);
    for (const [key, entry] of this.#defaults) values.set(key, this.#expand(entry, this.#defaults, []));
    return values;
  }

  /** @returns The value with its variables replaced. */
  value(section: Section, entry: Entry): string {
    return this.#expand(entry, section.entries, []);
  }

  #expand(entry: Entry, own: ReadonlyMap<string, Entry>, through: readonly string[]): string {
    return entry.text.replace(/%(?:%|\(([^()]+)\)s)?/g, (found, name: string | undefined) => {
      if (found === '%%') return '%';
      if (name === undefined) {
        throw mistake(
          entry.where,
          `there is a single % in ${JSON.stringify(entry.text)}`,
          'Write %% for it.',
        );
      }
      const other = own.get(name) ?? this.#defaults.get(name);
      if (other === undefined) {
        const given = this.#given.get(name);
        if (given !== undefined) return given;
        throw mistake(entry.where, `%(${name})s is defined neither here nor in [${defaultName}]`);
      }
      const chain = [...through, name];
      if (chain.length > depthMax || through.includes(name)) {
        throw mistake(entry.where, `%(${name})s leads back to itself: ${chain.join(' ▶ ')}`);
      }
      return this.#expand({ ...other, where: entry.where }, own, chain);
    });
  }
}

function readText(path: string, shown: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw mistake({ file: shown }, `it cannot be read: ${why}`, undefined, cause);
  }
}

/** Reads one line after the other. */
class IniReader {
  readonly #file: string;
  readonly #sections = new Map<string, Section>();
  #entries: Map<string, Entry> | undefined;
  #section = '';
  #line = 0;
  /** Of the line that opened what is read now. */
  #indent = 0;
  #key: { readonly name: string; readonly where: Where; readonly lines: string[] } | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  line(line: string): void {
    this.#line += 1;
    const text = line.trim();
    if (text.startsWith('#') || text.startsWith(';')) return;
    if (text === '') {
      this.#key?.lines.push('');
      return;
    }
    const indent = line.length - line.trimStart().length;
    if (this.#key !== undefined && indent > this.#indent) {
      this.#key.lines.push(text);
      return;
    }
    this.#indent = indent;
    this.#endKey();
    const header = /^\[(.+)\]/.exec(text)?.[1];
    if (header !== undefined) this.#open(header);
    else this.#begin(text);
  }

  end(): Map<string, Section> {
    this.#endKey();
    return this.#sections;
  }

  #open(name: string): void {
    const where = { file: this.#file, section: name, line: this.#line };
    const before = this.#sections.get(name);
    if (before !== undefined && name !== defaultName) {
      throw mistake(where, `this section is there already, in line ${before.where.line}`);
    }
    this.#section = name;
    this.#entries = new Map(before?.entries);
    this.#sections.set(name, { name, where: before?.where ?? where, entries: this.#entries });
  }

  #begin(text: string): void {
    const here = { file: this.#file, line: this.#line };
    if (this.#entries === undefined) {
      throw mistake(here, `${JSON.stringify(text)} comes before the first [section]`);
    }
    const [, key = '', value = ''] = /^(.*?)\s*[=:]\s*(.*)$/s.exec(text) ?? [];
    if (key === '') {
      const where = { ...here, section: this.#section };
      throw mistake(where, `${JSON.stringify(text)} is neither key = value nor a [section]`);
    }
    const where = { ...here, section: this.#section, key };
    const before = this.#entries.get(key);
    if (before !== undefined) throw mistake(where, `this key is there already, in line ${before.where.line}`);
    this.#key = { name: key, where, lines: [value] };
  }

  #endKey(): void {
    const key = this.#key;
    this.#key = undefined;
    if (key !== undefined)
      this.#entries?.set(key.name, { text: key.lines.join('\n').trimEnd(), where: key.where });
  }
}
