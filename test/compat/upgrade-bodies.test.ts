// An upgrade request that announces a body, as with node:http: up to Node 25 what follows the head is for who takes the
// connection, from 26 on the body is the request's.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer as createServerOfNode,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import * as https from 'node:https';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { createServer } from '../../lib/create-server.js';
import { testTls } from '../helpers/certificates.js';
import { closed, compare, listening, type Make } from '../helpers/compare-servers.js';

const { identity } = testTls();
const upgrade = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n';
const fixed = `${upgrade}Content-Length: 5\r\n\r\n`;
const chunked = `${upgrade}Transfer-Encoding: chunked\r\n\r\n`;

type MakeServer = (listener?: RequestListener) => Server;

interface Seen {
  readonly head: string;
  readonly complete: boolean;
  readonly length: number;
  body: string;
  tunnel: string;
}

/** What a taker gets of `parts`, which come one behind the other.
 *  @param split The request itself is in several of them. */
async function taken(
  make: MakeServer,
  secure: boolean,
  event: string,
  parts: readonly string[],
  split = false,
): Promise<Seen> {
  const server = make((_req, res) => res.end('not taken'));
  const client = open(await listening(server), secure);
  const whole = new Promise<Seen>((resolve, reject) => {
    server.on(event, (req: IncomingMessage, socket: Socket, head: Buffer) => {
      const { complete, readableLength: length } = req;
      const seen = { head: head.toString(), complete, length, body: '', tunnel: '' };
      req.on('data', (chunk: Buffer) => {
        seen.body += chunk;
      });
      socket.on('data', (chunk: Buffer) => {
        seen.tunnel += chunk;
      });
      socket.on('error', reject).on('end', () => socket.end());
      socket.on('close', () => resolve(seen));
    });
    client.on('data', (bytes) => reject(new Error(`answered: ${bytes}`)));
  });
  const upgraded = once(server, event);
  await once(client, secure ? 'secureConnect' : 'connect');
  for (const part of parts) {
    client.write(part);
    await (split ? later(50) : upgraded);
  }
  client.end();
  try {
    return await whole;
  } finally {
    client.destroy();
    await closed(server);
  }
}

function open(port: number, secure: boolean): Socket {
  const to = { port, host: '127.0.0.1', allowHalfOpen: true };
  const client = secure ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
  return client.on('error', () => {});
}

const nodes = (secure: boolean, make: Make): MakeServer =>
  secure ? (listener) => https.createServer(identity, listener) : (listener) => make(listener);
const ours = (secure: boolean): MakeServer => {
  const make = createServer as unknown as typeof https.createServer;
  return secure ? (listener) => make(identity, listener) : (createServer as unknown as MakeServer);
};

const requests: Record<string, readonly string[]> = {
  'no body': [`${upgrade}\r\n`, 'MORE'],
  'no body, and bytes behind it': [`${upgrade}\r\nAFTER`, 'MORE'],
  'a body': [`${fixed}HELLO`],
  'a body, and bytes behind it': [`${fixed}HELLOAFTER`, 'MORE'],
  'chunks and trailers': [`${chunked}5\r\nHELLO\r\n0\r\nX-A: b\r\n\r\nAFTER`, 'MORE'],
  'several chunks': [`${chunked}2\r\nHE\r\n3\r\nLLO\r\n0\r\n\r\nAFTER`],
};

for (const secure of [false, true]) {
  describe(`over ${secure ? 'https' : 'http'}, an upgrade with`, () => {
    for (const [name, parts] of Object.entries(requests)) {
      test(name, async () => {
        const expected = await taken(nodes(secure, createServerOfNode), secure, 'upgrade', parts);
        assert.deepEqual(await taken(ours(secure), secure, 'upgrade', parts), expected);
      });
    }
    // Node 26 tells of the request before the rest of its body has come, ours then.
    test('a body that comes later is taken with all that was sent', async () => {
      const cut = [`${fixed}HE`, 'LLOAFTER'];
      const { head, body, tunnel } = await taken(ours(secure), secure, 'upgrade', cut, true);
      const node = await taken(nodes(secure, createServerOfNode), secure, 'upgrade', cut, true);
      assert.equal(body, node.body);
      assert.equal(head + tunnel, node.head + node.tunnel);
    });
  });
}

compare('CONNECT is complete, whatever follows', (make) =>
  taken(nodes(false, make), false, 'connect', ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nABC', 'DEF']),
);
