// SIGTERM at every stage of a request and of the command: what could be answered is answered, and the status says so.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { Client, get, post } from '../helpers/lifetime-client.js';
import { answers, eventually, stopped, temporaryDirectory } from '../helpers/processes.js';

/** Says on standard output how far it is; `/hold` and `/stream` go on when the file `go` appears. */
const application = `
  import { existsSync, writeSync } from 'node:fs';
  const whenTold = (then) => {
    const timer = setInterval(() => {
      if (!existsSync(new URL('go', import.meta.url))) return;
      clearInterval(timer);
      then();
    }, 5);
  };
  export const app = (req, res) => {
    writeSync(1, req.method + ' ' + req.url + '\\n');
    if (req.url === '/hold') {
      whenTold(() => res.end('held'));
    } else if (req.url === '/stream') {
      res.write('a'.repeat(200000));
      whenTold(() => res.end('the end'));
    } else if (req.method === 'POST') {
      let bytes = 0;
      req.on('data', (chunk) => {
        bytes += chunk.length;
        writeSync(1, 'body ' + bytes + '\\n');
      });
      req.on('end', () => res.end('got ' + bytes));
    } else {
      res.end('hello');
    }
  };
  export const pre = () => { writeSync(1, 'pre\\n'); return new Promise(() => setInterval(() => {}, 1000)); };
  export const post = () => { writeSync(1, 'post\\n'); };
`;

const slowToLoad = `
  import { writeSync } from 'node:fs';
  writeSync(1, 'loading\\n');
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  export const app = () => {};
`;

interface Serving {
  readonly command: Command;
  readonly port: number;
  readonly open: () => Promise<Client>;
  readonly go: () => void;
}

async function serve(t: TestContext, args: readonly string[]): Promise<Serving> {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), application);
  const command = new Command(t, ['./app.mjs:app', '--bind', '127.0.0.1:0', ...args], { cwd: directory });
  const [place = ''] = await command.serving();
  const port = Number(place.split(':')[1]);
  return {
    command,
    port,
    open: () => Client.open(t, port),
    go: () => writeFileSync(join(directory, 'go'), ''),
  };
}

/** Ask the command to end, and wait until it drains: nobody listens on its port any more. */
async function terminate({ command, port }: Serving): Promise<void> {
  command.signal('SIGTERM');
  await command.line(/Stopping \(SIGTERM\)/);
  await eventually('the end of the listening socket', async () => !(await answers({ port })) || undefined);
}

/** A whole response, and then the end of the connection, without a reset.
 *  @param announced Whether the response was made after the signal, and says `connection: close`. */
async function lastAnswer(client: Client, body: string, index = 0, announced = true): Promise<void> {
  const response = await client.response(index);
  assert.equal(response.status, 200);
  assert.equal(response.body.toString(), body);
  if (announced) assert.match(client.text, /^connection: close\r$/im);
  await client.end();
  assert.equal(client.ended, 'fin');
}

