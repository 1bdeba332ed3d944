import { type IncomingMessage, ServerResponse, STATUS_CODES, validateHeaderName } from 'node:http';
import type { HeaderList } from '../exchange.js';
import { addon, closeFlag, noChunked, noConnection, noDate, noLength, noReason } from './layout.js';
import * as nodeErrors from './node-errors.js';
import { isAwaited, kExchange, type NativeRequest } from './request.js';
import type { NativeResponse } from './response.js';
import { ResponseHeaders, toPairs } from './response-headers.js';

// The steps of a response, as functions: an Express response has Express' prototype, and so no private methods.

export const kHeaders = Symbol('headers');
/** The status that writeHead was given: what is set after it does not count. */
export const kStatus = Symbol('status');
export const kState = Symbol('state');
/** The writeHead of the prototype, to see whether middleware has put its own in place. */
export const kOwnWriteHead = Symbol('writeHead');
/** The program wants no other request on the connection. */
export const kCloses = Symbol('closes');
export const kTrailers = Symbol('trailers');
export const kCorked = Symbol('corked');
/** Command flags: the fields that the application has removed, and so does not want added. */
export const kRemoved = Symbol('removed');
/** Of the body, counted for strictContentLength only. */
export const kBytes = Symbol('bytes');
/** 'close' was emitted although the response is not finished: the client left, or has shut down its side. */
export const kCloseTold = Symbol('closeTold');
/** What the core tells of it; under symbols, since programs keep what they like on a response: `res.aborted = true`. */
export const kAborted = Symbol('aborted');
export const kFlushed = Symbol('flushed');
/** The async context in which a response that is listened to was ended. */
export const kEndContext = Symbol('endContext');

/** How far a response is. */
export const open = 0;
/** writeHead was called: status and fields are final, nothing is sent. */
export const headSet = 1;
export const streaming = 2;
export const ended = 3;
export const finished = 4;
export const closed = 5;

export type Callback = (error?: Error | null) => void;

const badValue = /[^\t\x20-\x7e\x80-\xff]/;
export const badReason = badValue;
export const noFields: HeaderList = [];

/** The fields that the application may ask for. */
export function shownFields(response: NativeResponse): ResponseHeaders | undefined {
  const fields = response[kHeaders];
  return fields?.isDirect === true ? undefined : fields;
}

/** Fields of writeHead: those of an object replace what was set before. Where nothing was, they are taken as they are,
 *  and a list may repeat names; behind others it may from Node 22 on. */
export function mergeHead(response: NativeResponse, headers: object): void {
  const pairs = toPairs(headers);
  const list = response[kHeaders];
  if (list === undefined) {
    const fields = new ResponseHeaders();
    fields.isDirect = true;
    for (const [name, value] of pairs) fields.add(name, value);
    response[kHeaders] = fields; // None of them when one has thrown.
  } else if (Array.isArray(headers) && listsRepeat()) {
    for (const [name] of pairs) list.delete(name);
    for (const [name, value] of pairs) list.append(name, value as string);
  } else {
    for (const [name, value] of pairs) list.set(name, value);
  }
}

let repeats: boolean | undefined;

/** What the running Node does. */
function listsRepeat(): boolean {
  if (repeats === undefined) {
    const response = new ServerResponse({ method: 'GET' } as IncomingMessage);
    response.setHeader('a', '1').writeHead(200, ['b', '1', 'b', '2']);
    repeats = typeof response.getHeader('b') === 'object';
  }
  return repeats;
}

/** @throws {TypeError} ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR */
export function setTrailers(response: NativeResponse, headers: object): void {
  response[kTrailers] = undefined;
  for (const [name, values] of toPairs(headers)) {
    (validateHeaderName as (name: string, label?: string) => void)(name, 'Trailer name');
    for (const value of Array.isArray(values) ? values : [values]) {
      if (badValue.test(String(value))) throw nodeErrors.invalidChar(`trailer content ["${name}"]`);
      response[kTrailers] ??= [];
      response[kTrailers].push(name, String(value));
    }
  }
}

/** Make status and fields final. A writeHead that middleware has put in place of ours is called. */
export function setHead(response: NativeResponse): void {
  if (response[kState] !== open) return;
  if (response.writeHead === response[kOwnWriteHead]) {
    const code = response.statusCode | 0;
    if (code < 100 || code > 999) throw nodeErrors.invalidStatus(response.statusCode);
    if (response.statusMessage && badReason.test(response.statusMessage))
      throw nodeErrors.invalidChar('statusMessage');
    response[kState] = headSet;
  } else {
    response._implicitHeader();
    // Middleware that swallows the call would keep us here for ever.
    if (response[kState] === open) response[kState] = headSet;
  }
}

