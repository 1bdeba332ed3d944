// lib/ as few files in dist/: every file that Node loads at the start costs it half a millisecond, and the command
// would load thirty. What only some servers need (node:http's half, the core's tables) stays in files of its own.
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from '@rollup/wasm-node';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const entries = ['cli', 'index', 'interfaces/wsgi-validate', 'threads/thread'];
const external = /^[^./]/;

// First TypeScript becomes JavaScript, and code that entries share is parted from what only some need: in pieces far too
// many.
const { metafile, outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: entries.map((name) => `lib/${name}.ts`),
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
  metafile: true,
  write: false,
});
const pieces = new Map(outputFiles.map(({ path, text }) => [path, text]));

/** A piece and all that it imports, but not what it loads later. */
function closure(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const { path: next, kind } of metafile.outputs[path].imports) {
    if (kind === 'import-statement' && next in metafile.outputs) closure(next, found);
  }
  return found;
}

function pieceOf(source) {
  return Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === source);
}

// Then pieces that are always loaded together become one file: what every start needs, what the native backend adds to
// it, what the node interface adds to that, and the rest of the package's own exports.
const groups = new Map();
for (const [name, sources] of [
  ['base', ['lib/cli.ts']],
  ['native', ['lib/native/turn.ts']],
  ['node', ['lib/native/node-pair.ts', 'lib/native/observe.ts']],
  ['library', ['lib/index.ts']],
]) {
  for (const source of sources) {
    for (const path of closure(pieceOf(source))) {
      const entry = entries.some((each) => path === `dist/${each}.js`);
      if (!groups.has(path) && !entry) groups.set(path, name);
    }
  }
}
const bundle = await rollup({
  input: Object.fromEntries(entries.map((name) => [name, join(root, `dist/${name}.js`)])),
  external: (id) => external.test(id),
  plugins: [{ name: 'pieces', resolveId, load: (id) => pieces.get(id) ?? null }],
  treeshake: false,
});
const { output } = await bundle.write({
  dir: join(root, 'dist'),
  entryFileNames: '[name].js',
  // As deep as lib/native/binding.ts, which finds the package from where it lies.
  chunkFileNames: 'chunks/[name]-[hash].js',
  manualChunks: (id) => groups.get(relative(root, id)),
  onlyExplicitManualChunks: true,
  hoistTransitiveImports: false,
});

function resolveId(id, importer) {
  if (external.test(id)) return { id, external: true };
  return importer === undefined ? id : resolve(dirname(importer), id);
}

// The preload is one CommonJS file: `--require` must have finished when it returns. It has no import.meta.
await build({
  absWorkingDir: root,
  entryPoints: ['lib/register.ts'],
  outfile: 'dist/preload/register.cjs',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
  banner: { js: "const fileUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'fileUrl' },
});

// Those of earlier builds go last: a server that starts meanwhile finds what its entry names.
const written = new Set(output.map(({ fileName }) => fileName));
for (const name of readdirSync(join(root, 'dist/chunks'))) {
  if (!written.has(`chunks/${name}`)) rmSync(join(root, 'dist/chunks', name));
}
