import { type Application, resolveApplication, splitInterface } from '../interfaces/index.js';
import type { Options } from '../options.js';
import { loadApplication } from './load.js';
import { pasteUri } from './spec.js';

/** An application that is ready to be called. */
export interface Ready {
  readonly application: Application;
  /** What people read: `server.js:app`. */
  readonly description: string;
  /** As the module exports it. */
  readonly exported?: unknown;
}

/** Load one application, whatever way it is named, and find out how to call it.
 *  @param given An import string, `paste:file.ini`, the application itself, or undefined for the built-in one.
 *  @param argv Handed over in process.argv; undefined leaves that as it is.
 *  @param beforeProgram As loadApplication.
 *  @throws {ChaussetteError} of loadApplication, loadPaste and resolveApplication. */
export async function loadOne(
  given: unknown,
  options: Options,
  argv?: readonly string[],
  beforeProgram?: (shown: string) => Promise<void>,
): Promise<Ready> {
  const loaded = await load(given, options, argv, beforeProgram);
  if (options.rootPath === undefined) return loaded;
  const [{ mountAt }, { parseRootPath }] = await Promise.all([
    import('./mount.js'),
    import('./root-path.js'),
  ]);
  return { ...loaded, application: mountAt(loaded.application, parseRootPath(options.rootPath)) };
}

async function load(
  given: unknown,
  options: Options,
  argv?: readonly string[],
  beforeProgram?: (shown: string) => Promise<void>,
): Promise<Ready> {
  if (given !== undefined && typeof given !== 'string') {
    return { application: await resolveApplication(given, options.interface), description: nameOf(given) };
  }
  const parts = given === undefined ? undefined : splitInterface(given);
  const wanted = options.interface === 'auto' ? (parts?.interface ?? 'auto') : options.interface;
  const paths = { modulePaths: options.modulePath, cwd: process.cwd() };
  const where = argv === undefined ? paths : { ...paths, arguments: argv };
  const uri = pasteUri(parts?.spec);
  if (uri !== undefined) {
    const { loadPaste } = await import('./paste.js');
    return loadPaste(uri, wanted, where);
  }
  const loaded = await loadApplication(
    parts?.spec,
    beforeProgram === undefined ? where : { ...where, beforeProgram },
  );
  return {
    application: await resolveApplication(loaded.application, wanted),
    description: loaded.description,
    exported: loaded.application,
  };
}

function nameOf(application: unknown): string {
  const name = typeof application === 'function' ? application.name : undefined;
  return name === undefined || name === '' ? `an application (${typeof application})` : name;
}
