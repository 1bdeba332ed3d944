import { LightHeaders } from './fetch-headers.js';
import { isLightRequest, RealRequest, realRequestOf } from './fetch-request.js';
import { LightResponse } from './fetch-response.js';
import { standInFor } from './stand-in.js';

const realFetch = globalThis.fetch;

/** What stands in place of the global Request: Node's own, which also takes a light one. */
class GlobalRequest extends RealRequest {
  constructor(input: string | URL | Request, init?: RequestInit) {
    super(unwrap(input), init);
  }
}

function unwrap<T>(input: T): T | Request {
  return typeof input === 'object' && input !== null && isLightRequest(input) ? realRequestOf(input) : input;
}

function lightFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  return realFetch(unwrap(input), init);
}

let installed = false;

/** Put the light `Response` and `Headers` in the place of the global ones, and let the global `Request` and `fetch`
 *  take light requests. Once per thread; a second call does nothing. */
export function installLightResponse(): void {
  if (installed) return;
  installed = true;
  standInFor(GlobalRequest, RealRequest);
  Object.defineProperty(lightFetch, 'name', { value: 'fetch' });
  replace('Response', LightResponse);
  replace('Headers', LightHeaders);
  replace('Request', GlobalRequest);
  replace('fetch', lightFetch);
}

/** Whether `installLightResponse` was called in this thread. */
export function isLightInstalled(): boolean {
  return installed;
}

function replace(name: 'Response' | 'Headers' | 'Request' | 'fetch', value: unknown): void {
  const enumerable = Object.getOwnPropertyDescriptor(globalThis, name)?.enumerable ?? false;
  Object.defineProperty(globalThis, name, { value, enumerable, configurable: true, writable: true });
}
