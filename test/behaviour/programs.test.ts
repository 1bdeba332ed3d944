// Programs that listen by themselves, unmodified: the first listen() gets the socket of the command.
import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command, FdParent } from '../helpers/command.js';
import { eventually, freePort, root, temporaryDirectory } from '../helpers/processes.js';

/** Each answers `hello`, on a port that nobody is asked at, and says on standard output where it believes to be. */
const programs: Readonly<Record<string, string>> = {
  'import.mjs': `
    import http from 'node:http';
    const server = http.createServer((req, res) => res.end('hello'));
    server.listen(3000, () => console.log('up', server.address().port));`,
  'named.mjs': `
    import { createServer } from 'http';
    const server = createServer((req, res) => res.end('hello')).listen({ host: '127.0.0.1', port: 3000 });
    server.on('listening', () => console.log('up', server.address().port));`,
  'awaited.mjs': `
    import { createServer } from 'node:http';
    import { once } from 'node:events';
    await new Promise((resolve) => setTimeout(resolve, 20));
    const server = createServer((req, res) => res.end('hello')).listen('3000', 'localhost');
    await once(server, 'listening');
    console.log('up', server.address().port);`,
  'require.cjs': `
    const http = require('http');
    const server = new http.Server((req, res) => res.end('hello'));
    if (require.main !== module) throw new Error('not main');
    server.listen(3000, '0.0.0.0', 511, () => console.log('up', server.address().port));`,
  'late.cjs': `
    const { createServer } = require('node:http');
    async function main() {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const server = createServer((req, res) => res.end('hello'));
      server.listen(process.env.PORT || 3000, () => console.log('up', server.address().port));
    }
    main();`,
  'typed.ts': `
    import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
    const answer = (req: IncomingMessage, res: ServerResponse): void => { res.end('hello'); };
    const server = createServer(answer).listen(3000, () => console.log('up', JSON.stringify(server.address())));`,
  'express.cjs': `
    const app = require('express')();
    app.get('/', (req, res) => res.send('hello'));
    const server = app.listen(3000, () => console.log('up', server.address().port));
    module.exports = app;`,
  'express.mjs': `
    import express from 'express';
    const app = express().get('/', (req, res) => res.send('hello'));
    const server = app.listen(3000, () => console.log('up', server.address().port));
    export default app;`,
  'koa.mjs': `
    import Koa from 'koa';
    const app = new Koa().use((context) => { context.body = 'hello'; });
    const server = app.listen(3000, () => console.log('up', server.address().port));`,
  'fastify.mjs': `
    import Fastify from 'fastify';
    const app = Fastify();
    app.get('/', async () => 'hello');
    await app.listen({ port: 3000 });
    console.log('up', app.server.address().port);`,
  'nest.mjs': `
    import 'reflect-metadata';
    import { Controller, Get, Module } from '@nestjs/common';
    import { NestFactory } from '@nestjs/core';
    class Hello { answer() { return 'hello'; } }
    Get()(Hello.prototype, 'answer', Object.getOwnPropertyDescriptor(Hello.prototype, 'answer'));
    Controller()(Hello);
    class App {}
    Module({ controllers: [Hello] })(App);
    const app = await NestFactory.create(App, { logger: false });
    await app.listen(3000);
    console.log('up', app.getHttpServer().address().port);`,
  'hono.mjs': `
    import { serve } from '@hono/node-server';
    import { Hono } from 'hono';
    const app = new Hono().get('/', (context) => context.text('hello'));
    serve({ fetch: app.fetch, port: 3000 }, ({ port }) => console.log('up', port));`,
};

function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t);
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

/** Start the command on a file of `files`, the first one. */
function start(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Command {
  const cwd = directoryWith(t, files);
  return new Command(t, ['--bind', '127.0.0.1:0', ...args, `./${Object.keys(files)[0]}`], { cwd });
}

async function portOf(command: Command): Promise<number> {
  const [place = ''] = await command.serving();
  return Number(/:(\d+)\)?$/.exec(place)?.[1]);
}

