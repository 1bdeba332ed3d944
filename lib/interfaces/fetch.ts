import { ChaussetteError } from '../errors.js';
import type { Exchange, Handler } from '../exchange.js';
import { describe } from './describe.js';
import { isLightInstalled } from './fetch-globals.js';
import { abortSignalOf, LightRequest, realRequestOf, requestIP, startStreamOf } from './fetch-request.js';
import { isLightResponse, type LightResponse, respondLight } from './fetch-response.js';
import { Flow } from './flow.js';
import { real } from './real.js';

export { installLightResponse } from './fetch-globals.js';

/** What a `fetch` application is; the second argument is where others put their environment, and has `requestIP`. */
export type FetchFunction = (request: Request, environment: object) => unknown;

/** A handler for `(request) => Response`. Without `installLightResponse` the application gets requests of Node's
 *  own class, and makes responses of it: both cost several times more. */
export function fetchHandler(application: FetchFunction): Handler {
  return new FetchHandler(application, isLightInstalled());
}

class FetchHandler implements Handler {
  readonly interface = 'fetch';
  readonly #application: FetchFunction;
  readonly #light: boolean;
  readonly #environment = { requestIP };

  constructor(application: FetchFunction, light: boolean) {
    this.#application = application;
    this.#light = light;
  }

  handle(exchange: Exchange): void {
    const request = new LightRequest(exchange);
    try {
      const shown = this.#light ? request : realRequestOf(request);
      const result = this.#application(shown as unknown as Request, this.#environment);
      if (isObject(result)) {
        if (isLightResponse(result)) answerLight(exchange, request, result);
        else if (isThenable(result)) answerLater(exchange, request, result);
        else answer(exchange, request, result);
      } else answer(exchange, request, result);
    } catch (error) {
      exchange.fail(error);
    }
  }
}

async function answerLater(
  exchange: Exchange,
  request: LightRequest,
  promise: PromiseLike<unknown>,
): Promise<void> {
  try {
    answer(exchange, request, await promise);
  } catch (error) {
    exchange.fail(error);
  }
}

/** @throws what `exchange.respond` throws. */
function answer(exchange: Exchange, request: LightRequest, result: unknown): void {
  if (isObject(result)) {
    if (isLightResponse(result)) {
      answerLight(exchange, request, result);
      return;
    }
    if (result instanceof real().Response) {
      answerReal(exchange, request, result);
      return;
    }
  }
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_RESPONSE',
    `the fetch handler returned ${describe(result)}, not a Response`,
    {
      hint: 'Return a Response, or a promise of one; an application for (req, res) needs --interface node.',
    },
  );
}

function answerLight(exchange: Exchange, request: LightRequest, response: LightResponse): void {
  if (respondLight(response, exchange)) return;
  if (response.bodyUsed) throw bodyRead();
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(name, value);
  stream(exchange, request, response.status, response.statusText, headers, response.body);
}

/** A response of Node's own class: of `fetch`, or made before the light one was installed. */
function answerReal(exchange: Exchange, request: LightRequest, response: Response): void {
  if (response.type === 'error') {
    throw new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', 'the fetch handler returned Response.error()');
  }
  if (response.bodyUsed) throw bodyRead();
  // What `fetch` brought was decoded on the way: the fields that describe the bytes are no longer true.
  const decoded = response.url !== '' && response.headers.has('content-encoding');
  const headers: string[] = [];
  for (const [name, value] of response.headers) {
    if (decoded && (name === 'content-encoding' || name === 'content-length')) continue;
    if (name === 'transfer-encoding' || name === 'connection' || name === 'keep-alive') continue;
    headers.push(name, value);
  }
  stream(exchange, request, response.status, response.statusText, headers, response.body);
}

function stream(
  exchange: Exchange,
  request: LightRequest,
  status: number,
  statusText: string,
  headers: readonly string[],
  body: ReadableStream | null,
): void {
  if (body === null) {
    exchange.respond(status, statusText, headers, null);
    return;
  }
  if (body.locked) throw bodyRead();
  exchange.respondHead(status, statusText, headers);
  if (exchange.method === 'HEAD') {
    body.cancel().catch(() => {});
    exchange.end();
    return;
  }
  startStreamOf(request);
  pump(exchange, request, body.getReader());
}

/** Write a stream as fast as the client takes it. What goes wrong in it goes to `exchange.fail`, which cuts the
 *  connection, since the head is out. When the client leaves, the stream is cancelled. */
async function pump(
  exchange: Exchange,
  request: LightRequest,
  reader: ReadableStreamDefaultReader<unknown>,
): Promise<void> {
  const cancel = (): void => {
    abortSignalOf(request);
    reader.cancel(new ChaussetteError('CHAUSSETTE_ERR_ABORTED', 'the client left')).catch(() => {});
  };
  const flow = new Flow(exchange, cancel, () => abortSignalOf(request));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || flow.gone) break;
      if (!(value instanceof Uint8Array)) {
        throw new TypeError(
          `the stream of the response has ${describe(value)} in it: a body is made of Uint8Array`,
        );
      }
      const full = value.byteLength === 0 ? undefined : flow.write(value);
      if (full !== undefined) await full;
    }
    if (flow.gone) cancel();
    else exchange.end();
  } catch (error) {
    reader.cancel(error).catch(() => {});
    if (!flow.gone) exchange.fail(error);
  }
}

function bodyRead(): TypeError {
  return new TypeError('the body of the response was read already: return a clone() of it');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isThenable(value: object): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown }).then === 'function';
}
