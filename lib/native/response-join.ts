import { OutgoingMessage } from 'node:http';
import { destroyed } from './node-errors.js';
import { kExchange } from './request.js';
import type { NativeResponse } from './response.js';
import {
  type Callback,
  headOf,
  kCorked,
  kState,
  startStream,
  streaming,
  tellWritten,
} from './response-state.js';

// Chunks of a response that are joined to one, since they are written while it is corked, as the running Node does it.

type Chunk = string | Uint8Array;

/** What is written and waits. */
export interface Joined {
  readonly chunks: Chunk[];
  readonly callbacks: Callback[];
  /** How many of the first of these are told when the response is cut. */
  tellable: number;
  bytes: number;
  needDrain: boolean;
}

export const kJoined = Symbol('joined');

/** When a Node joins chunks. */
interface Joining {
  /** Of a response that is corked and has sent its head: from Node 22 on. */
  readonly corked: boolean;
  /** Of one tick, since a write corks the response for the rest of it: from Node 24 on. */
  readonly ofTick: boolean;
  /** The callbacks of what waits are told when the response is cut: Node 22 forgets them. */
  readonly cutIsTold: boolean;
}

let joining: Joining | undefined;

/** Taken before a program puts another in its place, which would see these messages. */
const writeNodes = OutgoingMessage.prototype.write as (this: OutgoingMessage, chunk: string) => void;

/** What the running Node does. Asked of messages that go nowhere, since the changes are in no document. */
function joiningOfNode(): Joining {
  joining ??= {
    corked: written((message) => message.cork()).outputSize === 0,
    ofTick: written(() => {}).writableCorked > 0,
    cutIsTold: written((message) => message.cork()).destroy().writableLength === 0,
  };
  return joining;
}

function written(prepare: (message: OutgoingMessage) => void): OutgoingMessage & { outputSize: number } {
  const message = new OutgoingMessage();
  const socket = { writableCorked: 0, writableLength: 0, cork() {}, uncork() {}, destroy() {} };
  Object.assign(message, { _header: 'head', _headerSent: true, chunkedEncoding: true, socket });
  prepare(message);
  writeNodes.call(message, 'x');
  return message as OutgoingMessage & { outputSize: number };
}

/** Write a part of the body, now or with others. @returns Whether more may be written at once. */
export function writeJoined(response: NativeResponse, chunk: Chunk, callback: Callback | undefined): boolean {
  const wasStreaming = response[kState] === streaming;
  const { corked, ofTick, cutIsTold } = joiningOfNode();
  // The connection is gone: newer Nodes have not seen it yet.
  if (response[kExchange].ended || response[kExchange].isLost) {
    if (ofTick && callback !== undefined) process.nextTick(callback, destroyed('write'));
    return ofTick;
  }
  startStream(response, chunk);
  const mayJoin = ofTick || response[kCorked] > 0;
  const isChunked = mayJoin && headOf(response)?.has('content-length') !== true;
  if (ofTick && isChunked && response[kCorked] === 0) {
    response[kCorked] = 1;
    process.nextTick(uncork, response);
  }
  if (response[kCorked] === 0) {
    if (callback !== undefined) tellWritten(response, callback);
    return response[kExchange].write(chunk);
  }
  const joins = isChunked && chunk.length > 0 && (ofTick || (corked && wasStreaming));
  if (!joins && callback === undefined) return response[kExchange].write(chunk);
  response[kJoined] ??= { chunks: [], callbacks: [], tellable: 0, bytes: 0, needDrain: false };
  const joined = response[kJoined];
  if (callback !== undefined) joined.callbacks.push(callback);
  if (cutIsTold || !joins) joined.tellable = joined.callbacks.length;
  if (!joins) return response[kExchange].write(chunk);
  joined.chunks.push(chunk);
  joined.bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
  joined.needDrain ||= response[kExchange].isFullWith(joined.bytes);
  return !joined.needDrain;
}

function uncork(response: NativeResponse): void {
  if (response[kCorked] > 0) response.uncork();
}

/** Write what waits, as one chunk. @param last Behind it. */
export function flushJoined(response: NativeResponse, last: Chunk | null = null): void {
  const joined = response[kJoined];
  if (joined === undefined) {
    if (last !== null) response[kExchange].write(last);
    return;
  }
  response[kJoined] = undefined;
  const { chunks, callbacks, needDrain } = joined;
  if (last !== null) chunks.push(last);
  if (chunks.length > 0) response[kExchange].write(together(chunks), needDrain);
  const error = response[kExchange].isLost ? (response.errored ?? destroyed('write')) : null;
  for (const callback of callbacks) process.nextTick(callback, error);
}

/** What waits, in the framing of its chunk. */
export function joinedBytes(response: NativeResponse): number {
  const bytes = response[kJoined]?.bytes ?? 0;
  return bytes === 0 ? 0 : bytes + bytes.toString(16).length + 4;
}

/** Whether the head waits with what is written in its tick. */
export function headWaits(response: NativeResponse): boolean {
  return joinedBytes(response) > 0 && response[kExchange].inThisTick && joiningOfNode().ofTick;
}

/** The response is cut: nobody gets what waits. */
export function dropJoined(response: NativeResponse, error: Error): void {
  const joined = response[kJoined];
  if (joined === undefined) return;
  response[kJoined] = undefined;
  for (const callback of joined.callbacks.slice(0, joined.tellable)) process.nextTick(callback, error);
}

function together(chunks: readonly Chunk[]): Chunk {
  if (chunks.length === 1) return chunks[0] as Chunk;
  if (chunks.every((chunk) => typeof chunk === 'string')) return chunks.join('');
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
}
