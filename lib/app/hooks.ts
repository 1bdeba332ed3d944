import { ChaussetteError } from '../errors.js';
import type { Options } from '../options.js';
import { loadApplication } from './load.js';

/** A function of the user's: run with the parsed options before the sockets are bound, or at the end. */
export type Hook = (options: Options) => unknown;

/** @param flag `--pre-hook` or `--post-hook`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_HOOK. */
export async function loadHook(flag: string, spec: string, options: Options): Promise<Hook> {
  let hook: unknown;
  const { argv } = process;
  process.argv = [...argv]; // The loader changes it, for applications.
  try {
    const loaded = await loadApplication(spec, { modulePaths: options.modulePath, cwd: process.cwd() });
    hook = loaded.application;
  } catch (cause) {
    throw hookError(`${flag} ${spec} cannot be loaded: ${messageOf(cause)}`, cause);
  } finally {
    process.argv = argv;
  }
  if (typeof hook === 'function') return hook as Hook;
  throw hookError(`${flag} ${spec} is of type ${typeof hook}: it must be a function`, undefined);
}

/** @throws {ChaussetteError} CHAUSSETTE_ERR_HOOK. */
export async function runHook(flag: string, spec: string, hook: Hook, options: Options): Promise<void> {
  try {
    await hook(options);
  } catch (cause) {
    throw hookError(`${flag} ${spec} failed: ${messageOf(cause)}`, cause);
  }
}

function hookError(message: string, cause: unknown): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_HOOK', message, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
