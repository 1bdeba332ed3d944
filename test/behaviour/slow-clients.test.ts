// slowhttptest against short deadlines: its connections are closed by the server, and others do not notice.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { eventually, missing, peerPorts, Running, temporaryDirectory } from '../helpers/processes.js';

const skip = missing('slowhttptest');

/** `/large` is more than any socket buffer takes; a body is read before the answer. */
const application = `
  const large = Buffer.alloc(16 * 1024 * 1024, 97);
  export const app = (req, res) => {
    req.resume();
    req.on('end', () => res.end(req.url === '/large' ? large : 'hello'));
  };
`;

const deadlines = [
  '--header-timeout',
  '2',
  '--body-timeout',
  '2',
  '--keep-alive',
  '2',
  '--write-timeout',
  '2',
];
const connections = 200;
const seconds = 10;

/** How each attack is made: its bytes come more slowly, or are taken more slowly, than the deadlines allow. */
const attacks = [
  { name: 'slow heads (-H)', path: '/', args: ['-H', '-i', '1', '-x', '24'] },
  { name: 'slow bodies (-B)', path: '/', args: ['-B', '-i', '4', '-x', '10', '-s', '8192', '-t', 'POST'] },
  {
    name: 'slow readers (-X)',
    path: '/large',
    args: ['-X', '-n', '4', '-z', '32', '-w', '512', '-y', '1024', '-k', '2'],
  },
  { name: 'hundreds of ranges (-R)', path: '/', args: ['-R', '-a', '1', '-b', '300'] },
] as const;

async function serve(t: TestContext, backend: string): Promise<{ pid: number; port: number }> {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), application);
  const args = ['./app.mjs:app', '--bind', '127.0.0.1:0', '--backend', backend, ...deadlines];
  const command = new Command(t, args, { cwd: directory });
  const [place = ''] = await command.serving();
  return { pid: command.child.pid ?? 0, port: Number(place.split(':')[1]) };
}

for (const backend of testedBackends) {
  describe(`slow clients, backend ${backend}`, { skip }, () => {
    for (const { name, path, args } of attacks) {
      test(name, async (t) => {
        const { pid, port } = await serve(t, backend);
        const target = ['-c', String(connections), '-r', String(connections), '-l', String(seconds)];
        const attack = new Running(
          t,
          'slowhttptest',
          [...args, ...target, '-p', '3', '-v', '1', '-u', `http://127.0.0.1:${port}${path}`],
          { stdio: ['ignore', 'pipe', 'pipe'] },
        );
        let ended = false;
        const end = attack.end().finally(() => {
          ended = true;
        });
        let answered = 0;
        while (!ended) {
          const { status, text } = await ask({ port });
          assert.deepEqual([status, text], [200, 'hello']);
          answered += 1;
        }
        await end;
        assert.ok(answered > 0);
        // Between the words are colours.
        assert.doesNotMatch(attack.output, /service available:.*NO/);
        assert.match(attack.output, /Exit status:.*No open connections left/);
        await eventually('the end of the connections', () => peerPorts(pid, port).size === 0 || undefined);
        assert.equal((await ask({ port })).text, 'hello');
      });
    }
  });
}