for (const backend of ['native', 'http'] as const) {
  describe(`a program, backend ${backend}`, () => {
    for (const [file, text] of Object.entries(programs)) {
      test(`${file}: served on an inherited socket, and ended`, async (t) => {
        const cwd = directoryWith(t, { [file]: text });
        const args = ['--fd', '7', '--backend', backend, `./${file}`];
        const run = new FdParent(t, [{ fd: 7, kind: 'tcp' }], args, { cwd });
        await run.parent.serving();
        const { ports } = await run.started();
        assert.equal((await ask({ port: ports[0] })).text, 'hello');
        await run.parent.line(new RegExp(`^up.*\\b${ports[0]}\\b`, 'm'));
        await run.parent.line(new RegExp(`Application is ${file}\n`));
        await run.parent.line(new RegExp(`Serving on fd://7 \\(127\\.0\\.0\\.1:${ports[0]}\\)\n`));
        // Fastify listens to 'clientError', for which node:http serves.
        const serves = file === 'fastify.mjs' ? '(native|http)' : backend;
        await run.parent.line(new RegExp(`Using ${serves} as a backend\n`));
        await run.parent.line(new RegExp(`${file} asked to listen on .*\\b3000 and serves on fd://7 `));
        await run.signal('SIGTERM');
        const { status, sockets } = await run.ended();
        assert.equal(status, 0, run.parent.stderr);
        assert.ok((sockets[0]?.backlog ?? 0) >= 77, 'the backlog of the parent has shrunk');
      });
    }

    test('SIGTERM: what is in flight is answered, then its own handler ends, and the post-hook runs', async (t) => {
      const command = start(
        t,
        {
          'server.mjs': `
            import { createServer } from 'node:http';
            const open = [];
            const server = createServer((req, res) => { open.push(res); console.log('request'); }).listen(3000);
            process.on('SIGTERM', () => {
              server.close((error) => {
                console.log('closed', error ?? 'well');
                setImmediate(() => setImmediate(() => console.log('database closed')));
              });
              open[0].end('done');
            });
            export const pre = () => console.log('pre');
            export const post = () => console.log('post');`,
          'hooks.mjs': `
            export const pre = () => console.log('pre');
            export const post = () => console.log('post');`,
        },
        ['--backend', backend, '--pre-hook', './hooks.mjs:pre', '--post-hook', './hooks.mjs:post'],
      );
      const reply = ask({ port: await portOf(command) });
      await command.line(/^request$/m);
      command.signal('SIGTERM');
      const { text, headers } = await reply;
      assert.deepEqual([text, headers.connection], ['done', 'close']);
      assert.equal(await command.end(), 0, command.stderr);
      const lines = command.stdout.trim().split('\n');
      assert.deepEqual([lines[0], lines[1]], ['pre', 'request']);
      assert.deepEqual(lines.slice(2).sort(), ['closed well', 'database closed', 'post']);
    });

    test('a request that outlives --graceful-timeout is cut: status 7', async (t) => {
      const text = `require('http').createServer(() => console.log('request')).listen(3000);`;
      const args = ['--backend', backend, '--graceful-timeout', '0.1'];
      const command = start(t, { 'server.cjs': text }, args);
      const reply = ask({ port: await portOf(command) }).catch((error: Error) => error);
      await command.line(/^request$/m);
      command.signal('SIGTERM');
      assert.equal(await command.end(), 7, command.stderr);
      assert.ok((await reply) instanceof Error);
    });

    test('it ends by itself when it closes its server; its exit code is the status', async (t) => {
      const text = `
        const server = require('http').createServer((req, res) => {
          res.end('last');
          server.close();
          process.exitCode = 42;
        }).listen(3000);`;
      const command = start(t, { 'server.cjs': text }, ['--backend', backend]);
      assert.equal((await ask({ port: await portOf(command) })).text, 'last');
      assert.equal(await command.end(), 42, command.stderr);
    });

    test('--max-requests counts its requests', async (t) => {
      const text = `require('http').createServer((req, res) => res.end('last')).listen(3000);`;
      const command = start(t, { 'server.cjs': text }, ['--backend', backend, '--max-requests', '1']);
      assert.equal((await ask({ port: await portOf(command) })).headers.connection, 'close');
      assert.equal(await command.end(), 0, command.stderr);
    });

    test('a second server binds what it asks for; https and http2 are left alone', async (t) => {
      const text = `
        import http from 'node:http'; import https from 'node:https'; import http2 from 'node:http2';
        const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
        const answer = (text) => (req, res) => res.end(text);
        const early = [https.createServer(answer('https')), http2.createServer(answer('http2'))];
        const ports = await Promise.all(early.map(listen));
        http.createServer(answer('first')).listen(3000, '127.0.0.1');
        ports.push(await listen(http.createServer(answer('second'))));
        console.log('ports', ports.join());`;
      const command = start(t, { 'server.mjs': text }, ['--backend', backend]);
      const [, list = ''] = await command.line(/^ports (.*)$/m);
      const ports = list.split(',').map(Number);
      const first = await portOf(command);
      assert.equal((await ask({ port: first })).text, 'first');
      assert.equal((await ask({ port: ports[2] })).text, 'second');
      assert.equal(new Set([first, ...ports]).size, 4);
      command.signal('SIGTERM');
      await command.line(/Stopping/);
    });

    test('two addresses: both are served', async (t) => {
      const text = `require('http').createServer((req, res) => res.end('hello')).listen(3000);`;
      const command = start(t, { 'server.cjs': text }, ['--bind', '127.0.0.2:0', '--backend', backend]);
      const places = await command.serving();
      assert.equal(places.length, 2);
      for (const place of places) {
        const [host, port] = place.split(':');
        assert.equal((await ask({ host, port })).text, 'hello');
      }
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
    });
  });
}

