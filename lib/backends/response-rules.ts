import { ChaussetteError } from '../errors.js';
import type { HeaderList } from '../exchange.js';

/** What a response head says about its own framing. */
export interface ResponseHead {
  /** -1 when there is no content-length. */
  readonly contentLength: number;
  /** `transfer-encoding: chunked` is among the fields. */
  readonly chunked: boolean;
  /** There is a `trailer` field, which only a chunked response may have (RFC 9110 §6.6.2). */
  readonly trailer: boolean;
  /** Only ASCII: head and body may then leave as one string. */
  readonly ascii: boolean;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110 §5.6.2
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/; // RFC 9110 §5.5
const ascii = /^[\t\x20-\x7e]*$/;

/** Refuse a response that HTTP does not allow, before a byte of it is sent.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE for the status, the reason phrase, a name or a value.
 *  @see RFC 9110 §5, §15; RFC 9112 §4, §6 */
export function checkResponseHead(status: number, statusText: string, headers: HeaderList): ResponseHead {
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    throw invalid(`${String(status)} is not the status of a final response`);
  }
  if (!fieldValue.test(statusText)) {
    throw invalid(`the reason phrase ${JSON.stringify(statusText)} has characters that HTTP does not allow`);
  }
  let contentLength = -1;
  let chunked = false;
  let trailer = false;
  let plain = ascii.test(statusText);
  if (headers.length % 2 !== 0) throw invalid('the header list has a name without a value');
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    checkField(name, value);
    if (plain && !ascii.test(value)) plain = false;
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (contentLength >= 0) throw invalid('there is more than one content-length');
      contentLength = parseLength(value);
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (chunked || value.toLowerCase() !== 'chunked') {
        throw invalid(`the transfer-encoding ${JSON.stringify(value)} is not one that the server can apply`);
      }
      chunked = true;
    } else if (name.length === 7 && name.toLowerCase() === 'trailer') trailer = true;
  }
  if (chunked && contentLength >= 0) throw invalid('content-length and transfer-encoding exclude each other');
  return { contentLength, chunked, trailer, ascii: plain };
}

/** Refuse fields that HTTP does not allow, of an informational response or of trailers.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE. */
export function checkFields(headers: HeaderList): void {
  if (headers.length % 2 !== 0) throw invalid('the header list has a name without a value');
  for (let index = 0; index < headers.length; index += 2)
    checkField(headers[index] ?? '', headers[index + 1] ?? '');
}

/** The error for a response that cannot be sent. */
export function invalid(message: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', `the response cannot be sent: ${message}`);
}

/** The types do not hold for an application in JavaScript. */
function checkField(name: unknown, value: unknown): void {
  if (typeof name !== 'string' || !token.test(name))
    throw invalid(`${JSON.stringify(name)} is not a header name`);
  if (typeof value !== 'string' || !fieldValue.test(value)) {
    throw invalid(`the value of ${name} has characters that HTTP does not allow: ${JSON.stringify(value)}`);
  }
}

function parseLength(value: string): number {
  if (!/^\d{1,15}$/.test(value))
    throw invalid(`the content-length ${JSON.stringify(value)} is not a number of bytes`);
  return Number(value);
}

/** Without the fields of that name. @param name In lower case. */
export function withoutField(headers: HeaderList, name: string): string[] {
  const rest: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const field = headers[index] ?? '';
    if (field.toLowerCase() !== name) rest.push(field, headers[index + 1] ?? '');
  }
  return rest;
}
