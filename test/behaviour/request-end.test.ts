// Bodies of several requests that end in one round of the event loop.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { Client, get, post } from '../helpers/lifetime-client.js';
import { temporaryDirectory } from '../helpers/processes.js';

const count = 6;

const application = `
  import { existsSync, writeSync } from 'node:fs';
  let seen = 0;
  export const app = (req, res) => {
    if (req.url === '/block') {
      writeSync(1, 'blocked\\n');
      while (!existsSync('go'));
      res.end();
      return;
    }
    if (++seen === ${count}) writeSync(1, 'all seen\\n');
    if (req.url === '/throws') {
      req.on('readable', () => {
        if (req.read() === null) throw new Error('a listener threw at the end');
      });
    } else {
      req.resume().on('end', () => res.end('whole'));
    }
  };
`;

for (const backend of testedBackends) {
  test(`what one listener throws at the end of its body keeps no other from its end, ${backend}`, async (t) => {
    const cwd = temporaryDirectory(t);
    writeFileSync(join(cwd, 'app.mjs'), application);
    const command = new Command(t, ['./app.mjs', '--bind', '127.0.0.1:0', '--backend', backend], { cwd });
    const [place = ''] = await command.serving();
    const port = Number(place.split(':')[1]);
    const clients: Client[] = [];
    for (let i = 0; i < count; i++) {
      const client = await Client.open(t, port);
      await client.write(post(i === 1 ? '/throws' : '/', 5));
      clients.push(client);
    }
    await command.line(/all seen\n/);
    // What comes while the server does nothing else is there at once when it looks again.
    const other = await Client.open(t, port);
    await other.write(get('/block'));
    await command.line(/blocked\n/);
    for (const client of clients) await client.write('hello');
    writeFileSync(join(cwd, 'go'), '');
    const statuses = await Promise.all(clients.map(async (client) => (await client.response()).status));
    assert.deepEqual(statuses, [200, 500, 200, 200, 200, 200]);
    await command.line(/POST \/throws: Error: a listener threw at the end/);
  });
  test(`what a listener throws on a piece of a body is answered with 500, and said of its request, ${backend}`, async (t) => {
    const cwd = temporaryDirectory(t);
    const source = `
      export const app = (req, res) => {
        req.on('data', () => { throw new Error('a listener threw at a piece'); });
        req.on('end', () => res.end('whole'));
      };
    `;
    writeFileSync(join(cwd, 'app.mjs'), source);
    const command = new Command(t, ['./app.mjs', '--bind', '127.0.0.1:0', '--backend', backend], { cwd });
    const [place = ''] = await command.serving();
    const client = await Client.open(t, Number(place.split(':')[1]));
    await client.write(`${post('/', 5)}he`);
    assert.equal((await client.response()).status, 500);
    await command.line(/POST \/: Error: a listener threw at a piece/);
    client.reset();
    command.child.kill('SIGTERM');
    assert.equal(await command.end(), 0, command.stderr);
    assert.equal(command.stderr.split('a listener threw').length, 2, command.stderr);
  });
}
