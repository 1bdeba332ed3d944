import { STATUS_CODES } from 'node:http';
import type { HeaderList } from '../exchange.js';
import { noChunked, noConnection, noLength } from './layout.js';
import * as nodeErrors from './node-errors.js';
import { lowerCase } from './node-headers.js';
import { kExchange } from './request.js';
import type { NativeResponse } from './response.js';
import { utf8InLatin1 } from './response-headers.js';
import {
  headOf,
  kKeepAlive,
  kRemoved,
  kState,
  kStatus,
  kWhole,
  open,
  reasonGiven,
  statusOf,
} from './response-state.js';

// What node:http decides when it makes the head of a response, for those who look at it there (`_header`, `_last`,
// `chunkedEncoding`…). The core decides by itself; nothing of this is done unless somebody asks.

/** A head as node:http would have made it. */
export interface HeadFacts {
  readonly text: string;
  readonly chunked: boolean;
  /** The connection ends with the response. */
  readonly last: boolean;
  readonly hasBody: boolean;
  /** Of the body, where it is known. */
  readonly length: number | null;
  readonly keepsAlive: boolean;
}

/** @returns undefined while the head is not made. */
export function headFacts(response: NativeResponse): HeadFacts | undefined {
  return response[kState] === open ? undefined : madeFacts(response);
}

/** Whether a response of this status to this request may have a body. */
export function mayHaveBody(response: NativeResponse, status: number): boolean {
  if (status === 204 || status === 304 || (status >= 100 && status <= 199)) return false;
  return response[kExchange].method !== 'HEAD';
}

/** As the client wishes, and the application: `shouldKeepAlive`. */
export function keepsAlive(response: NativeResponse): boolean {
  return response[kKeepAlive] ?? clientKeepsAlive(response);
}

function clientKeepsAlive(response: NativeResponse): boolean {
  const exchange = response[kExchange];
  const tokens = (exchange.headers.get('connection') ?? '').toLowerCase().split(/[\s,]+/);
  return exchange.httpVersion === '1.0' ? tokens.includes('keep-alive') : !tokens.includes('close');
}

/** Bodies above this length are not kept: a program may hold its response for long. Of others the length costs more. */
const keptWholeMax = 1024;

/** What came with the end of a response without a head. */
export function keepWhole(response: NativeResponse, body: string | Uint8Array | null): void {
  const isKept = body === null || body.length <= keptWholeMax;
  response[kWhole] = isKept ? body : Buffer.byteLength(body);
}

/** The length of it. */
function wholeLength(response: NativeResponse): number | null {
  const whole = response[kWhole];
  if (whole === undefined || typeof whole === 'number') return whole ?? null;
  return whole === null ? 0 : Buffer.byteLength(whole);
}

function madeFacts(response: NativeResponse): HeadFacts {
  const exchange = response[kExchange];
  const status = statusOf(response);
  const removed = response[kRemoved];
  const fields = headOf(response)?.toList(exchange.server) ?? [];
  const own = (name: string): string[] =>
    fields.filter((_, i) => i % 2 === 1 && lowerCase(fields[i - 1] as string) === name);
  const connection = own('connection');
  const announced = own('content-length').at(-1);
  const coding = own('transfer-encoding');
  const hasBody = mayHaveBody(response, status);
  const byDefault = response.useChunkedEncodingByDefault;
  const length = announced === undefined ? wholeLength(response) : Number(announced);
  let chunked = coding.some((value) => /(?:^|\W)chunked(?:$|\W)/i.test(value));
  let alive = keepsAlive(response);
  let last = connection.some((value) => /(?:^|\W)close(?:$|\W)/i.test(value));
  if (connection.some((value) => !/(?:^|\W)close(?:$|\W)/i.test(value))) alive = true;
  if (exchange.expectsContinue && !exchange.continued) alive = false;
  if (chunked && (status === 204 || status === 304)) chunked = alive = false;

  let text = headLines(response, fields);
  if (response.sendDate && own('date').length === 0) text += `Date: ${new Date().toUTCString()}\r\n`;
  if ((removed & noConnection) !== 0 && connection.length === 0) {
    last = !alive;
  } else if (connection.length === 0) {
    const keeps = alive && (announced !== undefined || byDefault);
    last ||= !keeps;
    text += connectionLines(response, keeps, own('keep-alive').length > 0);
  }
  if (announced === undefined && coding.length === 0) {
    if (!hasBody) chunked = false;
    else if (!byDefault) last = true;
    else if (own('trailer').length === 0 && (removed & noLength) === 0 && length !== null)
      text += `Content-Length: ${length}\r\n`;
    else if ((removed & noChunked) === 0) {
      text += 'Transfer-Encoding: chunked\r\n';
      chunked = true;
    } else last = true;
  }
  return { text: `${text}\r\n`, chunked, last, hasBody, length, keepsAlive: alive };
}

function headLines(response: NativeResponse, fields: HeaderList): string {
  const status = statusOf(response);
  const reason =
    reasonGiven(response) || (response[kStatus] === undefined ? (STATUS_CODES[status] ?? 'unknown') : '');
  let text = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return text;
}

function connectionLines(response: NativeResponse, keeps: boolean, hasKeepAlive: boolean): string {
  if (!keeps) return 'Connection: close\r\n';
  const { keepAliveTimeout = 0, maxRequestsPerSocket = 0 } =
    response[kExchange].server.dropIn?.settings ?? {};
  if (keepAliveTimeout === 0 || hasKeepAlive) return 'Connection: keep-alive\r\n';
  const most = ~~(maxRequestsPerSocket ?? 0) > 0 ? `, max=${maxRequestsPerSocket}` : '';
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}${most}\r\n`;
}

/** A message without chunks has no trailers. @throws {Error} ERR_HTTP_TRAILER_INVALID */
export function checkTrailer(response: NativeResponse): void {
  if (headOf(response)?.hasTrailer === true && !madeFacts(response).chunked)
    throw nodeErrors.trailerNotAllowed();
}

/** Text of the head as it is sent with `first`: node:http writes both as one text, and so in UTF-8 where that is text
 *  for UTF-8 and nothing comes between. */
export function encodeHead(response: NativeResponse, texts: HeaderList, first: unknown): HeaderList {
  const list = decodeDisposition(response, texts);
  if (typeof first !== 'string') return list.map(inLatin1);
  if (first !== '') {
    const { chunked, hasBody } = madeFacts(response);
    if (chunked || !hasBody) return list.map(inLatin1);
  }
  return list.map(utf8InLatin1);
}

/** As node:http, which takes a Content-Disposition for UTF-8 when the length is known before it. */
function decodeDisposition(response: NativeResponse, texts: HeaderList): HeaderList {
  let length = wholeLength(response) ?? 0;
  return texts.map((text, i) => {
    const name = i % 2 === 0 ? '' : lowerCase(texts[i - 1] as string);
    if (name === 'content-length') length = Number(text);
    return name === 'content-disposition' && length > 0 ? Buffer.from(text, 'latin1').toString() : text;
  });
}

/** What is beyond is cut, as node:http writes it. */
function inLatin1(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
