// Writes the conformance fixtures as first inputs of the fuzz targets: node --import tsx test/fuzz/seeds.ts <directory>
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadFixtures } from '../conformance/load-fixtures.js';

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: seeds.ts <directory>');
const root = directory;
const inputBytesMax = 8192;

function put(target: string, name: string, bytes: Buffer): void {
  if (bytes.length > inputBytesMax) return;
  const digest = createHash('sha1').update(name).digest('hex');
  writeFileSync(join(root, target, digest), bytes);
}

/** The operations of the core target: see test/fuzz/core_target.cc. */
const operation = {
  connect: 0,
  send: 1,
  turn: 2,
  read: 3,
  finish: 4,
  reset: 5,
  tick: 7,
  goOn: 8,
  select: 9,
  repeat: 15,
  closeIdle: 16,
  actOn: 17,
} as const;

/** The last byte before the operations: limits, and from here on the style of the server. */
const style = { node: 16, tellRefusals: 32, tellDrops: 64, halfOpen: 128 } as const;

function send(bytes: Buffer): Buffer {
  const length = Buffer.alloc(3);
  length.writeUInt8(operation.send, 0);
  length.writeUInt16BE(Math.min(bytes.length, 65535), 1);
  return Buffer.concat([length, bytes]);
}

/** Two clients: one leaves, or does not read, while the other goes on in the same turn. */
function twoClients(decisions: Buffer, first: Buffer, second: Buffer): Buffer {
  const { connect, turn, read, finish, reset, tick, goOn, select, repeat } = operation;
  const pipelined = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  return Buffer.concat([
    decisions,
    Buffer.from([0, connect, select, 1, connect, turn, select, 0]),
    send(first),
    Buffer.from([turn, turn, reset, turn, select, 1]),
    send(second),
    Buffer.from([turn, goOn, 0, turn, connect, turn, select, 0, connect]),
    Buffer.from([repeat, 40, pipelined.length]),
    pipelined,
    Buffer.from([turn, goOn, 3, tick, 50, turn, read, finish, turn, goOn, 1, read, turn]),
  ]);
}

/** A server that tells what happens to connections, and an application that reads along. */
function told(decisions: Buffer, kind: number, bytes: Buffer): Buffer {
  const { connect, turn, finish, tick, goOn, closeIdle, actOn, read } = operation;
  return Buffer.concat([
    decisions,
    Buffer.from([kind, connect, turn, actOn, 0, actOn, 1]),
    send(bytes.subarray(0, bytes.length >> 1)),
    Buffer.from([turn, goOn, 0]),
    send(bytes.subarray(bytes.length >> 1)),
    Buffer.from([turn, goOn, 1, turn, finish, turn, read, tick, 250, actOn, 0, closeIdle, 0, turn, read]),
  ]);
}

/** Clients come behind the header of a load balancer, in two pieces. */
const proxied = 12;
const proxyHeaders = [
  Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 4660 443\r\n'),
  Buffer.from('PROXY UNKNOWN\r\n'),
  Buffer.from('0d0a0d0a000d0a515549540a2111000ccb007107c6336401123401bb', 'hex'),
  Buffer.from('0d0a0d0a000d0a515549540a20000003040000', 'hex'),
];

for (const target of ['parser', 'head', 'core', 'tls']) mkdirSync(join(root, target), { recursive: true });
let before: Buffer = Buffer.alloc(0);
for (const fixture of loadFixtures()) {
  const sent: Buffer[] = [];
  // Half of them with an application that answers at once, half with one that does all sorts of things.
  const mark = createHash('sha1').update(fixture.path).digest();
  const decisions = (mark[16] ?? 0) % 2 === 0 ? Buffer.alloc(16) : mark.subarray(0, 16);
  const script: Buffer[] = [decisions, Buffer.from([0, operation.connect])];
  for (const step of fixture.steps) {
    if (step.kind === 'fin') script.push(Buffer.from([operation.finish]));
    if (step.kind !== 'send') {
      script.push(Buffer.from([operation.turn, operation.read]));
      continue;
    }
    sent.push(step.bytes);
    script.push(send(step.bytes), Buffer.from([operation.turn]));
  }
  const all = Buffer.concat(sent);
  put('core', `two ${fixture.path}`, twoClients(mark.subarray(0, 16), before, all));
  put('core', `late ${fixture.path}`, twoClients(Buffer.alloc(16, 0x2f), before, all));
  const kind = style.tellRefusals | ((mark[17] ?? 0) & (style.node | style.tellDrops | style.halfOpen));
  put('core', `told ${fixture.path}`, told(mark.subarray(0, 16), kind, all));
  const header = proxyHeaders[(mark[18] ?? 0) % proxyHeaders.length] ?? Buffer.alloc(0);
  put('core', `proxied ${fixture.path}`, told(mark.subarray(0, 16), proxied, Buffer.concat([header, all])));
  before = all;
  put('parser', fixture.path, Buffer.concat([Buffer.from([0, 0]), all]));
  put('core', fixture.path, Buffer.concat(script));
}
const heads: readonly (readonly string[])[] = [
  ['content-type', 'text/plain', 'content-length', '5'],
  ['connection', 'close', 'transfer-encoding', 'chunked', 'date', 'now'],
  ['x-a', 'b\r\nset-cookie: c=d', 'x-e', ''],
];
for (const [number, head] of heads.entries()) {
  const bytes: Buffer[] = [Buffer.from([0, number * 85, 0, 200, head.length / 2, 2]), Buffer.from('OK')];
  for (let i = 0; i < head.length; i += 2) {
    const name = Buffer.from(head[i] ?? '');
    const value = Buffer.from(head[i + 1] ?? '');
    bytes.push(Buffer.from([name.length]), name, Buffer.from([value.length >> 8, value.length & 255]), value);
  }
  put('head', `head ${number}`, Buffer.concat(bytes));
}

// The tls target: see test/fuzz/tls_target.cc.
const tls = {
  write: [1, 0x10, 0],
  some: 3,
  change: 4,
  again: 5,
  read: [8, 0, 0],
  answer: [9, 0x40, 0, 0, 9],
  get: 10,
};
const { write, some, change, again, read, answer, get } = tls;
const flush = 15;
for (const flags of [0, 1, 2, 3, 4]) {
  const inputs = [
    [flags, flush, ...write, 2, ...read, ...answer, get, flush],
    [flags, 0, some, 1, ...read, some, 100, ...read, flush, ...write, some, 7, ...read, ...answer, flush],
    [flags, 0, change, 0, 9, 1, 2, ...read, get, flush],
    [flags, flush, ...write, change, 1, 0, 4, 2, ...read, get],
    [flags, flush, ...write, 2, again, 2, ...read, flush],
    [
      flags,
      flush,
      11,
      0x23,
      ...write,
      ...answer,
      2,
      ...read,
      get,
      12,
      2,
      ...read,
      flush,
      13,
      2,
      ...read,
      14,
      get,
    ],
    [flags, 7, 5, 0x47, 0x45, 0x54, 0x20, 0x2f, 2, ...read],
  ];
  for (const [i, input] of inputs.entries()) put('tls', `${flags} ${i}`, Buffer.from(input));
}
