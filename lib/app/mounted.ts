import { ChaussetteError } from '../errors.js';
import type { Handler, InterfaceName } from '../exchange.js';
import type { Application } from '../interfaces/index.js';
import type { Options } from '../options.js';
import { loadOne } from './load-one.js';
import { mountHandler, parseMount } from './mount.js';
import { type Mounted, showPlace } from './mount-table.js';
import { parseRootPath } from './root-path.js';

/** `fetch:blog.app` says for itself what `--interface` says for all. */
function ownInterface(spec: string, options: Options): [string, Options] {
  const [, name, rest] = /^(node|fetch|wsgi):(.*[.:/].*)$/s.exec(spec) ?? [];
  return rest === undefined ? [spec, options] : [rest, { ...options, interface: name as InterfaceName }];
}

/** Load the main application, when one is named, and those of `--mount`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE for what is no mount, or twice in one place; of loadOne. */
export async function loadMounted(
  main: unknown,
  options: Options,
  argv: readonly string[],
): Promise<{ readonly handler: Handler; readonly description: string }> {
  const wanted = options.mount.map(parseMount);
  const rootPath = parseRootPath(options.rootPath ?? '');
  const each: Options = { ...options, rootPath: undefined };
  const mounts: Mounted<Application>[] = [];
  const descriptions: string[] = [];
  if (main !== undefined) {
    const { application, description } = await loadOne(main, each, argv);
    mounts.push({ place: { host: '', path: '' }, value: application });
    descriptions.push(description);
  }
  for (const { place, value } of wanted) {
    const { application, description } = await loadOne(...ownInterface(value, each));
    mounts.push({ place, value: application });
    descriptions.push(`${description} at ${showPlace(place)}`);
  }
  try {
    return { handler: mountHandler(mounts, rootPath), description: descriptions.join(', ') };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ChaussetteError('CHAUSSETTE_ERR_USAGE', `--mount: ${why}`, { cause });
  }
}