describe('what a module is', () => {
  const both = `
    const http = require('http');
    module.exports = { app: (req, res) => res.end('exported') };
    const server = http.createServer((req, res) => res.end('listening')).listen(0, '127.0.0.1');`;

  test('one that exports an application and listens is a program', async (t) => {
    const command = start(t, { 'server.cjs': both });
    assert.equal((await ask({ port: await portOf(command) })).text, 'listening');
  });

  test('one whose export is named is not: its own server binds what it asks for', async (t) => {
    const text = `${both} server.on('listening', () => console.log('port', server.address().port));`;
    const cwd = directoryWith(t, { 'server.cjs': text });
    const command = new Command(t, ['--bind', '127.0.0.1:0', './server.cjs:app'], { cwd });
    assert.equal((await ask({ port: await portOf(command) })).text, 'exported');
    const [, port] = await command.line(/^port (\d+)$/m);
    assert.equal((await ask({ port })).text, 'listening');
  });

  test('one that exports an application and listens with it later gets no second socket', async (t) => {
    const port = await freePort();
    const text = `
      const app = require('express')();
      app.get('/', (req, res) => res.send('hello'));
      app.get('/listen', (req, res) => {
        const server = app.listen(${port}, () => res.json(server.address()));
      });
      module.exports = app;`;
    const command = start(t, { 'server.cjs': text });
    const served = await portOf(command);
    const reply = await ask({ port: served, path: '/listen' });
    assert.deepEqual(JSON.parse(reply.text), { address: '127.0.0.1', family: 'IPv4', port: served });
    await assert.rejects(ask({ port }), { code: 'ECONNREFUSED' });
  });

  test('one that does neither: status 3, when nothing is left that could listen', async (t) => {
    const command = start(t, { 'server.mjs': `export const things = 1; setTimeout(() => {}, 20);` });
    assert.equal(await command.end(), 3);
    assert.match(command.stderr, /no export app, application, handler or default; there is things/);
  });

  test('one that fails before it listens: status 3, and its own stack', async (t) => {
    const text = `
      async function connect() { throw new Error('no database'); }
      setInterval(() => {}, 1000);
      setImmediate(connect);`;
    const command = start(t, { 'server.cjs': text });
    assert.equal(await command.end(), 3);
    assert.match(command.stderr, /server\.cjs failed before it listened: Error: no database/);
    assert.match(command.stderr, /at connect|at Immediate\.connect/);
  });

  test('one that fails while it is loaded is not waited for', async (t) => {
    const text = `
      async function connect() { throw new Error('no database'); }
      connect(); setInterval(() => {}, 1000);`;
    const command = start(t, { 'server.cjs': text });
    assert.equal(await command.end(), 3);
    assert.match(command.stderr, /server\.cjs failed before it listened: Error: no database/);
  });

  test('--no-monkey: a program is an error that says so', async (t) => {
    const text = `require('http').createServer(() => {}).listen(0, '127.0.0.1');`;
    const command = start(t, { 'server.cjs': text }, ['--no-monkey']);
    assert.equal(await command.end(), 3);
    assert.match(command.stderr, /; it listens by itself\nLeave --no-monkey out/);
  });

  test('--check names a program, and binds nothing', async (t) => {
    const text = `require('http').createServer(() => {}).listen(3000, () => console.log('up'));`;
    const command = start(t, { 'server.cjs': text }, ['--check']);
    assert.equal(await command.end(), 0, command.stderr);
    assert.match(command.stdout, /^Application is server\.cjs\n/);
    assert.doesNotMatch(command.stdout, /^up/m);
  });

  test('its arguments are in process.argv as node would put them', async (t) => {
    const cwd = directoryWith(t, {
      'server.cjs': `require('http').createServer((req, res) => res.end(process.argv.slice(1).join())).listen(3000);`,
    });
    const command = new Command(t, ['--bind', '127.0.0.1:0', './server.cjs', 'one', 'two'], { cwd });
    const { text } = await ask({ port: await portOf(command) });
    assert.equal(text, `${join(cwd, 'server.cjs')},one,two`);
  });
});

