import { validateHeaderName, validateHeaderValue } from 'node:http';
import { invalidChar } from './node-errors.js';
import { lowerCase } from './node-headers.js';
import { kExchange } from './request.js';
import type { NativeResponse } from './response.js';
import { kTrailers } from './response-state.js';

/** The trailers of a response, as node:http reads what it is given: an object, or a list of pairs.
 *  @throws {TypeError} ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR */
export function addTrailers(response: NativeResponse, headers: object): void {
  const trailers: string[] = [];
  response[kTrailers] = trailers;
  const unique = response[kExchange].server.dropIn?.settings.uniqueHeaders;
  for (const key of Object.keys(headers)) {
    const given = (headers as Record<string, unknown>)[key];
    const [name, value] = Array.isArray(headers) ? (given as [string, unknown]) : [key, given];
    (validateHeaderName as (name: string, label: string) => void)(name, 'Trailer name');
    if (!Array.isArray(value)) trailers.push(name, checked(name, value));
    else if (value.length > 1 && unique?.has(lowerCase(name)) !== true) {
      for (const one of value as unknown[]) trailers.push(name, checked(name, one));
    } else trailers.push(name, checked(name, value.join('; ')));
  }
}

function checked(name: string, value: unknown): string {
  try {
    if (value !== undefined) validateHeaderValue(name, value as string);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_INVALID_CHAR') throw error;
    throw invalidChar(`trailer content ["${name}"]`);
  }
  return String(value);
}
