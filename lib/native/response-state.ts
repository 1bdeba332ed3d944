import { EventEmitter } from 'node:events';
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { FieldList } from './field-template.js';
import { addon, closeFlag, noChunked, noConnection, noDate, noLength, noReason } from './layout.js';
import * as nodeErrors from './node-errors.js';
import { isAwaited, kExchange, type NativeRequest } from './request.js';
import type { NativeResponse } from './response.js';
import { checkTrailer, encodeHead } from './response-head.js';
import { ResponseHeaders, toPairs, toSettings } from './response-headers.js';
import { unpublished } from './unpublished.js';

// The steps of a response, as functions: an Express response has Express' prototype, and so no private methods.

/** By its name in Node: Primus looks for it among the symbols of a response. */
export const kHeaders = Symbol('kOutHeaders');
/** The fields of a writeHead that had none before it: they are in the head, and getHeader() does not know them. */
export const kHead = Symbol('head');
/** `statusMessage` and `shouldKeepAlive`, as far as the application has set them. */
export const kReason = Symbol('reason');
export const kKeepAlive = Symbol('keepAlive');
/** What came with the end of a response that had no head, or its length: that is in the head. */
export const kWhole = Symbol('whole');
/** The status that writeHead was given: what is set after it does not count. */
export const kStatus = Symbol('status');
/** The reason phrase of the head, once the program has set another behind it. */
export const kHeadReason = Symbol('headReason');
export const kState = Symbol('state');
/** Methods of the prototype, to see whether somebody has put others in place. */
export const kOwn = Symbol('own');
export type OwnMethods = Pick<NativeResponse, 'writeHead' | '_implicitHeader' | 'emit'>;
export const kTrailers = Symbol('trailers');
/** Callbacks of writes that are not told yet. */
export const kWritten = Symbol('written');
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

export const badReason = /[^\t\x20-\x7e\x80-\xff]/;
const isHigh = /[\x80-\xff]/;
const noFields: FieldList = [];
/** Node's own, taken before the preload puts another in its place. */
const { prototype: nodesResponse } = ServerResponse;
/** That of every emitter, unless somebody puts another in its place. */
export const { emit: nodesEmit } = EventEmitter.prototype;

/** Fields of writeHead replace those of the same name. Where nothing was set before they are the head as they stand:
 *  names may be repeated, and `Set-Cookie` and `set-cookie` of one object are two fields. */
export function mergeHead(response: NativeResponse, headers: object): void {
  if (response[kHeaders] === undefined) {
    const head = new ResponseHeaders();
    for (const [name, value] of toPairs(headers)) head.push(name, value);
    response[kHead] = head;
    return;
  }
  const settings = toSettings(headers);
  const repeats = Array.isArray(headers) && listRepeats();
  if (repeats) for (const [name] of settings) response.removeHeader(name);
  for (const [name, value] of settings) {
    if (repeats && name) response.appendHeader(name, value as string);
    else if (name) response.setHeader(name, value);
  }
}

let repeatsInLists: boolean | undefined;

/** Whether a list given to writeHead() behind setHeader() may repeat a name: from Node 22 on. */
function listRepeats(): boolean {
  if (repeatsInLists === undefined) {
    const request = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 } as IncomingMessage;
    const probe = unpublished(() => new ServerResponse(request));
    probe.setHeader('a', '0').writeHead(200, ['b', '1', 'b', '2']);
    repeatsInLists = String((probe as { _header?: unknown })._header).includes('b: 1');
  }
  return repeatsInLists;
}

/** The fields of the head, as far as they are known. */
export function headOf(response: NativeResponse): ResponseHeaders | undefined {
  return response[kHead] ?? response[kHeaders];
}

/** Make status and fields final. A writeHead or _implicitHeader that middleware has put in place of ours is called. */
export function setHead(response: NativeResponse): void {
  if (response[kState] !== open) return;
  const { [kOwn]: own } = response;
  if (response.writeHead === own.writeHead && response._implicitHeader === own._implicitHeader) {
    const code = response.statusCode | 0;
    if (code < 100 || code > 999) throw nodeErrors.invalidStatus(response.statusCode);
    if (response.statusCode !== code) response.statusCode = code; // A string, a fraction.
    const reason = response[kReason];
    if (reason && badReason.test(reason)) throw nodeErrors.invalidChar('statusMessage');
    checkTrailer(response);
    response[kState] = headSet;
  } else {
    response._implicitHeader();
    // Middleware that swallows the call would keep us here for ever.
    if (response[kState] === open) response[kState] = headSet;
  }
}

/** @param first What is sent with the head: node:http writes both as one text, in UTF-8 when that is text. */
export function fieldsOf(response: NativeResponse, first: unknown): FieldList {
  const headers = headOf(response);
  if (headers === undefined) return noFields;
  const { server } = response[kExchange];
  return headers.hasHigh ? encodeHead(response, headers.toList(server), first) : headers.toFields(server);
}

