import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/** In this order, when the name of a module has none. */
const extensions = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'] as const;

/** What was looked at, for the message when nothing was there. */
export class Places {
  readonly tried: string[] = [];

  /** A path that is a file, with or without its extension, or a directory with an index.
   *  @returns undefined when there is none. */
  findFile(path: string): string | undefined {
    if (this.#isFile(path)) return path;
    for (const extension of extensions) if (existsSync(path + extension)) return path + extension;
    for (const extension of extensions) {
      const index = join(path, `index${extension}`);
      if (existsSync(index)) return index;
    }
    this.tried.push(`${path}{${extensions.join(',')}}`);
    return undefined;
  }

  /** An installed package, or a file in one, as a module in `directory` would import it.
   *  @returns undefined when there is none. */
  findPackage(name: string, directory: string): string | undefined {
    if (isBuiltin(name) || !/^(?:@[\w.~-]+\/)?[\w~][\w.~-]*(?:\/|$)/.test(name)) return undefined;
    const require = createRequire(join(directory, 'noop.js'));
    try {
      return require.resolve(name);
    } catch {
      const found = findImportOnly(name, directory);
      if (found === undefined) this.tried.push(`the package ${name}`);
      return found;
    }
  }

  #isFile(path: string): boolean {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  }
}

/** A package that can be imported, but not required: `exports` without a `require` or `default` condition. */
function findImportOnly(name: string, directory: string): string | undefined {
  const [, packageName = '', subpath = ''] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(name) ?? [];
  for (let at = resolve(directory); ; at = dirname(at)) {
    const root = join(at, 'node_modules', packageName);
    const manifest = join(root, 'package.json');
    if (existsSync(manifest)) {
      const { exports: exported } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: unknown };
      const target = importTarget(exported, `.${subpath}`);
      return target === undefined ? undefined : join(root, target);
    }
    if (dirname(at) === at) return undefined;
  }
}

/** The file behind `exports` for `import`; patterns are not looked at.
 *  @see https://nodejs.org/api/packages.html#conditional-exports */
function importTarget(exported: unknown, subpath: string): string | undefined {
  let target = exported;
  if (typeof exported === 'object' && exported !== null) {
    const map = exported as Record<string, unknown>;
    const hasSubpaths = Object.keys(map).some((key) => key.startsWith('.'));
    if (hasSubpaths) target = map[subpath];
    else if (subpath !== '.') return undefined;
  }
  while (typeof target === 'object' && target !== null) {
    const conditions = target as Record<string, unknown>;
    const key = Object.keys(conditions).find((name) => ['node', 'import', 'default'].includes(name));
    target = key === undefined ? undefined : conditions[key];
  }
  return typeof target === 'string' ? target : undefined;
}
