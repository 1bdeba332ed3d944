// A process ends when nothing can happen any more. A connection whose client waits for a program that does not read on
// cannot bring anything about, once nothing listens: node:http's handle of it is stopped, and lets the process go.
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

/** @returns What the program told, and the end of the process. */
async function ran(t: TestContext, secure: boolean, ...args: string[]): Promise<unknown> {
  const process_ = new Running(t, process.execPath, args);
  const port = await eventually('the port', () => Number(process_.stdout.split('\n')[0]) || undefined);
  const client = await RawClient.open(port, secure);
  const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${uploadBytes}\r\n\r\n`;
  void client.write(Buffer.concat([Buffer.from(head), Buffer.alloc(uploadBytes)]));
  const timer = setTimeout(() => process_.child.kill('SIGKILL'), 20_000);
  const end = await process_.end();
  clearTimeout(timer);
  client.destroy();
  return {
    end,
    told: process_.output.split('\n').slice(1),
    status: String(client.received).split('\r\n')[0],
  };
}

for (const secure of [false, true]) {
  describe(`a process that ends with an upload unread${secure ? ', over TLS' : ''}`, {
    timeout: 300_000,
  }, () => {
    for (const [way, leave] of Object.entries(ways)) {
      for (const [name, handle] of Object.entries(handlers)) {
        test(`${way}, and the request ${name}`, async (t) => {
          const source = program(secure, handle, leave);
          const theirs = await ran(t, secure, '-e', source);
          assert.deepEqual(await ran(t, secure, '--require', preload, '-e', source), theirs);
          assert.equal((theirs as { end: string }).end, '0');
        });
      }
    }
  });
}
