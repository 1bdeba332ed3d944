import { relative } from 'node:path';
import type { InterfaceName } from '../exchange.js';
import type { Application } from '../interfaces/index.js';
import type { LoadOptions } from './load.js';
import { type Config, ConfigLoader, type Setting } from './paste-config.js';
import { makeApplication } from './paste-objects.js';
import type { PasteUri } from './spec.js';

/** Make the application that a file in PasteDeploy's format describes.
 *  @param wanted The interface of what its factories return.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_PASTE, naming file, section and key. */
export async function loadPaste(
  uri: PasteUri,
  wanted: 'auto' | InterfaceName,
  options: LoadOptions,
): Promise<{ readonly application: Application; readonly description: string }> {
  const loader = new ConfigLoader(options);
  const config = loader.open(uri.file, options.cwd);
  if (options.arguments !== undefined) {
    process.argv.splice(1, Number.POSITIVE_INFINITY, config.ini.path, ...options.arguments);
  }
  const application = await makeApplication(config, uri.name, wanted);
  const shown = relative(options.cwd, config.ini.path);
  const name = uri.name === undefined ? '' : `#${uri.name}`;
  return { application, description: `paste:${shown.startsWith('..') ? config.ini.path : shown}${name}` };
}

/** The options of `[server:main]`, when it is us: `use = egg:chaussette`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_PASTE. */
export function pasteServerSettings(uri: PasteUri, cwd: string): ReadonlyMap<string, Setting> {
  const config = new ConfigLoader({ cwd, modulePaths: [] }).open(uri.file, cwd);
  return config.has('server') ? serverSettings(config) : new Map();
}

function serverSettings(config: Config): ReadonlyMap<string, Setting> {
  const { use, settings } = config.followServer();
  return /^(?:egg:chaussette|npm:chaussette-server)(?:#main)?$/i.test(use) ? settings : new Map();
}
