import { ChaussetteError } from '../errors.js';
import type { Exchange, Handler } from '../exchange.js';
import { describe } from './describe.js';
import { Flow } from './flow.js';
import { buildEnviron, type Environ, FileWrapper } from './wsgi-environ.js';
import { type CollectedBody, collect, emptyInput, WsgiInput } from './wsgi-input.js';

export type { Environ, FileLike, WsgiErrors } from './wsgi-environ.js';
export { FileWrapper } from './wsgi-environ.js';
export { WsgiInput } from './wsgi-input.js';

/** A piece of a response body; strings leave in UTF-8. */
export type WsgiChunk = string | Uint8Array;

/** Names and values, as `[['Content-Type', 'text/plain']]`. */
export type WsgiHeaders = readonly (readonly [name: string, value: string])[];

/** What startResponse returns: sends the head, and a piece of the body before what is returned. It does not wait for
 *  a slow client. */
export type Write = (chunk: WsgiChunk) => void;

/** PEP 3333, "The start_response() Callable".
 *  @param status `200 OK`.
 *  @param excInfo The error that this response is about: it may replace one that was not sent yet.
 *  @returns `write`, for applications that cannot return their body. */
export type StartResponse = (status: string, headers: WsgiHeaders, excInfo?: unknown) => Write;

/** What an application returns. `close` is called when the response ends, however it does. */
export type WsgiResult = (Iterable<WsgiChunk> | AsyncIterable<WsgiChunk>) & { close?(): unknown };

/** What a `wsgi` application is; it may be async. */
export type WsgiApplication = (
  environ: Environ,
  startResponse: StartResponse,
) => WsgiResult | Promise<WsgiResult>;

/** An application around another one. */
export type WsgiMiddleware = (application: WsgiApplication) => WsgiApplication;

/** A handler for PEP 3333's `(environ, startResponse)`. */
export function wsgiHandler(application: WsgiApplication): Handler {
  return new WsgiHandler(application);
}

class WsgiHandler implements Handler {
  readonly interface = 'wsgi';
  readonly #application: WsgiApplication;

  constructor(application: WsgiApplication) {
    this.#application = application;
  }

  handle(exchange: Exchange): void {
    const call = new WsgiCall(exchange);
    if (exchange.hasBody) this.#collect(exchange, call);
    else call.run(this.#application, buildEnviron(exchange, emptyInput, -1));
  }

  async #collect(exchange: Exchange, call: WsgiCall): Promise<void> {
    let body: CollectedBody;
    try {
      body = await collect(exchange);
    } catch (error) {
      // A client that left while it sent is nobody's error.
      if (!exchange.ended) exchange.fail(error);
      return;
    }
    call.body = body;
    call.run(this.#application, buildEnviron(exchange, new WsgiInput(body), body.byteLength));
  }
}

/** Fields that belong to the connection, and are not an application's to set (PEP 3333, "Other HTTP Features"). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Names as they were given, and whether they are among those: an application has few. */
const judged = new Map<string, boolean>();
const judgedMax = 512;

function isHopByHop(name: string): boolean {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const forbidden = hopByHop.has(name.toLowerCase());
  if (judged.size < judgedMax) judged.set(name, forbidden);
  return forbidden;
}

/** One call of the application, from its environ to `close()`. */
class WsgiCall {
  body: CollectedBody | undefined;
  readonly #exchange: Exchange;
  /** 0 until startResponse was called. */
  #status = 0;
  #statusText = '';
  #headers: string[] = [];
  /** Bytes that Content-Length still promises, of a response that is sent in pieces. */
  #left = Number.POSITIVE_INFINITY;
  #result: { close?(): unknown } | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  run(application: WsgiApplication, environ: Environ): void {
    const startResponse: StartResponse = (status, headers, excInfo) => this.#start(status, headers, excInfo);
    try {
      const result: unknown = application(environ, startResponse);
      if (Array.isArray(result)) this.#answerArray(result);
      else if (typeof result === 'object' && result !== null && 'then' in result) this.#answerLater(result);
      else this.#answer(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #answerLater(promise: object): Promise<void> {
    try {
      this.#answer(await promise);
    } catch (error) {
      this.#fail(error);
    }
  }

  #answer(result: unknown): void {
    // A string is an iterable of its characters, and bytes one of numbers: both are meant whole.
    if (typeof result === 'string' || result instanceof Uint8Array) this.#answerArray([result]);
    else if (Array.isArray(result)) this.#answerArray(result);
    else if (isIterable(result)) {
      this.#result = result;
      if (!(result instanceof FileWrapper && this.#sendFile(result))) this.#stream(result);
    } else {
      const what = `the WSGI application returned ${describe(result)}, not an iterable of strings or bytes`;
      throw new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', what, {
        hint: 'Return an array, or yield the body.',
      });
    }
  }

  /** The one case in which the length is known: `content-length` is added (PEP 3333, "Handling the Content-Length
   *  Header"). */
  #answerArray(result: (readonly unknown[] | WsgiChunk[]) & { close?(): unknown }): void {
    this.#result = result;
    const exchange = this.#exchange;
    if (result.length > 1 || exchange.headSent) {
      this.#stream(result as Iterable<WsgiChunk>);
      return;
    }
    const chunk = result.length === 0 ? null : checkChunk(result[0]);
    this.#checkStarted();
    exchange.respond(this.#status, this.#statusText, this.#headers, chunk);
    this.#close();
  }

