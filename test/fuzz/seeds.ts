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
const operation = { connect: 0, send: 1, turn: 2, read: 3, finish: 4 };

for (const target of ['parser', 'head', 'core']) mkdirSync(join(root, target), { recursive: true });
for (const fixture of loadFixtures()) {
  const sent: Buffer[] = [];
  const script: Buffer[] = [Buffer.from([0, operation.connect])];
  for (const step of fixture.steps) {
    if (step.kind === 'fin') script.push(Buffer.from([operation.finish]));
    if (step.kind !== 'send') {
      script.push(Buffer.from([operation.turn, operation.read]));
      continue;
    }
    sent.push(step.bytes);
    const length = Buffer.alloc(3);
    length.writeUInt8(operation.send, 0);
    length.writeUInt16BE(Math.min(step.bytes.length, 65535), 1);
    script.push(length, step.bytes, Buffer.from([operation.turn]));
  }
  put('parser', fixture.path, Buffer.concat([Buffer.from([0, 0]), ...sent]));
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
