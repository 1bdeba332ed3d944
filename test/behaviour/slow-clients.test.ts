// slowhttptest against short deadlines: its connections are closed by the server, and others do not notice.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
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
/** Connections of the healthy client and of slowhttptest's own probe that may be open at a time. */
const others = 4;
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

/** What the kernel holds of connections to a port, in a process or left behind by one: neither LISTEN nor TIME_WAIT
 *  (proc(5), /proc/net/tcp). */
function held(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return lines.filter((line) => {
    const [, from, , state] = line.trim().split(/\s+/);
    return from?.endsWith(local) && state !== '0A' && state !== '06';
  }).length;
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
          [...args, ...target, '-p', '30', '-v', '1', '-u', `http://127.0.0.1:${port}${path}`],
          { stdio: ['ignore', 'pipe', 'pipe'] },
        );
        let ended = false;
        const end = attack.end().finally(() => {
          ended = true;
        });
        let answered = 0;
        let peak = 0;
        let shaken = false;
        while (!ended) {
          const { status, text } = await ask({ port });
          assert.deepEqual([status, text], [200, 'hello']);
          answered += 1;
          const open = held(port);
          peak = Math.max(peak, open);
          if (peak > connections / 2 && open <= others) shaken = true;
        }
        await end;
        assert.ok(answered > 0);
        // Between the words are colours.
        assert.doesNotMatch(attack.output, /service available:.*NO/);
        // A slow reader sees the end long after, since it reads on what it has received.
        assert.ok(shaken || /Exit status:.*No open connections left/.test(attack.output), attack.output);
        await eventually('the end of the connections', () => peerPorts(pid, port).size === 0 || undefined);
        assert.equal((await ask({ port })).text, 'hello');
      });
    }
  });
}