export function fieldsOf(response: NativeResponse): HeaderList {
  if (response[kHeaders] === undefined) return noFields;
  return response[kHeaders].toList(response[kExchange].server);
}

/** Command flags of a head. */
export function flagsOf(response: NativeResponse): number {
  let flags = response[kRemoved];
  if (!response.sendDate) flags |= noDate;
  // writeHead(200, '') of those who copy the statusText of a Response means it so.
  if (response.statusMessage === '' && response[kStatus] !== undefined) flags |= noReason;
  if (response[kCloses]) flags |= closeFlag;
  if (!response.useChunkedEncodingByDefault) flags |= noChunked;
  return flags;
}

/** What the core adds by itself, unless told not to. */
const added = new Map([
  ['connection', noConnection],
  ['content-length', noLength],
  ['transfer-encoding', noChunked],
  ['date', noDate],
]);

export function noteRemoved(response: NativeResponse, name: string): void {
  const flag = added.get(name);
  if (flag === noDate) response.sendDate = false;
  else if (flag !== undefined) response[kRemoved] |= flag;
}

/** With rejectNonStandardBodyWrites. @throws {Error} ERR_HTTP_BODY_NOT_ALLOWED */
export function checkBodyAllowed(response: NativeResponse): void {
  const exchange = response[kExchange];
  if (!exchange.server.rejectsBodies) return;
  const status = statusOf(response);
  if (exchange.method === 'HEAD' || status === 204 || status === 304) throw nodeErrors.bodyNotAllowed();
}

/** Whether a response with that status has no body, whatever the program writes. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}

export function statusOf(response: NativeResponse): number {
  return response[kStatus] ?? response.statusCode;
}

/** The phrases of the core, as far as they were asked for; the very strings of STATUS_CODES where they are equal. */
const coreReasons: string[] = [];

function coreReason(status: number): string {
  const own = addon.reasonOf(status);
  const nodes = STATUS_CODES[status];
  return nodes === own ? nodes : own;
}

/** Empty where the phrase of the core is right. Programs add to STATUS_CODES, and Nodes differ in it. */
export function reasonOf(response: NativeResponse): string {
  const status = statusOf(response);
  coreReasons[status] ??= coreReason(status);
  const message = response.statusMessage || (STATUS_CODES[status] ?? 'unknown');
  return message === coreReasons[status] ? '' : message;
}

export function startStream(response: NativeResponse): void {
  setHead(response);
  if (response[kState] !== headSet) return;
  response[kState] = streaming;
  const exchange = response[kExchange];
  exchange.respondHeadNode(statusOf(response), reasonOf(response), fieldsOf(response), flagsOf(response));
}

export function failWrite(response: NativeResponse, error: Error, callback: Callback | undefined): void {
  // With node:http a response has mostly closed a tick after its end, and errors that come later are not told.
  const isLate =
    response[kState] === ended && response[kExchange].watchFlush && !response[kExchange].inThisTick;
  process.nextTick(() => {
    callback?.(error);
    if (!isLate && !response.destroyed && response[kState] !== closed) response.emit('error', error);
  });
}

/** With strictContentLength: as many bytes as the Content-Length says, not more; at the end not fewer.
 *  @throws {Error} ERR_HTTP_CONTENT_LENGTH_MISMATCH */
export function checkLength(
  response: NativeResponse,
  chunk: string | Uint8Array | null,
  isLast: boolean,
): void {
  const announced = response[kHeaders]?.get('content-length');
  if (announced === undefined || response[kHeaders]?.has('transfer-encoding') === true) return;
  const length = Number(announced);
  const given = response[kBytes] + (chunk === null ? 0 : Buffer.byteLength(chunk));
  if (given > length || (isLast && given !== length)) throw nodeErrors.lengthMismatch(given, length);
  response[kBytes] = given;
}

export function watched(response: NativeResponse): boolean {
  const events = (response as unknown as { _events?: Record<string, unknown> })._events;
  return (
    (events !== undefined &&
      (events['finish'] !== undefined ||
        events['close'] !== undefined ||
        events['prefinish'] !== undefined)) ||
    isAwaited(response.req as NativeRequest)
  );
}
