// When what is told over TLS, as on node:https: what is written there is done later than without it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createServer } from '../../lib/index.js';
import { testTls } from '../helpers/certificates.js';

const { key, cert } = testTls().identity;
type Make = (options: https.ServerOptions, listener: http.RequestListener) => https.Server;
type Answer = (res: http.ServerResponse, log: (text: string) => void) => void;

/** What a response has told, from its request until 'close'. */
async function told(make: Make, answer: Answer): Promise<string[]> {
  const lines: string[] = [];
  const log = (text: string): void => void lines.push(text);
  const server = make({ key, cert }, (_req, res) => {
    res.on('finish', () => log('finish')).on('close', () => log('close'));
    answer(res, log);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const client = connect({ port: (server.address() as AddressInfo).port, rejectUnauthorized: false });
    await once(client.resume(), 'secureConnect');
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(client, 'close');
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
  return lines;
}

/** Tell of the next tick, the next promise job and the next immediate. */
function mark(log: (text: string) => void): void {
  process.nextTick(log, 'tick');
  void Promise.resolve().then(() => log('promise'));
  setImmediate(log, 'immediate');
}

const answers: Record<string, Answer> = {
  'an end in the handler': (res, log) => {
    res.end('hello', () => log('ended'));
    mark(log);
  },
  'an end in an immediate': (res, log) =>
    void setImmediate(() => {
      res.end('hello');
      mark(log);
    }),
  'an end in a tick': (res, log) =>
    process.nextTick(() => {
      res.end('hello');
      mark(log);
    }),
  'an end behind a write': (res, log) => {
    res.setHeader('Content-Length', 10);
    res.write('hello', () => log('written'));
    res.end('hello');
    mark(log);
  },
  'a write': (res, log) => {
    res.setHeader('Content-Length', 10);
    res.write('hello', () => log('written'));
    mark(log);
    setImmediate(() => setImmediate(() => res.end('hello')));
  },
};

for (const [name, answer] of Object.entries(answers)) {
  test(`${name} is told behind ticks and promise jobs`, async () => {
    const expected = await told(https.createServer, answer);
    assert.deepEqual(await told(createServer as Make, answer), expected);
  });
}
