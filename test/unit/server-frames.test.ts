// Where a close frame may be put among what an application writes to a WebSocket.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { followWebSocket } from '../../lib/native/server-frames.js';

const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const goodbye = '8802 03e9'.replace(' ', '');
/** Lengths of 7, 16 and 64 bits; a fragment; a ping. */
const frames = [
  Buffer.from([0x81, 2, 104, 105]),
  Buffer.concat([Buffer.from([0x82, 126, 0, 200]), Buffer.alloc(200, 0x88)]),
  Buffer.from([0x01, 0]),
  Buffer.from([0x89, 1, 0x88]),
  Buffer.concat([Buffer.from([0x80, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65_536, 0x88)]),
];
const all = Buffer.concat([Buffer.from(head), ...frames]);
const ends = frames.map((_, i) => head.length + Buffer.concat(frames.slice(0, i + 1)).length);

/** A socket that keeps what was written to it. */
function recorder(): { socket: Socket; written: () => string } {
  const chunks: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  }) as Socket;
  return { socket, written: () => Buffer.concat(chunks).toString('hex') };
}

test('wherever the bytes are cut, it waits for the end of a frame', () => {
  const cuts = [...Array(head.length + 230).keys(), all.length - 65_546, all.length - 65_537, all.length - 1];
  for (const cut of cuts) {
    const { socket, written } = recorder();
    const close = followWebSocket(socket);
    socket.write(all.subarray(0, cut));
    close();
    const between = cut === head.length || ends.includes(cut);
    const at = between ? cut : all.length;
    // What is written after it is dropped, and its callback called.
    socket.write(all.subarray(cut));
    const bytes = all.toString('hex', 0, at) + goodbye;
    assert.equal(written().slice(-40), bytes.slice(-40), `cut at ${cut}`);
    assert.equal(written().length, bytes.length, `cut at ${cut}`);
  }
});

test('byte by byte, asked for inside of each frame', () => {
  for (const [i, end] of ends.slice(0, 4).entries()) {
    const { socket, written } = recorder();
    const close = followWebSocket(socket);
    for (let at = 0; at < all.length && at < end + 10; at += 1) {
      if (at === end - 1) close();
      socket.write(all.subarray(at, at + 1));
    }
    assert.equal(written(), all.toString('hex', 0, end) + goodbye, `frame ${i}`);
  }
});

test('a head as a string, a callback after the goodbye', async () => {
  const { socket, written } = recorder();
  const close = followWebSocket(socket);
  socket.write(head, 'latin1');
  socket.write('8102' + '6869', 'hex');
  close();
  await new Promise<void>((resolve) => socket.write('late', () => resolve()));
  assert.equal(written(), `${Buffer.from(head).toString('hex')}81026869${goodbye}`);
});

for (const [what, bytes] of [
  ['another answer', 'HTTP/1.1 400 Bad Request\r\nUpgrade: websocket\r\n\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n'],
  ['nothing yet', ''],
  ['a close of its own', `${head}\x88\x00`],
  ['frames of a client', `${head}\x81\x80abcd`],
] as const) {
  test(`${what}: no goodbye`, () => {
    const { socket, written } = recorder();
    const close = followWebSocket(socket);
    socket.write(bytes, 'latin1');
    close();
    socket.write('more', 'latin1');
    assert.equal(written(), Buffer.from(`${bytes}more`, 'latin1').toString('hex'));
  });
}
