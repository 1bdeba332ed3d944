import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { root } from '../helpers/processes.js';

const preload = join(root, 'dist/preload/register.cjs');
const directory = mkdtempSync(join(tmpdir(), 'chaussette-register-'));
after(() => rmSync(directory, { recursive: true }));

/** Asks the server for / and prints the answer, and whether node:net has the listening socket: of ours it has none. */
const ask = `
  server.listen(0, '127.0.0.1', () => {
    http.get({ port: server.address().port, agent: false }, (res) => {
      res.setEncoding('utf8').on('data', (text) => console.log(text, server._handle ? 'node' : 'native'));
      res.on('end', () => server.close());
    });
  });`;

/** Programs as people write them, and what is the same in all: a listener that answers. */
const programs: Record<string, string> = {
  'require.cjs': `const http = require('http');
    const server = http.createServer((req, res) => res.end('hello'));${ask}`,
  'destructured.cjs': `const http = require('node:http'); const { createServer } = http;
    const server = createServer({ keepAlive: true }, (req, res) => res.end('hello'));${ask}`,
  'new.cjs': `const http = require('http');
    const server = new http.Server((req, res) => res.end('hello'));${ask}`,
  'without-new.cjs': `const http = require('http');
    const server = http.Server((req, res) => res.end('hello'));${ask}`,
  'subclass.cjs': `const http = require('http');
    class Mine extends http.Server { constructor() { super((req, res) => res.end('hello')); } }
    const server = new Mine();
    if (!(server instanceof Mine) || !(server instanceof http.Server)) throw new Error('not an instance');${ask}`,
  'inherits.cjs': `const http = require('http');
    function Mine() { http.Server.call(this, (req, res) => res.end('hello')); }
    require('util').inherits(Mine, http.Server);
    const server = new Mine();${ask}`,
  'import.mjs': `import http from 'node:http';
    const server = http.createServer((req, res) => res.end('hello'));${ask}`,
  'named.mjs': `import * as http from 'http'; import { createServer } from 'http';
    const server = createServer((req, res) => res.end('hello'));${ask}`,
  'express.cjs': `const http = require('http');
    const app = require(${JSON.stringify(join(root, 'node_modules/express'))})();
    app.get('/', (req, res) => res.end('hello'));
    const server = app.listen(0, '127.0.0.1', () => {
      http.get({ port: server.address().port, agent: false }, (res) => {
        res.setEncoding('utf8').on('data', (text) => console.log(text, server._handle ? 'node' : 'native'));
        res.on('end', () => server.close());
      });
    });`,
};

function run(flags: readonly string[], file: string, env: NodeJS.ProcessEnv = {}): string {
  const result = spawnSync(process.execPath, [...flags, join(directory, file)], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout;
}

describe('the preload', () => {
  for (const [file, text] of Object.entries(programs)) {
    writeFileSync(join(directory, file), text);
    test(`${file} without it, with --require and with --import`, () => {
      assert.equal(run([], file), 'hello node\n');
      assert.equal(run(['--require', preload], file), 'hello native\n');
      assert.equal(run(['--import', preload], file), 'hello native\n');
    });
  }

  test('NODE_OPTIONS', () => {
    assert.equal(run([], 'named.mjs', { NODE_OPTIONS: `--require ${preload}` }), 'hello native\n');
  });

  test('where the core cannot be used, node:http serves, and a warning says why', () => {
    assert.equal(run(['--require', preload], 'new.cjs', { CHAUSSETTE_NO_NATIVE: '1' }), 'hello node\n');
  });

  test('the package exports it', () => {
    const script = `console.log(require.resolve('chaussette-server/register'))`;
    const result = spawnSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' });
    assert.equal(result.stdout.trim(), preload);
  });

  test('workers of a cluster are served by node:http, whose primary owns the socket', () => {
    const text = `const cluster = require('cluster'); const http = require('http');
      if (cluster.isPrimary) {
        const worker = cluster.fork();
        worker.on('listening', ({ port }) => http.get({ port, agent: false }, (res) => {
          res.setEncoding('utf8').on('data', (text) => console.log(text));
          res.on('end', () => worker.kill());
        }));
      } else http.createServer((req, res) => res.end('from the worker')).listen(0);`;
    writeFileSync(join(directory, 'cluster.cjs'), text);
    assert.equal(run(['--require', preload], 'cluster.cjs'), 'from the worker\n');
  });
});
