// A process ends when nothing can happen any more. Once nothing listens, a connection whose client waits for a program that
// does not read on cannot bring anything about: node:http's handle of it is stopped, and lets the process go. So does a
// socket that the program has unref'd.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { testTls } from '../helpers/certificates.js';
import { eventually, Running, root } from '../helpers/processes.js';
import { RawClient } from '../helpers/raw-client.js';

const preload = join(root, 'dist/preload/register.cjs');
const { identity } = testTls();
const uploadBytes = 6_000_000;

/** A server that is closed or let go of during its only request, most of whose body nobody has read. */
const program = (secure: boolean, handle: string, leave: string): string => `
  const server = require('${secure ? 'https' : 'http'}').createServer(${JSON.stringify(identity)});
  const told = [];
  server.on('request', (req, res) => {
    for (const [of, name] of [[req, 'request'], [res, 'response']]) {
      for (const event of ['aborted', 'finish', 'close']) of.on(event, () => told.push(name + ' ' + event));
    }
    ${handle}
    setTimeout(() => { ${leave} }, 50);
  });
  server.on('close', () => told.push('server close'));
  server.listen(0, () => console.log(server.address().port));
  process.on('exit', () => console.log(JSON.stringify(told.sort())));
`;

const readAll = `let n = 0; req.on('data', (chunk) => { n += chunk.length; });
  req.on('end', () => { told.push('read ' + n); res.end('read'); });`;

const handlers: Record<string, string> = {
  'is never answered': '',
  'is answered in the last turn': `setTimeout(() => res.end('late'), 150);`,
  'is read from the last turn on': `setTimeout(() => { ${readAll} }, 150);`,
  'is paused by its reader': `req.once('data', () => { told.push('data'); req.pause(); });`,
  "is answered when 'beforeExit' comes": `process.once('beforeExit', () => { told.push('before'); res.end('bye'); });`,
};

const ways: Record<string, string> = { 'close()': 'server.close()', 'unref()': 'server.unref()' };

const upload = Buffer.concat([
  Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${uploadBytes}\r\n\r\n`),
  Buffer.alloc(uploadBytes),
]);

interface Ran {
  readonly end: string;
  readonly told: readonly string[];
  readonly status: string | undefined;
}

/** The program ends with ours as it does with Node's, and by itself. */
async function same(
  t: TestContext,
  secure: boolean,
  request: Buffer,
  leavesMs: number,
  source: string,
): Promise<void> {
  const theirs = await ran(t, secure, request, leavesMs, ['-e', source]);
  assert.deepEqual(await ran(t, secure, request, leavesMs, ['--require', preload, '-e', source]), theirs);
  assert.equal(theirs.end, '0');
}

/** @param leavesMs The client leaves then. @returns What the program told, and the end of the process. */
async function ran(
  t: TestContext,
  secure: boolean,
  request: Buffer,
  leavesMs: number,
  args: string[],
): Promise<Ran> {
  const child = new Running(t, process.execPath, args);
  const port = await eventually('the port', () => Number(child.stdout.split('\n')[0]) || undefined);
  const client = await RawClient.open(port, secure);
  void client.write(request);
  const leaves = setTimeout(() => client.destroy(), leavesMs);
  const timer = setTimeout(() => child.child.kill('SIGKILL'), 20_000);
  const end = await child.end();
  clearTimeout(timer);
  clearTimeout(leaves);
  client.destroy();
  return {
    end,
    told: child.output.split('\n').slice(1),
    status: String(client.received).split('\r\n')[0],
  };
}

for (const secure of [false, true]) {
  describe(`a process that ends with an upload unread${secure ? ', over TLS' : ''}`, {
    timeout: 300_000,
  }, () => {
    for (const [way, leave] of Object.entries(ways)) {
      for (const [name, handle] of Object.entries(handlers)) {
        test(`${way}, and the request ${name}`, (t) =>
          same(t, secure, upload, 60_000, program(secure, handle, leave)));
      }
    }
  });
}

/** A server that nothing keeps alive but the connection of its only request, which stays open. */
const unrefs = (secure: boolean, handle: string): string => `
  const server = require('${secure ? 'https' : 'http'}').createServer(${JSON.stringify(identity)});
  const told = [];
  const take = (req, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n');
    socket.on('end', () => socket.end());
    socket.on('close', () => told.push('taken close'));
    socket.resume();
  };
  server.on('request', (req, res) => {
    req.socket.on('close', () => told.push('close'));
    res.end('hello');
  });
  ${handle}
  server.unref();
  server.listen(0, () => console.log(server.address().port));
  const held = setInterval(() => {}, 1000);
  for (const event of ['request', 'upgrade']) server.on(event, () => setTimeout(() => clearInterval(held), 100));
  process.on('exit', () => console.log(JSON.stringify(told)));
`;

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const asks = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const connection = (secure: boolean): string => (secure ? 'secureConnection' : 'connection');

const idle: Record<string, (secure: boolean) => readonly [request: string, handle: string]> = {
  'that nobody has unref()ed': () => [get, ''],
  "that is unref()ed at 'connection'": (secure) => [
    get,
    `server.on('${connection(secure)}', (socket) => socket.unref());`,
  ],
  'that is unref()ed by a handler': () => [get, `server.on('request', (req) => req.socket.unref());`],
  'that is unref()ed and ref()ed': () => [
    get,
    `server.on('request', (req) => { req.socket.unref(); setTimeout(() => req.socket.ref(), 50); });`,
  ],
  'that was taken': () => [asks, `server.on('upgrade', take);`],
  'that was taken and unref()ed': () => [
    asks,
    `server.on('upgrade', (req, socket) => { take(req, socket); socket.unref(); });`,
  ],
};

for (const secure of [false, true]) {
  describe(`an idle connection${secure ? ' over TLS' : ''}`, { timeout: 300_000, concurrency: 3 }, () => {
    for (const [name, make] of Object.entries(idle)) {
      test(`${name} lets the process end, or does not`, (t) => {
        const [request, handle] = make(secure);
        return same(t, secure, Buffer.from(request), 1500, unrefs(secure, handle));
      });
    }
  });
}
