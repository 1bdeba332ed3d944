// Where node-gyp is, and with which Node headers it builds: for the scripts that build the addon.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';

/** npm tells its scripts where its own node-gyp is; outside npm it lies beside the node in use, on the PATH, or
 *  with the npm that is there: a node of its own may come without. */
export function findNodeGyp() {
  const bundled = 'node_modules/npm/node_modules/node-gyp/bin/node-gyp.js';
  const beside = ['../lib', '.'].map((folder) => join(dirname(process.execPath), folder, bundled));
  for (const script of [process.env['npm_config_node_gyp'], ...beside]) {
    if (script && existsSync(script)) return { command: process.execPath, args: [script] };
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const command = join(folder, 'node-gyp');
    // npm's own stand-in starts what npm_config_node_gyp names, which is not there: it would do nothing, and succeed.
    const isStandIn = basename(folder) === 'node-gyp-bin';
    if (folder !== '' && !isStandIn && existsSync(command)) return { command, args: [] };
    const npm = join(folder, 'npm');
    if (folder === '' || !existsSync(npm)) continue;
    const script = join(dirname(realpathSync(npm)), '../node_modules/node-gyp/bin/node-gyp.js');
    if (existsSync(script)) return { command: process.execPath, args: [script] };
  }
  return undefined;
}

/** Headers that came with the node in use spare node-gyp the download. */
export function headers() {
  const folder = dirname(dirname(process.execPath));
  const version = join(folder, 'include/node/node_version.h');
  if (process.env['npm_config_nodedir'] || !existsSync(version)) return [];
  const [major, minor] = process.versions.node.split('.');
  const text = readFileSync(version, 'utf8');
  const same =
    text.includes(`NODE_MAJOR_VERSION ${major}\n`) && text.includes(`NODE_MINOR_VERSION ${minor}\n`);
  return same ? [`--nodedir=${folder}`] : [];
}
