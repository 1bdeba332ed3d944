import { ChaussetteError } from '../errors.js';
import { loadApplication } from './load.js';
import type { Config, Setting } from './paste-config.js';
import { mistake } from './paste-ini.js';

export type Factory = (...args: readonly unknown[]) => unknown;

/** Stands for `egg:Paste#urlmap`, which is built in. */
export function urlMapFactory(): never {
  throw new Error('the urlmap is made by who loads it');
}

/** Exports of a package that are looked for when the URI names none. */
const defaultNames = ['main', 'default'] as const;

/** Load what a URI names: `call:./module.js:factory`, `npm:package#export`, `egg:Paste#urlmap`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_PASTE. */
export async function loadFactory(reference: Setting, config: Config): Promise<Factory> {
  const { value, where } = reference;
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/is.exec(value) ?? [];
  switch (scheme.toLowerCase()) {
    case 'call':
      if (!/:[^/]+$/.test(rest)) {
        throw mistake(where, `${JSON.stringify(value)} names no function`, 'Write call:./module.js:factory.');
      }
      return load(rest, reference, config);
    case 'egg':
    case 'npm':
      return loadPackage(rest, reference, config);
    default:
      throw mistake(
        where,
        `${JSON.stringify(value)} has an unknown scheme`,
        'There are config:, call:, npm: and egg:, which is read as npm:.',
      );
  }
}

async function loadPackage(rest: string, reference: Setting, config: Config): Promise<Factory> {
  const [, spec = '', name] = /^([^#]*)(?:#(.*))?$/s.exec(rest) ?? [];
  const packageName = spec.replace(/==.*$/s, '').trim();
  if (packageName.toLowerCase() === 'paste') {
    if (name === 'urlmap') return urlMapFactory;
    throw mistake(
      reference.where,
      `${JSON.stringify(reference.value)} is not there: of Paste there is only egg:Paste#urlmap`,
      'Write a factory of your own: use = call:./module.js:factory.',
    );
  }
  const file = config.findPackage(packageName);
  if (file === undefined) {
    throw mistake(
      reference.where,
      `the package ${JSON.stringify(packageName)} is not installed`,
      `Looked for in the node_modules of ${config.directory} and above, and of --module-path.`,
    );
  }
  if (name) return load(`${file}:${name}`, reference, config);
  for (const each of defaultNames) {
    try {
      return await load(`${file}:${each}`, reference, config);
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      if (!(cause instanceof ChaussetteError) || cause.code !== 'CHAUSSETTE_ERR_APP_NO_EXPORT') throw error;
    }
  }
  throw mistake(
    reference.where,
    `the package ${packageName} exports neither ${defaultNames.join(' nor ')}`,
    `Name its export: npm:${packageName}#NAME.`,
  );
}

async function load(spec: string, { where }: Setting, config: Config): Promise<Factory> {
  const { cwd, modulePaths } = config.loader.options;
  let found: unknown;
  try {
    const options = { cwd: config.directory, modulePaths: [cwd, ...modulePaths] };
    found = (await loadApplication(spec, options)).application;
  } catch (cause) {
    if (!(cause instanceof ChaussetteError)) throw cause;
    const inner = cause.code === 'CHAUSSETTE_ERR_APP_THREW' ? cause.cause : undefined;
    const hint = inner instanceof Error ? inner.stack : cause.hint;
    throw mistake(where, cause.message, hint, cause);
  }
  if (typeof found === 'function') return found as Factory;
  const what = found === null ? 'null' : `of type ${typeof found}`;
  throw mistake(where, `${spec} is ${what}, not a factory: (globalConf, localConf) => application`);
}
