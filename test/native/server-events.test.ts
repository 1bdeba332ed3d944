// What a review of the events of servers found in the core: each test is named for the failure that it prevents.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { createServer } from '../../lib/create-server.js';
import { testedBackends } from '../helpers/backends.js';
import { closed, exchangeBytes, listening } from '../helpers/compare-servers.js';

const head = 'HTTP/1.1\r\nHost: a\r\n';

describe('native: events of servers', { skip: !testedBackends.includes('native') }, () => {
  test('what is read along behind the last response is not overwritten in the same turn', async () => {
    const read: string[] = [];
    const server = createServer((req, res) => {
      if (req.url === '/last') req.socket.on('data', (bytes) => read.push(bytes.toString()));
      res.setHeader('Connection', 'close');
      res.end();
    });
    const port = await listening(server);
    const last = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const other = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await Promise.all([once(last, 'connect'), once(other, 'connect')]);
    last.write(`GET /last ${head}\r\n`);
    await once(last.resume(), 'end');
    const more = 'more'.repeat(20);
    // Both reach the kernel before the server's loop looks at either.
    last.write(more);
    other.write(`GET /other ${head}X: ${'x'.repeat(1000)}\r\n\r\n`);
    await once(other.resume(), 'end');
    last.destroy();
    other.destroy();
    await closed(server);
    assert.deepEqual(read, [more]);
  });

  test('a request whose body was left to the application ends with its answer', async () => {
    const answers: (() => void)[] = [];
    const server = createServer((_req, res) => answers.push(() => res.end('nevertheless')));
    server.on('clientError', () => answers.pop()?.());
    const port = await listening(server);
    const received = await exchangeBytes(
      port,
      `POST / ${head}Transfer-Encoding: chunked\r\n\r\n`,
      'zz\r\n\r\n',
    );
    await closed(server);
    assert.match(received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*nevertheless/);
  });
});
