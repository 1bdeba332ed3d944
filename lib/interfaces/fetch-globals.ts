import { LightHeaders } from './fetch-headers.js';
import { isLightRequest, realRequestOf } from './fetch-request.js';
import { LightResponse } from './fetch-response.js';
import { isRealKnown, real } from './real.js';
import { standInFor } from './stand-in.js';

const realFetch = globalThis.fetch;

/** What stands in place of the global Request: it makes Node's own, also of a light one. A function, so that Node's
 *  class need not be there yet. */
function GlobalRequest(this: unknown, input: string | URL | Request, init?: RequestInit): Request {
  if (new.target === undefined)
    throw new TypeError("Class constructor Request cannot be invoked without 'new'");
  return Reflect.construct(real().Request, [unwrap(input), init], new.target) as Request;
}

function unwrap<T>(input: T): T | Request {
  return typeof input === 'object' && input !== null && isLightRequest(input) ? realRequestOf(input) : input;
}

/** Its responses are of Node's own class, which everybody can reach from then on. */
function lightFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  real();
  return realFetch(unwrap(input), init);
}

let installed = false;

/** Put the light `Response` and `Headers` in the place of the global ones, and let the global `Request` and `fetch`
 *  take light requests. Once per thread; a second call does nothing. */
export function installLightResponse(): void {
  if (installed) return;
  installed = true;
  if (isRealKnown()) real();
  standInFor('Request', GlobalRequest as unknown as typeof Request);
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
