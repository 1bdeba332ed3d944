import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { testTls } from '../helpers/certificates.js';
import { get } from '../helpers/compare-servers.js';
import { root } from '../helpers/processes.js';

const preload = join(root, 'dist/preload/register.cjs');
const directory = mkdtempSync(join(tmpdir(), 'chaussette-register-'));
after(() => rmSync(directory, { recursive: true }));

/** Asks the server for / and prints the answer, and whether node:net has the listening socket: of ours it has none. */
const ask = `
  server.listen(0, '127.0.0.1', () => {
    http.get({ port: server.address().port, agent: false }, (res) => {
      res.setEncoding('utf8').on('data', (text) => console.log(text, server._handle?.constructor.name === 'TCP' ? 'node' : 'native'));
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
  'call.cjs': `const { Server } = require('http'); const http = require('http');
    function Mine(listener) { if (!(this instanceof Mine)) return new Mine(listener); Server.call(this, listener); }
    Object.setPrototypeOf(Mine.prototype, Server.prototype); Object.setPrototypeOf(Mine, Server);
    const server = Mine((req, res) => res.end('hello'));
    if (!(server instanceof http.Server) || !(server instanceof require('net').Server)) throw new Error('no Server');${ask}`,
  'instanceof.cjs': `const http = require('http'); const { Readable, Stream } = require('stream');
    const server = http.createServer((req, res) => {
      const is = req instanceof http.IncomingMessage && req instanceof Readable && res instanceof http.ServerResponse &&
        res instanceof http.OutgoingMessage && res instanceof Stream && !(res instanceof http.IncomingMessage) &&
        server.constructor === http.Server && req.constructor === http.IncomingMessage &&
        res.constructor === http.ServerResponse && Object.getPrototypeOf(server) === http.Server.prototype;
      res.end(is ? 'hello' : 'not what it seems');
    });${ask}`,
  'default.mjs': `import { default as http, Server } from 'node:http';
    class Mine extends Server { answer = 'hello'; }
    const server = new Mine();
    server.on('request', (req, res) => res.end(server.answer));${ask}`,
  'dynamic.mjs': `const http = await import('http'); const { createServer } = http;
    const server = createServer(); server.on('request', (req, res) => res.end('hello'));${ask}`,
  'get-builtin.mjs': `import { createRequire } from 'node:module'; import http from 'http';
    const server = createRequire(import.meta.url)('http').Server((req, res) => res.end('hello'));${ask}`,
  'thread.cjs': `const { Worker, isMainThread, parentPort } = require('worker_threads'); const http = require('http');
    if (isMainThread) new Worker(__filename).once('message', (text) => console.log(text));
    else {
      const console = { log: (...texts) => parentPort.postMessage(texts.join(' ')) };
      const server = http.createServer((req, res) => res.end('hello'));${ask}
    }`,
  'import.mjs': `import http from 'node:http';
    const server = http.createServer((req, res) => res.end('hello'));${ask}`,
  'named.mjs': `import * as http from 'http'; import { createServer } from 'http';
    const server = createServer((req, res) => res.end('hello'));${ask}`,
  'express.cjs': `const http = require('http');
    const app = require(${JSON.stringify(join(root, 'node_modules/express'))})();
    app.get('/', (req, res) => res.end('hello'));
    const server = app.listen(0, '127.0.0.1', () => {
      http.get({ port: server.address().port, agent: false }, (res) => {
        res.setEncoding('utf8').on('data', (text) => console.log(text, server._handle?.constructor.name === 'TCP' ? 'node' : 'native'));
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

  test('what it puts in place has the names and lengths of Node', () => {
    const file = join(directory, 'names.cjs');
    writeFileSync(
      file,
      `for (const module of [require('http'), require('https')])
        for (const name of ['Server', 'createServer', 'IncomingMessage', 'ServerResponse'])
          console.log(name, module[name]?.name, module[name]?.length);
      console.log(new (require('http').Server)().constructor.name);`,
    );
    const [plain, ours] = [[], ['--require', preload]].map(
      (flags) => spawnSync(process.execPath, [...flags, file], { encoding: 'utf8' }).stdout,
    );
    assert.match(plain ?? '', /createServer createServer 2/);
    assert.equal(ours, plain);
  });

  test('a stack trace names the classes of Node', () => {
    const text = `const http = require('http'); const { log } = console;
      const callers = () => new Error('x').stack.match(/[A-Z]\\w+(?=\\.(?:own|heard) )/g);
      const server = http.createServer((req, res) => {
        res.own = req.own = server.own = req.socket.own = function own() { log(callers()); };
        for (const object of [req, res, server, req.socket]) object.own();
        req.on('end', function heard() { log(callers()); });
        res.on('finish', function heard() { log(callers()); server.close(); });
        req.resume();
        res.end();
      });
      server.listen(0, () => http.get({ port: server.address().port, agent: false }).on('response', (res) => res.resume()));`;
    writeFileSync(join(directory, 'stack.cjs'), text);
    const plain = run([], 'stack.cjs');
    assert.match(plain, /'IncomingMessage'[\s\S]*'ServerResponse'[\s\S]*'Server'[\s\S]*'Socket'/);
    assert.equal(run(['--require', preload], 'stack.cjs'), plain);
  });

  // node:http sends with end(), so that nothing which comes behind it can keep a response.
  const ends: Record<string, string> = {
    'process.exit() in the listener': 'res.end("all"); process.exit(1);',
    'a throw in the listener': 'res.end("all"); throw new Error();',
    'process.exit() in a timer': 'setTimeout(() => { res.end("all"); process.exit(1); });',
    'a throw in a listener of the body':
      'req.on("end", () => { res.end("all"); throw new Error(); }).resume();',
    'process.exit() behind a written head':
      'res.write("a"); setTimeout(() => { res.end("ll"); process.exit(1); });',
  };
  for (const [what, listener] of Object.entries(ends)) {
    test(`a response that is ended before ${what} is sent`, async () => {
      const text = `const server = require('http').createServer((req, res) => { ${listener} });
        server.listen(0, '127.0.0.1', () => process.send(server.address().port));`;
      const file = join(directory, 'exit.cjs');
      writeFileSync(file, text);
      const answers: string[] = [];
      for (const execArgv of [[], ['--require', preload]]) {
        const child = fork(file, { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
        const [port] = (await once(child, 'message')) as [number];
        answers.push(await get(port));
        if (child.exitCode === null) await once(child, 'exit');
        assert.equal(child.exitCode, 1);
      }
      assert.match(answers[0] ?? '', /200 OK[\s\S]*a(?:ll|[\s\S]*ll)/);
      assert.equal(answers[1], answers[0]);
    });
  }

  test('a connection keeps the process when its server is unreferenced', () => {
    const file = 'unreferenced.cjs';
    const text = `const http = require('http'); const net = require('net');
      const server = http.createServer((req, res) => {
        server.unref();
        client.unref();
        setTimeout(() => { console.log('kept'); req.socket.destroy(); }, 50).unref();
      });
      let client;
      server.listen(0, '127.0.0.1', () => {
        client = net.connect(server.address().port, '127.0.0.1');
        client.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
      });`;
    writeFileSync(join(directory, file), text);
    assert.equal(run([], file), 'kept\n');
    assert.equal(run(['--require', preload], file), 'kept\n');
  });

  for (const flag of ['--require', '--import']) {
    test(`NODE_OPTIONS with ${flag}`, () => {
      for (const file of ['named.mjs', 'require.cjs', 'thread.cjs']) {
        assert.equal(run([], file, { NODE_OPTIONS: `${flag} ${preload}` }), 'hello native\n');
      }
    });
  }

  test('node:https, in the ways of node:http', () => {
    const { cert, key } = testTls().identity;
    const own = JSON.stringify({ cert, key });
    const programs = {
      'https.cjs': `const https = require('https'); const server = https.createServer(${own}, (req, res) => res.end('hello'));`,
      'https-without-new.cjs': `const https = require('https'); const server = https.Server(${own}, (req, res) => res.end('hello'));`,
      'https-subclass.cjs': `const https = require('https'); const tls = require('tls');
        class Mine extends https.Server { constructor() { super(${own}, (req, res) => res.end('hello')); } }
        const server = new Mine();
        if (!(server instanceof https.Server) || !(server instanceof tls.Server)) throw new Error('not an instance');`,
      'https-inherits.cjs': `const https = require('https');
        function Mine() { https.Server.call(this, ${own}, (req, res) => res.end('hello')); }
        require('util').inherits(Mine, https.Server);
        const server = new Mine();`,
      'https-named.mjs': `import https, { createServer } from 'node:https';
        const server = createServer(${own}, (req, res) => res.end('hello'));`,
    };
    for (const [file, text] of Object.entries(programs)) {
      const asks = ask.replace('http.get({', 'https.get({ rejectUnauthorized: false,');
      writeFileSync(join(directory, file), `${text}${asks}`);
      assert.equal(run(['--import', preload], file), 'hello native\n', file);
      assert.equal(run([], file), 'hello node\n', file);
    }
  });

  test('--require is done before the main script: a worker of a cluster gets its first message', () => {
    const text = `const cluster = require('cluster'); require('http');
      if (cluster.isPrimary) cluster.fork().send('first');
      else process.once('message', (message) => { console.log(message); process.exit(); });`;
    writeFileSync(join(directory, 'message.cjs'), text);
    assert.equal(run(['--require', preload], 'message.cjs'), 'first\n');
    assert.equal(run([], 'message.cjs', { NODE_OPTIONS: `--require ${preload}` }), 'first\n');
  });

  test('twice, as a flag and in NODE_OPTIONS, is once', () => {
    const env = { NODE_OPTIONS: `--require ${preload}` };
    assert.equal(run(['--import', preload], 'subclass.cjs', env), 'hello native\n');
  });

  test('what a program adds to the classes of messages is there, whoever serves', () => {
    // As Restify does; node:http serves the second, whose classes are its own.
    const text = `const http = require('http');
      http.IncomingMessage.prototype.path = function () { return this.url; };
      http.ServerResponse.prototype.send = function (text) { this.end(text); };
      const listener = (req, res) => res.send(req.path());
      class Mine extends http.ServerResponse {}
      for (const options of [{}, { ServerResponse: Mine }]) {
        const server = http.createServer(options, listener).listen(0, '127.0.0.1', () => {
          http.get({ port: server.address().port, agent: false, path: '/a' }, (res) => {
            res.setEncoding('utf8').on('data', (text) => console.log(text));
            res.on('end', () => server.close());
          });
        });
      }`;
    writeFileSync(join(directory, 'prototype.cjs'), text);
    assert.equal(run(['--require', preload], 'prototype.cjs'), '/a\n/a\n');
  });

  test('and on the responses that a client gets', () => {
    const text = `const http = require('http');
      const { setTimeout, on } = http.IncomingMessage.prototype;
      http.IncomingMessage.prototype.text = async function () {
        let text = '';
        for await (const chunk of this) text += chunk;
        return text;
      };
      http.IncomingMessage.prototype.setTimeout = function (...args) {
        console.log('wrapped', this.statusCode);
        return setTimeout.apply(this, args);
      };
      http.IncomingMessage.prototype.on = function (...args) { return on.apply(this, args); };
      const server = http.createServer(async (req, res) => res.end(await req.setTimeout(9000).text()));
      server.listen(0, '127.0.0.1', () => {
        const ask = (then) => http.request({ port: server.address().port, agent: false, method: 'POST' }, then).end('text');
        ask(async (res) => {
          console.log(res.constructor === http.IncomingMessage, await res.setTimeout(9000).text());
          delete http.IncomingMessage.prototype.text;
          http.IncomingMessage.prototype.setTimeout = setTimeout;
          server.removeAllListeners('request').on('request', (req, res) => res.end());
          ask((res) => {
            console.log(res.setTimeout(9000).text);
            res.resume().on('end', () => server.close());
          });
        });
      });`;
    writeFileSync(join(directory, 'client.cjs'), text);
    const expected = run([], 'client.cjs');
    assert.equal(expected, 'wrapped null\nwrapped 200\ntrue text\nundefined\n');
    assert.equal(run(['--require', preload], 'client.cjs'), expected);
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