for (const backend of testedBackends) {
  const flags = ['--backend', backend];

  describe(`SIGTERM, backend ${backend}`, () => {
    test('while the application loads: status 0, nothing was bound', async (t) => {
      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, 'app.mjs'), slowToLoad);
      const command = new Command(t, ['./app.mjs:app', '--bind', '127.0.0.1:0', ...flags], {
        cwd: directory,
      });
      await command.line(/^loading$/m);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
      assert.doesNotMatch(command.stderr, /Serving|ERROR/);
    });

    test('while the pre-hook runs: status 0', async (t) => {
      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, 'app.mjs'), application);
      const hooks = ['--pre-hook', './app.mjs:pre', '--post-hook', './app.mjs:post'];
      const command = new Command(t, ['./app.mjs:app', '--bind', '127.0.0.1:0', ...hooks, ...flags], {
        cwd: directory,
      });
      await command.line(/^pre$/m);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
      assert.doesNotMatch(command.stderr, /Serving|ERROR/);
    });

    test('without a connection', async (t) => {
      const serving = await serve(t, flags);
      await terminate(serving);
      const { command } = serving;
      assert.equal(await command.end(), 0);
    });

    test('an idle connection is closed with FIN', async (t) => {
      const serving = await serve(t, flags);
      const { command, open } = serving;
      const client = await open();
      await client.write(get());
      assert.equal((await client.response()).body.toString(), 'hello');
      await terminate(serving);
      await client.end();
      assert.equal(client.ended, 'fin');
      assert.equal(await command.end(), 0);
    });

    test('right after accept: the first request of a connection is answered', async (t) => {
      // It has half a second for it, for which this machine may be too busy: then it is tried again.
      for (let isInTime = false; !isInTime; ) {
        const serving = await serve(t, flags);
        const { command, open } = serving;
        // The second is served, so the first has been accepted: it stood in front of it.
        const [client, other] = [await open(), await open()];
        await other.write(get());
        await other.response();
        const begun = performance.now();
        await terminate(serving);
        await client.write(get());
        isInTime = performance.now() - begun < 400;
        if (isInTime) await lastAnswer(client, 'hello');
        assert.equal(await command.end(), 0);
      }
    });

    test('a connection on which nothing comes does not hold the end up', async (t) => {
      const serving = await serve(t, flags);
      const { command, open } = serving;
      const client = await open();
      await terminate(serving);
      await client.end();
      assert.equal(client.ended, 'fin');
      assert.equal(await command.end(), 0);
    });

    test('requests in the backlog and on idle connections, which nobody has read yet, are answered', async (t) => {
      const serving = await serve(t, flags);
      const { command, open } = serving;
      const idle = await Promise.all(Array.from({ length: 20 }, open));
      for (const client of idle) {
        await client.write(get());
        await client.response();
      }
      command.signal('SIGSTOP');
      await stopped(command.child.pid ?? 0);
      const fresh = await Promise.all(Array.from({ length: 200 }, open));
      await Promise.all([...idle, ...fresh].map((client) => client.write(get())));
      command.signal('SIGTERM');
      command.signal('SIGCONT');
      // Whether a request was read before the signal was seen is open.
      for (const client of idle) await lastAnswer(client, 'hello', 1, false);
      for (const client of fresh) await lastAnswer(client, 'hello', 0, false);
      assert.equal(await command.end(), 0);
    });

    test('within a head: the request is answered when the rest comes', async (t) => {
      const serving = await serve(t, flags);
      const { command, open } = serving;
      const client = await open();
      const request = get('/late');
      await client.write(get('/first'));
      await client.response();
      await client.write(request.slice(0, 20));
      // What came before this answer was asked for has been read.
      const other = await open();
      await other.write(get());
      await other.response();
      await terminate(serving);
      await client.write(request.slice(20));
      await lastAnswer(client, 'hello', 1);
      assert.equal(await command.end(), 0);
    });

    test('within a head that never ends: the deadlines end it, and no request was cut', async (t) => {
      const serving = await serve(t, [...flags, '--graceful-timeout', '0.5']);
      const { command, open } = serving;
      const client = await open();
      await client.write(`${get('/first')}GET /never HTTP/1.1\r\n`);
      await client.response();
      await terminate(serving);
      assert.equal(await command.end(), 0);
      assert.doesNotMatch(command.stdout, /never/);
    });

    test('within a body: it is read to its end', async (t) => {
      const serving = await serve(t, flags);
      const { command, open } = serving;
      const client = await open();
      await client.write(post('/upload', 300_000, 'b'.repeat(1000)));
      await command.line(/^body 1000$/m);
      await terminate(serving);
      await client.write('b'.repeat(299_000));
      await lastAnswer(client, 'got 300000');
      assert.equal(await command.end(), 0);
    });

    test('within a body that never ends: cut at the end of --graceful-timeout, status 7', async (t) => {
      const serving = await serve(t, [...flags, '--graceful-timeout', '0.2']);
      const { command, open } = serving;
      const client = await open();
      await client.write(post('/upload', 10, 'bb'));
      await command.line(/^body 2$/m);
      await terminate(serving);
      assert.equal(await command.end(), 7);
      await client.end();
      assert.equal(client.text, '');
    });

    test('while a handler runs: it, and what was pipelined behind it, is answered', async (t) => {
      const serving = await serve(t, flags);
      const { command, open, go } = serving;
      const client = await open();
      await client.write(get('/hold') + get('/second') + post('/third', 3, 'abc'));
      await command.line(/^GET \/hold$/m);
      await terminate(serving);
      go();
      assert.equal((await client.response()).body.toString(), 'held');
      assert.equal((await client.response(1)).body.toString(), 'hello');
      // node:http calls the application for each request as soon as it is read.
      await lastAnswer(client, 'got 3', 2, backend !== 'http');
      assert.equal(await command.end(), 0);
    });

    test('while a response is streamed: it arrives whole', async (t) => {
      const serving = await serve(t, flags);
      const { command, open, go } = serving;
      const client = await open();
      await client.write(get('/stream'));
      await client.has('aaaa');
      await terminate(serving);
      go();
      const { body, status } = await client.response();
      assert.equal(status, 200);
      assert.ok(/^a{200000}the end$/.test(body.toString()));
      await client.end();
      assert.equal(client.ended, 'fin');
      assert.equal(await command.end(), 0);
    });

    test('while a response waits for a client that reads slowly: it arrives whole', async (t) => {
      const serving = await serve(t, flags);
      const { command, port, go } = serving;
      const client = await Client.open(t, port, { paused: true });
      await client.write(get('/stream', 'Connection: close\r\n'));
      await command.line(/^GET \/stream$/m);
      await terminate(serving);
      go();
      client.read();
      assert.ok(/^a{200000}the end$/.test((await client.response()).body.toString()));
      assert.equal(await command.end(), 0);
    });

    test('new connections are refused', async (t) => {
      const serving = await serve(t, flags);
      const { command, open, go } = serving;
      const client = await open();
      await client.write(get('/hold'));
      await command.line(/^GET \/hold$/m);
      await terminate(serving);
      await assert.rejects(open(), /ECONNREFUSED/);
      go();
      await lastAnswer(client, 'held');
      assert.equal(await command.end(), 0);
    });

    test('a second SIGTERM changes nothing', async (t) => {
      const serving = await serve(t, flags);
      const { command, open, go } = serving;
      const client = await open();
      await client.write(get('/hold'));
      await command.line(/^GET \/hold$/m);
      await terminate(serving);
      command.signal('SIGTERM');
      go();
      await lastAnswer(client, 'held');
      assert.equal(await command.end(), 0);
    });
  });
}
