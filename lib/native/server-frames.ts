import type { Socket } from 'node:net';

/** A head longer than this is none that switches to WebSocket. */
const headBytesMax = 16 * 1024;

const opClose = 8;

/** Where the frames end that a server sends (RFC 6455 §5.2): which of its bytes are the head, the frame headers and
 *  payload. It looks at the head and at frame headers only. */
class ServerFrames {
  /** `lost`: what was written is not WebSocket, or not as a server may send it. */
  #state: 'head' | 'frames' | 'closed' | 'lost' = 'head';
  #held = Buffer.alloc(0);
  /** Of the payload of the frame that was begun. */
  #left = 0;

  /** A frame may begin here. Between the fragments of a message as well: a control frame may (RFC 6455 §5.4). */
  get betweenFrames(): boolean {
    return this.#state === 'frames' && this.#left === 0 && this.#held.length === 0;
  }

  /** @param bytes What is written next. */
  take(bytes: Buffer): void {
    let at = this.#state === 'head' ? this.#takeHead(bytes) : 0;
    while (this.#state === 'frames' && at < bytes.length) {
      const skipped = Math.min(this.#left, bytes.length - at);
      this.#left -= skipped;
      at += skipped;
      if (at < bytes.length) at = this.#takeHeader(bytes, at);
    }
  }

  /** @returns Where the frames begin. */
  #takeHead(bytes: Buffer): number {
    const before = this.#held.length;
    const all = before === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = all.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#held = Buffer.from(all);
      if (all.length > headBytesMax) this.#state = 'lost';
      return bytes.length;
    }
    const head = all.toString('latin1', 0, end);
    const switches =
      /^HTTP\/1\.1 101[ \r]/.test(head) && /\r\nupgrade:[ \t]*websocket[ \t]*(\r|$)/i.test(head);
    this.#state = switches ? 'frames' : 'lost';
    this.#held = Buffer.alloc(0);
    return end + 4 - before;
  }

  /** @returns Where the header ends. */
  #takeHeader(bytes: Buffer, from: number): number {
    const held = this.#held.length;
    const header =
      held === 0 ? bytes.subarray(from) : Buffer.concat([this.#held, bytes.subarray(from, from + 10)]);
    const size = (header[1] ?? 0) & 0x7f;
    const length = size === 127 ? 10 : size === 126 ? 4 : 2;
    if (header.length < length) {
      this.#held = Buffer.from(header);
      return bytes.length;
    }
    this.#held = Buffer.alloc(0);
    if (((header[1] ?? 0) & 0x80) !== 0)
      this.#state = 'lost'; // A server does not mask (RFC 6455 §5.1).
    else if (((header[0] ?? 0) & 0x0f) === opClose) this.#state = 'closed';
    this.#left =
      size === 127 ? Number(header.readBigUInt64BE(2)) : size === 126 ? header.readUInt16BE(2) : size;
    return from + length - held;
  }
}

/** FIN, opcode 8, two bytes of payload: 1001, going away (RFC 6455 §5.5.1, §7.4.1). */
const goingAway = Buffer.from([0x88, 2, 0x03, 0xe9]);

/** Follow what an application writes to the socket of a WebSocket, so that its close frame can be sent between two
 *  frames.
 *  @returns Send it, as soon as a frame of the application has ended; what the application writes after it is not
 *  sent (RFC 6455 §5.5.1). */
export function followWebSocket(socket: Socket): () => void {
  const frames = new ServerFrames();
  const write = socket.write as (this: Socket, chunk: unknown, ...rest: unknown[]) => boolean;
  let wanted = false;
  let sent = false;
  const send = (): void => {
    if (!wanted || sent || !frames.betweenFrames || !socket.writable) return;
    sent = true;
    write.call(socket, goingAway);
  };
  socket.write = (chunk: unknown, ...rest: unknown[]): boolean => {
    if (sent) {
      const callback = rest.at(-1);
      if (typeof callback === 'function') process.nextTick(callback, null);
      return true;
    }
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encodingOf(rest[0])) : chunk;
    if (ArrayBuffer.isView(bytes)) {
      frames.take(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    }
    const goesOn = write.call(socket, bytes, ...rest);
    send();
    return goesOn;
  };
  return () => {
    wanted = true;
    send();
  };
}

function encodingOf(argument: unknown): BufferEncoding {
  return typeof argument === 'string' ? (argument as BufferEncoding) : 'utf8';
}
