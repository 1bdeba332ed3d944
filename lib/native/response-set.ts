import { STATUS_CODES } from 'node:http';
import * as nodeErrors from './node-errors.js';
import type { NativeResponse } from './response.js';
import { checkTrailer } from './response-head.js';
import type { HeaderValue } from './response-headers.js';
import { badReason, headOf, headSet, kHead, kState, kStatus, mergeHead } from './response-state.js';

// The longer ways to set status and fields of a response that is still open, and what a body is given as.

/** As `res.setHeaders()`. @throws {TypeError} ERR_INVALID_ARG_TYPE, and what setHeader() throws. */
export function setHeaders(response: NativeResponse, headers: Headers | Map<string, HeaderValue>): void {
  const { get, keys } = (headers ?? {}) as Partial<Headers>;
  if (Array.isArray(headers) || typeof keys !== 'function' || typeof get !== 'function')
    throw nodeErrors.invalidType('headers', 'an instance of Headers or Map', headers);
  // Headers tell of each cookie by itself, also those that are not Node's: together they are one field.
  let cookies: string[] | undefined;
  for (const [name, value] of headers) {
    if (name === 'set-cookie') cookies = (cookies ?? []).concat(value as string | string[]);
    else response.setHeader(name, value);
  }
  if (cookies !== undefined) response.setHeader('set-cookie', cookies);
}

/** As `res.writeHead()`. @throws {Error} ERR_HTTP_INVALID_STATUS_CODE, ERR_INVALID_CHAR, ERR_HTTP_TRAILER_INVALID */
export function writeHead(response: NativeResponse, status: number, reason: unknown, fields: unknown): void {
  let headers = fields;
  const code = status | 0;
  if (code < 100 || code > 999) throw nodeErrors.invalidStatus(status);
  if (typeof reason === 'string') response.statusMessage = reason;
  else {
    response.statusMessage ||= STATUS_CODES[code] ?? 'unknown';
    headers ??= reason;
  }
  response.statusCode = code;
  if (typeof headers === 'object' && headers !== null) mergeHead(response, headers);
  try {
    if (badReason.test(response.statusMessage)) throw nodeErrors.invalidChar('statusMessage');
    response[kStatus] = code;
    checkTrailer(response);
  } catch (error) {
    response[kStatus] = response[kHead] = undefined; // There is no head of it.
    throw error;
  }
  const head = headOf(response);
  const settled = head?.settled();
  if (settled !== head) response[kHead] = settled; // getHeader() gives the lists of the program still.
  response[kState] = headSet;
}

/** @returns Bytes, unless it is text for UTF-8. @throws {TypeError} ERR_UNKNOWN_ENCODING */
export function encode(chunk: string | Uint8Array, encoding: unknown): string | Uint8Array {
  if (typeof chunk !== 'string' || !encoding) return chunk;
  if (typeof encoding !== 'string') throw nodeErrors.unknownEncoding(encoding);
  const name = encoding.toLowerCase();
  return name === 'utf8' || name === 'utf-8' ? chunk : Buffer.from(chunk, encoding as BufferEncoding);
}
