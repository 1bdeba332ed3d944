// The core keeps the last response head that it wrote. Each response here differs from the one before it in one thing;
// what comes must be what the same response is when nothing was kept.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { Exchange, Handler, HeaderList } from '../../lib/exchange.js';
import { testedBackends } from '../helpers/backends.js';
import { startBackend } from '../helpers/start-backend.js';

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
  readonly body: string | null;
}

const plain: Answer = { status: 200, reason: '', headers: ['content-type', 'text/plain'], body: 'same' };
const answers: Readonly<Record<string, Answer>> = {
  '/plain': plain,
  '/status': { ...plain, status: 404 },
  '/reason': { ...plain, reason: 'Fine' },
  '/value': { ...plain, headers: ['content-type', 'text/plaim'] },
  '/name': { ...plain, headers: ['content-typf', 'text/plain'] },
  '/shifted': { ...plain, headers: ['content-typet', 'ext/plain'] },
  '/longer': { ...plain, body: 'longer' },
  '/more': { ...plain, headers: [...plain.headers, 'x-more', '1'] },
  '/none': { ...plain, headers: [] },
  '/empty': { ...plain, body: null },
  '/no-content': { ...plain, status: 204, body: null },
  '/length': { ...plain, headers: [...plain.headers, 'content-length', '4'] },
  '/close': { ...plain, headers: [...plain.headers, 'connection', 'close'] },
  // Refused by the core, which answers 500 in its place.
  '/twice': { ...plain, headers: ['content-length', '4', 'content-length', '5'] },
  '/date': { ...plain, headers: ['date', 'today'] },
  '/long': { ...plain, headers: ['x-long', 'y'.repeat(3000)] },
};

const handler: Handler = {
  interface: 'fetch',
  handle(exchange: Exchange): void {
    const { status, reason, headers, body } = answers[exchange.target] ?? plain;
    exchange.respond(status, reason, headers, body);
  },
};

function request(target: string, version = '1.1', method = 'GET', field = ''): string {
  return `${method} ${target} HTTP/${version}\r\nHost: x\r\n${field}\r\n`;
}

/** All that comes back, without dates. */
async function ask(port: number, requests: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(requests.join(''));
  await once(socket, 'close');
  return Buffer.concat(chunks)
    .toString('latin1')
    .replaceAll(/^date: .*GMT\r\n/gim, '');
}

for (const backend of testedBackends.filter((name) => name === 'native')) {
  describe(`${backend}: kept heads`, () => {
    test('a response that differs in one thing from the last is not answered with its head', async (t) => {
      const { port, close } = await startBackend(backend, handler);
      t.after(() => close());
      const alone = async (text: string): Promise<string> => {
        // Eight of another kind: nothing of `text` is kept when it comes.
        for (let i = 0; i < 8; i += 1) await ask(port, [request('/none')]);
        return ask(port, [text]);
      };
      const targets = Object.keys(answers);
      const variants = [
        ...targets.map((target) => request(target)),
        request('/plain', '1.0'),
        request('/plain', '1.0', 'GET', 'Connection: keep-alive\r\n'),
        request('/plain', '1.1', 'HEAD'),
        request('/plain', '1.1', 'GET', 'Connection: close\r\n'),
      ];
      const usual = request('/plain');
      const expected = await alone(usual);
      for (const variant of variants) {
        const wanted = await alone(variant);
        // Enough of the usual ones that its head is kept, whatever was counted before.
        for (let i = 0; i < 16; i += 1) assert.equal(await ask(port, [usual]), expected);
        assert.equal(await ask(port, [variant]), wanted, variant);
        assert.equal(await ask(port, [usual]), expected, `after ${variant}`);
      }
    });

    test('each of many responses that came together has its head', async (t) => {
      const { port, close } = await startBackend(backend, handler);
      t.after(() => close());
      const many = await ask(
        port,
        Array.from({ length: 16 }, () => request('/plain')),
      );
      const one = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 4\r\n\r\nsame';
      assert.equal(many.replaceAll('Connection: close\r\n', ''), one.repeat(16));
    });
  });
}
