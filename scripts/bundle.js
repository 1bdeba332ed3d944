// lib/ as few files in dist/: every file that Node loads at the start costs it half a millisecond, and the command
// would load thirty. What only some servers need (node:http's half, the core's tables) stays in files of its own.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from '@rollup/wasm-node';
import { transform } from 'esbuild';
import { constants } from './bundle-constants.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const entries = ['cli', 'index', 'interfaces/wsgi-validate', 'threads/thread'];
const external = /^[^./]/;

/** Modules that are always loaded together become one file: what every start needs, what the native backend adds to it,
 *  what the node interface adds to that, and the rest of the package's own exports. */
const groups = {
  base: ['cli'],
  native: ['native/turn'],
  node: ['native/node-pair', 'native/observe'],
  library: ['index'],
};

const typescript = {
  name: 'typescript',
  resolveId(id, importer) {
    if (external.test(id)) return { id, external: true };
    return resolve(importer === undefined ? root : dirname(importer), id.replace(/\.js$/, '.ts'));
  },
  async load(id) {
    const source = readFileSync(id, 'utf8');
    if (/^export let /m.test(source)) throw new Error(`${id} exports what changes: see bundle-constants.js`);
    const { code } = await transform(source, {
      loader: 'ts',
      target: 'node20',
      sourcefile: id,
    });
    return code;
  },
};

function fileOf(module) {
  return join(root, 'lib', `${module}.ts`);
}

/** For rollup's manualChunks: a module belongs to the first group that imports it, what is loaded later not counted. */
function groupsOf(sources, isEntry) {
  let groupOf;
  return (id, { getModuleInfo }) => {
    if (groupOf === undefined) {
      groupOf = new Map();
      const add = (module, name) => {
        if (groupOf.has(module) || getModuleInfo(module).isExternal) return;
        groupOf.set(module, name);
        for (const next of getModuleInfo(module).importedIds) add(next, name);
      };
      for (const [name, modules] of Object.entries(sources)) {
        for (const module of modules) add(fileOf(module), name);
      }
    }
    return isEntry(id) ? undefined : groupOf.get(id);
  };
}

async function write(input, options) {
  const bundle = await rollup({
    input,
    plugins: [typescript, constants],
    onwarn: (warning) => {
      if (warning.code === 'CIRCULAR_DEPENDENCY') return; // Of functions, which are there when they are called.
      throw new Error(`${warning.code}: ${warning.message}`);
    },
  });
  const { output } = await bundle.write(options);
  return new Set(output.map(({ fileName }) => fileName));
}

const inputs = Object.fromEntries(entries.map((name) => [name, fileOf(name)]));
const written = await write(inputs, {
  dir: join(root, 'dist'),
  entryFileNames: '[name].js',
  // As deep as lib/native/binding.ts, which finds the package from where it lies.
  chunkFileNames: 'chunks/[name]-[hash].js',
  manualChunks: groupsOf(groups, (id) => Object.values(inputs).includes(id)),
  onlyExplicitManualChunks: true,
  hoistTransitiveImports: false,
});

// The preload is one CommonJS file: `--require` must have finished when it returns. It has no import.meta.
await write(
  { register: fileOf('register') },
  {
    dir: join(root, 'dist/preload'),
    format: 'cjs',
    entryFileNames: '[name].cjs',
    inlineDynamicImports: true,
    banner: "const fileUrl = require('node:url').pathToFileURL(__filename).href;",
    plugins: [
      { name: 'import-meta', resolveImportMeta: (property) => (property === 'url' ? 'fileUrl' : null) },
    ],
  },
);

// Those of earlier builds go last: a server that starts meanwhile finds what its entry names.
for (const name of readdirSync(join(root, 'dist/chunks'))) {
  if (!written.has(`chunks/${name}`)) rmSync(join(root, 'dist/chunks', name));
}