  /** @returns false when the file has to be read and sent in blocks. */
  #sendFile(file: FileWrapper): boolean {
    const exchange = this.#exchange;
    const fd = exchange.writeFile === undefined ? undefined : file.fd;
    if (fd === undefined) return false;
    this.#sendHead();
    exchange.writeFile?.(fd);
    exchange.end();
    this.#close();
    return true;
  }

  async #stream(result: Iterable<WsgiChunk> | AsyncIterable<WsgiChunk>): Promise<void> {
    const exchange = this.#exchange;
    const flow = new Flow(exchange);
    try {
      if (Symbol.asyncIterator in result) {
        for await (const chunk of result) {
          if (flow.gone) break;
          await this.#piece(flow, chunk);
          if (this.#left < 0) break;
        }
      } else {
        for (const chunk of result) {
          if (flow.gone) break;
          const full = this.#piece(flow, chunk);
          if (full !== undefined) await full;
          if (this.#left < 0) break;
        }
      }
      this.#checkStarted();
      if (exchange.headSent) exchange.end();
      else exchange.respond(this.#status, this.#statusText, this.#headers, null);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#close();
  }

  /** @returns undefined when the next piece may follow at once. */
  #piece(flow: Flow, chunk: unknown): Promise<void> | undefined {
    const piece = checkChunk(chunk);
    if (piece.length === 0) return undefined;
    this.#sendHead();
    this.#count(piece);
    return flow.write(piece);
  }

  /** What goes beyond Content-Length is not sent by the backend, and no more is asked for (PEP 3333, "Handling the
   *  Content-Length Header"). */
  #count(piece: WsgiChunk): void {
    if (this.#left === Number.POSITIVE_INFINITY) return;
    this.#left -= typeof piece === 'string' ? Buffer.byteLength(piece) : piece.byteLength;
  }

  #start(status: string, headers: WsgiHeaders, excInfo: unknown): Write {
    if (excInfo !== undefined && excInfo !== null) {
      // Too late for another response: the first error goes on its way.
      if (this.#exchange.headSent) throw excInfo;
    } else if (this.#status !== 0) {
      throw protocolError('startResponse was called twice without the error that is the reason');
    }
    const { code, text } = parseStatus(status);
    if (!Array.isArray(headers))
      throw protocolError(`the headers are ${describe(headers)}, not an array of pairs`);
    const list: string[] = [];
    for (const pair of headers) {
      const name = pair[0];
      const value = pair[1];
      if (typeof name !== 'string' || typeof value !== 'string') {
        throw protocolError(
          `the header ${describe(name)} has ${describe(value)} as its value: both are strings`,
        );
      }
      if (isHopByHop(name)) throw protocolError(`the header ${name} belongs to the server`);
      list.push(name, value);
    }
    this.#status = code;
    this.#statusText = text;
    this.#headers = list;
    return (chunk) => this.#write(chunk);
  }

  #write(chunk: WsgiChunk): void {
    checkChunk(chunk);
    this.#sendHead();
    if (chunk.length === 0) return;
    this.#count(chunk);
    this.#exchange.write(chunk);
    if (this.#left < 0) throw protocolError('the application wrote more than its Content-Length');
  }

  #sendHead(): void {
    if (this.#exchange.headSent || this.#exchange.ended) return;
    this.#checkStarted();
    const headers = this.#headers;
    for (let index = 0; index < headers.length; index += 2) {
      if (headers[index]?.toLowerCase() === 'content-length') this.#left = Number(headers[index + 1]);
    }
    this.#exchange.respondHead(this.#status, this.#statusText, headers);
  }

  #checkStarted(): void {
    if (this.#status === 0) throw protocolError('the application sent a body before it called startResponse');
  }

  #fail(error: unknown): void {
    this.#exchange.fail(error);
    this.#close();
  }

  /** `close()` is called in every case (PEP 3333, "Specification Details"). */
  #close(): void {
    this.body?.release();
    const result = this.#result;
    this.#result = undefined;
    if (typeof result?.close !== 'function') return;
    try {
      const closed = result.close();
      if (typeof closed === 'object' && closed !== null && 'then' in closed)
        failLater(this.#exchange, closed);
    } catch (error) {
      this.#exchange.fail(error);
    }
  }
}

async function failLater(exchange: Exchange, closed: object): Promise<void> {
  try {
    await closed;
  } catch (error) {
    exchange.fail(error);
  }
}

function isIterable(value: unknown): value is WsgiResult {
  return (
    typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
  );
}

function checkChunk(chunk: unknown): WsgiChunk {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return chunk;
  throw protocolError(`the body has ${describe(chunk)} in it: it is made of strings and bytes`);
}

/** Phrases that every backend writes by itself (RFC 9110 §15). node:http has them all, and takes a tenth of a start. */
const usualStatuses: ReadonlySet<string> = new Set([
  '200 OK',
  '201 Created',
  '204 No Content',
  '206 Partial Content',
  '301 Moved Permanently',
  '302 Found',
  '303 See Other',
  '304 Not Modified',
  '400 Bad Request',
  '401 Unauthorized',
  '403 Forbidden',
  '404 Not Found',
  '500 Internal Server Error',
]);

/** Status lines that were parsed before: an application has few. */
const statuses = new Map<string, { readonly code: number; readonly text: string }>();
const statusesMax = 256;

function parseStatus(status: unknown): { readonly code: number; readonly text: string } {
  const known = statuses.get(status as string);
  if (known !== undefined) return known;
  const match = typeof status === 'string' ? /^([2-9]\d\d)(?: (.*))?$/.exec(status) : null;
  if (match === null) throw protocolError(`the status is ${describe(status)}: it has the form "200 OK"`);
  const code = Number(match[1]);
  // Without the phrase the native backend writes the fields of the last response.
  const parsed = { code, text: usualStatuses.has(match[0]) ? '' : (match[2] ?? '') };
  if (statuses.size < statusesMax) statuses.set(status as string, parsed);
  return parsed;
}

function protocolError(message: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', `WSGI: ${message}`, { hint: 'See PEP 3333.' });
}