/** Command flags of a head. */
export function flagsOf(response: NativeResponse): number {
  let flags = response[kRemoved];
  if (!response.sendDate) flags |= noDate;
  // writeHead(200, '') of those who copy the statusText of a Response means it so.
  if (response[kStatus] !== undefined && reasonGiven(response) === '') flags |= noReason;
  if (response[kKeepAlive] === false) flags |= closeFlag;
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

export function statusOf(response: NativeResponse): number {
  return response[kStatus] ?? response.statusCode;
}

/** The reason phrase that the program has given for the head. */
export function reasonGiven(response: NativeResponse): string | undefined {
  return response[kHeadReason] ?? response[kReason];
}

/** The phrases of the core, as far as they were asked for; the very strings of STATUS_CODES where they are equal. */
const coreReasons: string[] = [];

function coreReason(status: number): string {
  const own = addon.reasonOf(status);
  const nodes = STATUS_CODES[status];
  return nodes === own ? nodes : own;
}

/** Empty where the phrase of the core is right. Programs add to STATUS_CODES, and Nodes differ in it.
 *  @param first What is sent with the head. */
export function reasonOf(response: NativeResponse, first: unknown): string {
  const status = statusOf(response);
  coreReasons[status] ??= coreReason(status);
  const given: unknown = reasonGiven(response);
  const message = given ? String(given) : (STATUS_CODES[status] ?? 'unknown');
  if (message === coreReasons[status]) return '';
  return isHigh.test(message) ? (encodeHead(response, [message], first)[0] as string) : message;
}

/** Start to send. @param first What is sent with the head. */
export function startStream(response: NativeResponse, first?: unknown): void {
  setHead(response);
  if (response[kState] !== headSet) return;
  response[kState] = streaming;
  const fields = fieldsOf(response, first);
  const status = statusOf(response);
  response[kExchange].respondHeadNode(status, reasonOf(response, first), fields, flagsOf(response));
  if (response[kStatus] !== undefined) return;
  // What is set behind the head does not count.
  response[kStatus] = status | 0;
  response[kReason] ||= STATUS_CODES[status] ?? 'unknown';
}

/** It was cut: destroyed, or its client is gone. */
export function isCut(response: NativeResponse): boolean {
  return Object.hasOwn(response, 'destroyed') && response.destroyed;
}

/** It ended with a body after it was destroyed and before there was a head. With node:http none is made then: the response
 *  has ended, and its fields are not sent. */
export const kHeadless = Symbol('headless');

/** A field or the head is about to be set, and the response is not open.
 *  @throws {Error} ERR_HTTP_HEADERS_SENT */
export function checkUnsent<T extends NativeResponse>(response: T, action: string): T {
  if (!response[kHeadless]) throw nodeErrors.headersSent(action);
  if (action === 'write') response[kHeadless] = false;
  return response;
}

export function failWrite(response: NativeResponse, error: Error, callback: Callback | undefined): void {
  // As with node:http, where 'close' comes a tick behind 'finish'.
  const isFinished = response[kState] > ended;
  if (!isFinished && isCut(response)) {
    if (callback !== undefined) process.nextTick(callback, error);
    return;
  }
  process.nextTick(() => {
    callback?.(error);
    if (isFinished ? !response.destroyed : !isCut(response)) response.emit('error', error);
  });
}

/** The callback of a write that has been handed on: with node:http what is written in one tick is sent in the next, or
 *  with the end, and told one later. */
export function tellWritten(response: NativeResponse, callback: Callback): void {
  if (response[kWritten] === undefined) {
    response[kWritten] = [];
    process.nextTick(tellAllWritten, response);
  }
  response[kWritten].push(callback);
}

/** What was written leaves now. */
export function tellAllWritten(response: NativeResponse): void {
  const isLost = isCut(response) || response[kExchange].isLost;
  const error = isLost ? (response.errored ?? nodeErrors.destroyed('write')) : null;
  for (const callback of response[kWritten] ?? []) process.nextTick(callback, error);
  response[kWritten] = undefined;
}

/** With strictContentLength: as many bytes as the Content-Length says, not more; at the end not fewer.
 *  @throws {Error} ERR_HTTP_CONTENT_LENGTH_MISMATCH */
export function checkLength(
  response: NativeResponse,
  chunk: string | Uint8Array | null,
  isLast: boolean,
): void {
  const announced = headOf(response)?.get('content-length');
  if (announced === undefined || headOf(response)?.has('transfer-encoding') === true) return;
  const length = Number(announced);
  const given = response[kBytes] + (chunk === null ? 0 : Buffer.byteLength(chunk));
  if (given > length || (isLast && given !== length)) throw nodeErrors.lengthMismatch(given, length);
  response[kBytes] = given;
}

/** Whether somebody has put an emit() in place of ours, and hears without listeners: dd-trace does it for the class. */
export function isOverheard(response: NativeResponse): boolean {
  return response.emit !== response[kOwn].emit || nodesResponse.emit !== nodesEmit;
}

export function watched(response: NativeResponse): boolean {
  const events = (response as unknown as { _events?: Record<string, unknown> })._events;
  return (
    isOverheard(response) ||
    (events !== undefined &&
      (events['finish'] !== undefined ||
        events['close'] !== undefined ||
        events['prefinish'] !== undefined)) ||
    isAwaited(response.req as NativeRequest)
  );
}
