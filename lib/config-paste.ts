import { pasteServerSettings } from './app/paste.js';
import type { PasteUri } from './app/spec.js';
import { nameOf } from './config-file.js';
import { add, type Layer } from './layer.js';
import { optionOf } from './options.js';

/** What `[server:main]` of a paste file says of our options; nothing when it is another server.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE or CHAUSSETTE_ERR_PASTE, naming file, section and key. */
export function readPasteServer(uri: PasteUri): Layer {
  const layer: Layer = new Map();
  for (const [key, { value, where }] of pasteServerSettings(uri, process.cwd())) {
    const file = `${where.file}:${where.line} [${where.section}]`;
    const name = nameOf(key, file);
    const { kind } = optionOf(name);
    const texts = kind === 'list' ? value.split(/[\s,]+/).filter((text) => text !== '') : [value];
    for (const text of texts) add(layer, name, `${key} in ${file}`, text);
  }
  return layer;
}