test('workers of a cluster share the socket of the command, and end with it', async (t) => {
  const text = `
    const cluster = require('cluster');
    if (cluster.isPrimary) {
      cluster.fork(); cluster.fork();
      cluster.on('exit', (worker, code, signal) => console.log('worker ended', code ?? signal));
    } else require('http').createServer((req, res) => res.end('worker ' + process.pid)).listen(3000);`;
  const cwd = directoryWith(t, { 'server.cjs': text });
  const run = new FdParent(t, [{ fd: 7, kind: 'tcp' }], ['--fd', '7', './server.cjs'], { cwd });
  const places = await run.parent.serving();
  const { ports, pid } = await run.started();
  assert.deepEqual(places, [`fd://7 (127.0.0.1:${ports[0]})`]);
  const answers = new Set<string>();
  await eventually('both workers to answer', async () => {
    answers.add((await ask({ port: ports[0] })).text);
    return answers.size > 1 || undefined;
  });
  for (const text of answers) assert.match(text, /^worker \d+$/);
  assert.ok(!answers.has(`worker ${pid}`));
  await run.parent.line(/server\.cjs asked to listen on port 3000, with workers of node:cluster,/);
  await run.signal('SIGTERM');
  const { status } = await run.ended();
  assert.equal(status, 0, run.parent.stderr);
  assert.equal(run.parent.stdout.match(/^worker ended 0$/gm)?.length, 2);
});

test('behind the preload it gets the socket as well', async (t) => {
  const text = `require('http').createServer((req, res) => res.end('hello')).listen(3000);`;
  const env = { NODE_OPTIONS: `--require ${join(root, 'dist/preload/register.cjs')}` };
  const cwd = directoryWith(t, { 'server.cjs': text });
  const command = new Command(t, ['--bind', '127.0.0.1:0', './server.cjs'], { cwd, env });
  assert.equal((await ask({ port: await portOf(command) })).text, 'hello');
  command.signal('SIGTERM');
  assert.equal(await command.end(), 0);
});

test('the limits of the command hold where the program has set none', async (t) => {
  const listen = `.listen(3000);`;
  const plain = `require('http').createServer((req, res) => res.end('hello'))${listen}`;
  const own = `require('http').createServer({ keepAliveTimeout: 9000 }, (req, res) => res.end('hello'))${listen}`;
  for (const [text, seconds] of [
    [plain, 7],
    [own, 9],
  ] as const) {
    const command = start(t, { 'server.cjs': text }, ['--keep-alive', '7', '--max-body', '3']);
    const port = await portOf(command);
    const keepAlive = { connection: 'keep-alive' };
    assert.equal((await ask({ port, headers: keepAlive })).headers['keep-alive'], `timeout=${seconds}`);
    assert.equal((await ask({ port, method: 'POST' }, 'four')).status, 413);
  }
});
