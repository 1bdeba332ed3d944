// Fastify as people start it, under the preload: the same program without it, with --require and with --import gives the
// same bytes, and its hooks see the same.
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { exchangeBytes } from '../helpers/compare-servers.js';
import { root } from '../helpers/processes.js';
import { bytesOf, steps } from './scenario.js';

const preload = join(root, 'dist/preload/register.cjs');
const program = join(root, 'test/helpers/fastify-program.ts');

interface Listening {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly served: string;
}

/** What the program tells, in its order. */
type Message =
  | ({ readonly event: 'listening' } & Listening)
  | { readonly event: 'aborted'; readonly url: string }
  | { readonly event: 'closed'; readonly seen: readonly string[] };

/** Kept from the start on, whoever asks when. */
type Messages = AsyncIterator<unknown[]>;

interface Program extends Listening {
  readonly child: ChildProcess;
  readonly messages: Messages;
}

const octets = 'Content-Type: application/octet-stream';
const last = 'Connection: close';

function request(line: string, fields: readonly string[], body = ''): string {
  return `${[`${line} HTTP/1.1`, 'Host: compat.example', ...fields].join('\r\n')}\r\n\r\n${body}`;
}

const large = 'x'.repeat(1024 * 1024);

/** What Fastify has besides the routes of every application: one connection each. */
const more: Readonly<Record<string, readonly string[]>> = {
  'a body that is read as a stream': [
    request('POST /upload', [octets, last, `Content-Length: ${large.length}`], large),
  ],
  'the same in chunks': [
    request('POST /upload', [octets, last, 'Transfer-Encoding: chunked'], `100000\r\n${large}\r\n0\r\n\r\n`),
  ],
  // Its body is not sent: node:http would reset the connection, and its answer might be lost.
  'a body above bodyLimit': [
    request('POST /json', ['Content-Type: application/json', `Content-Length: ${large.length}`]),
  ],
  'a body that nobody reads, and another request behind it': [
    request('POST /refused', [octets, `Content-Length: ${large.length}`], large),
    request('GET /', [last]),
  ],
  'a type that is not known': [
    request('POST /json', ['Content-Type: text/csv', last, 'Content-Length: 1'], 'a'),
  ],
  'server-sent events on the raw response': [request('GET /events', [last])],
  trailers: [request('GET /trailers', ['TE: trailers', last])],
  'a stream that breaks': [request('GET /broken', [last])],
  inject: [request('GET /inject', [last])],
  'early hints': [request('GET /early', [last])],
  'a request that is none': ['GET / HTTP/1.1\r\nHost: a\r\nbad line\r\n\r\n'],
  'a head that is too long': [request('GET /', [`X-Long: ${'x'.repeat(20_000)}`])],
  'HTTP/1.1 without Host': ['GET / HTTP/1.1\r\n\r\n'],
  'OPTIONS of a route that has none': [request('OPTIONS /json', [last])],
  '100-continue': [
    request(
      'POST /json',
      ['Content-Type: application/json', 'Expect: 100-continue', last, 'Content-Length: 2'],
      '{}',
    ),
  ],
};

/** Start the program. @param flags Of Node. */
async function start(flags: readonly string[]): Promise<Program> {
  const child = fork(program, { execArgv: ['--import', 'tsx', ...flags] });
  const messages = on(child, 'message', { close: ['disconnect'] });
  const listening = await next(messages, 'listening');
  return { child, messages, ...listening };
}

/** @returns The next message of that kind. @throws when the program ends before it. */
async function next<E extends Message['event']>(
  messages: Messages,
  event: E,
): Promise<Extract<Message, { event: E }>> {
  for (;;) {
    const { done, value } = await messages.next();
    if (done) throw new Error(`the program ended without ${event}`);
    const [message] = value as [Message];
    if (isOf(message, event)) return message;
  }
}

function isOf<E extends Message['event']>(
  message: Message,
  event: E,
): message is Extract<Message, { event: E }> {
  return message.event === event;
}

/** Ask all of it. @returns What came, by name, and what the hooks saw in the end. */
async function answers({ child, messages, port }: Program): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const step of steps) all[step.name] = await exchangeBytes(port, bytesOf(step));
  for (const [name, parts] of Object.entries(more)) all[name] = await exchangeBytes(port, ...parts);
  const leaves = connect(port, '127.0.0.1');
  leaves.write(request('GET /waits', []), () => leaves.destroy());
  while ((await next(messages, 'aborted')).url !== '/waits');
  // It is open and idle when the program closes.
  const idle = connect(port, '127.0.0.1');
  idle.write(request('GET /', []));
  await once(idle, 'data');
  const exit = once(child, 'exit');
  child.send('close');
  await once(idle.resume(), 'close');
  const { seen } = await next(messages, 'closed');
  assert.ok(seen.includes('onRequest / 127.0.0.1') && seen.at(-1) === 'onClose', seen.join());
  all['what the hooks saw'] = seen;
  await exit;
  all['the status'] = child.exitCode;
  return all;
}

const plain = start([]);
const expected = plain.then(answers);
// A failure is that of the tests, which all wait for it.
expected.catch(() => {});
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill();
});

for (const flag of ['--require', '--import']) {
  describe(`Fastify with ${flag}`, async () => {
    const begun = start([flag, preload]);
    const got = begun.then(answers);
    got.catch(() => {});
    test('the native core serves, on the same addresses', async () => {
      const [ours, nodes] = await Promise.all([begun, plain]);
      children.push(ours.child, nodes.child);
      assert.deepEqual([nodes.served, ours.served], ['node', 'native']);
      assert.deepEqual(ours.addresses, nodes.addresses);
    });
    for (const name of [
      ...steps.map((step) => step.name),
      ...Object.keys(more),
      'what the hooks saw',
      'the status',
    ]) {
      test(name, async () => assert.deepEqual((await got)[name], (await expected)[name]));
    }
  });
}
