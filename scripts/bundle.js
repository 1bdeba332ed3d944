// lib/ as few files in dist/: every file that Node loads at the start costs it half a millisecond, and the command
// would load thirty. What only some servers need (node:http's half, the core's tables) stays in files of its own.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['lib/cli.ts', 'lib/index.ts', 'lib/interfaces/wsgi-validate.ts', 'lib/threads/thread.ts'],
  outdir: 'dist',
  // As deep as lib/native/binding.ts, which finds the package from where it lies.
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
  metafile: true,
});

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
for (const name of readdirSync(join(root, 'dist/chunks'))) {
  if (!(`dist/chunks/${name}` in metafile.outputs)) rmSync(join(root, 'dist/chunks', name));
}
