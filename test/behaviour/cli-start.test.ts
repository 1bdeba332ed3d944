import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { temporaryDirectory } from '../helpers/processes.js';

// A manager's reload waits for the start. What a hello application does not need is not loaded for it.
// From Node 22 on, Node's own classes cannot be kept for later without loading undici (lib/interfaces/real.ts).
const skip = Number(process.versions.node.split('.', 1)[0]) >= 22 && 'undici is always loaded';

const loaded = 'process.moduleLoadList.join("\\n")';

const applications = {
  node: `export const app = (req, res) => res.end(${loaded});`,
  fetch: `export const app = { fetch: () => new Response(${loaded}) };`,
  wsgi: `export const app = (environ, start) => { start('200 OK', []); return [${loaded}]; };`,
} as const;

const never = [
  'internal/deps/undici/undici',
  'perf_hooks',
  'dns/promises',
  'crypto',
  'http2',
  'worker_threads',
];
const http = ['http', '_http_server', 'net', 'dns'];

for (const [name, text] of Object.entries(applications)) {
  test(`up to its first answer, a ${name} application loads what it needs`, { skip }, async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, 'app.mjs'), text);
    const args = ['--interface', name, '--backend', 'native', '--bind', '127.0.0.1:0', './app.mjs:app'];
    const command = new Command(t, args, { cwd: directory });
    const [place = ''] = await command.serving();
    const answer = await ask({ port: Number(place.split(':')[1]) });
    const modules = new Set(answer.text.split('\n').map((line) => line.replace(/^NativeModule /, '')));
    const needless = [...never, ...(name === 'node' ? [] : http)];
    assert.deepEqual(
      needless.filter((module) => modules.has(module)),
      [],
    );
    command.signal('SIGTERM');
    assert.equal(await command.end(), 0);
  });
}
