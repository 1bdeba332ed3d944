import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { root } from '../helpers/processes.js';
import { ask } from './scenario.js';

// The command itself, in a process of its own, with each application: that it is recognised by what it is, gets ready,
// answers and ends.

const directory = join(root, 'test/compat/apps');
const notApplications = ['application.ts', 'nest.ts'];

for (const file of readdirSync(directory).filter((name) => !notApplications.includes(name))) {
  describe(`chaussette ${file}`, () => {
    for (const backend of testedBackends) {
      test(backend, async (t) => {
        const app = `${join(directory, file)}:create()`;
        const command = new Command(t, ['--backend', backend, '--host', '127.0.0.1', '--port', '0', app]);
        const [address = ''] = await command.serving();
        const port = Number(address.split(':').at(-1));
        assert.equal((await ask(port, { path: '/' })).body, 'Hello, World!');
        assert.match((await ask(port, { path: '/users/7?q=a' })).body, /"7".*"a"/);
        assert.equal((await ask(port, { path: '/throw' })).body, 'handled: thrown');
        command.signal('SIGTERM');
        assert.equal(await command.end(), 0);
      });
    }
  });
}
