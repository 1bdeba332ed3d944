// What node:http tells of its requests to those who watch the process, word for word the same on the native core.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { cleanEnvironment, root } from '../helpers/processes.js';

const preload = join(root, 'dist/preload/register.cjs');
const directory = mkdtempSync(join(tmpdir(), 'chaussette-observe-'));
after(() => rmSync(directory, { recursive: true }));

/** Prints what diagnostics_channel tells. */
const channels = `
  const names = ['http.server.request.start', 'http.server.response.created', 'http.server.response.finish'];
  for (const name of names) require('diagnostics_channel').subscribe(name, (message) => {
    const { request, response, socket, server } = message;
    if (name.endsWith('created') && Number(process.versions.node.split('.')[0]) < 22) return;
    console.log(name, Object.keys(message).join(), request.method, request.url, response.statusCode,
      response.headersSent, socket === undefined || socket === request.socket,
      server === undefined || server instanceof require('http').Server);
  });`;

/** Prints the entries of perf_hooks; the client's are not compared. */
const entries = `
  const { PerformanceObserver } = require('perf_hooks');
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.name !== 'HttpRequest') continue;
      const { req, res } = entry.detail;
      delete req.headers.host;
      console.log(entry.constructor.name, entry.name, entry.entryType, entry.duration > 0, JSON.stringify({ req, res }));
    }
  });`;

/** A server that answers three requests, one after the other, and prints its events. */
const server = `
  const http = require('http');
  const server = http.createServer((req, res) => {
    res.setHeader('X-Of', req.url);
    res.on('finish', () => console.log('finish', req.url)).on('close', () => console.log('close', req.url));
    if (req.url === '/2') res.statusCode = 404;
    req.resume().on('end', () => res.end('body'));
  }).listen(0, '127.0.0.1', async () => {
    for (const path of ['/1', '/2', '/3']) await new Promise((done) => {
      const { port } = server.address();
      const options = { port, path, method: 'POST', agent: false, headers: { 'x-a': 'b' } };
      http.request(options, (res) => res.resume().on('end', () => setImmediate(done))).end('body');
    });
    server.close();
  });`;

/** Async resources of requests, and the parts of their life that a hook sees. */
const hooks = `
  const { createHook, executionAsyncId } = require('async_hooks');
  const seen = new Map();
  createHook({
    init(id, type) { if (type === 'HTTPINCOMINGMESSAGE') seen.set(id, ['init']); },
    before(id) { seen.get(id)?.push('before'); },
    after(id) { seen.get(id)?.push('after'); },
    destroy(id) { seen.get(id)?.push('destroy'); },
  }).enable();
  const ids = new Set();
  process.on('exit', () => {
    console.log('ids', ids.size);
    for (const parts of seen.values()) console.log([...new Set(parts)].join());
  });`;

const programs: Readonly<Record<string, string>> = {
  'channels.cjs': channels + server,
  'entries.cjs': `${entries} observer.observe({ entryTypes: ['http'] }); ${server}`,
  'entries-later.cjs': `${entries} ${server}
    let count = 0;
    server.on('request', (req, res) => res.on('close', () => {
      if (++count === 1) observer.observe({ type: 'http' });
      if (count === 2) setImmediate(() => observer.disconnect());
    }));`,
  'both.cjs': `${channels} ${entries} observer.observe({ type: 'http' }); ${server}`,
  'hooks.cjs': `${hooks} ${server}
    server.prependListener('request', () => ids.add(executionAsyncId()));`,
};

function run(file: string, flags: readonly string[]): string[] {
  const args = [...flags, join(directory, file)];
  const result = spawnSync(process.execPath, args, { encoding: 'utf8', env: cleanEnvironment() });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout.trim().split('\n');
}

describe('what is told of requests', () => {
  for (const [file, text] of Object.entries(programs)) {
    writeFileSync(join(directory, file), text);
    test(`${file}: the same on node:http and on the native core`, () => {
      const expected = run(file, []);
      assert.ok(expected.length > 3, expected.join('\n'));
      assert.deepEqual(run(file, ['--require', preload]), expected);
    });
  }

  for (const backend of ['native', 'http']) {
    test(`an application of the command, backend ${backend}: channels, and a wrapped emit()`, async (t) => {
      const text = `${channels}
        const http = require('http');
        const { emit } = http.Server.prototype;
        http.Server.prototype.emit = function (event, ...args) {
          if (event === 'request') console.log('emit', args[0].url);
          return emit.call(this, event, ...args);
        };
        exports.app = (req, res) => { console.log('app', req.url); res.end('hello'); };`;
      writeFileSync(join(directory, 'app.cjs'), text);
      const args = ['--backend', backend, '--bind', '127.0.0.1:0', './app.cjs:app'];
      const command = new Command(t, args, { cwd: directory });
      const [place = ''] = await command.serving();
      assert.equal((await ask({ port: Number(place.split(':')[1]), path: '/1' })).text, 'hello');
      command.signal('SIGTERM');
      assert.equal(await command.end(), 0);
      const lines = command.stdout.trim().split('\n');
      const all = 'request,response,socket,server GET /1 200';
      assert.deepEqual(
        lines.filter((line) => !line.includes('created')),
        [
          `http.server.request.start ${all} false true true`,
          'emit /1',
          'app /1',
          `http.server.response.finish ${all} true true true`,
        ],
      );
    });
  }
});
