import type { Endpoint, Exchange } from '../exchange.js';
import { bodyUsedError, collectBody, decodeText, isDisturbed, ownBuffer, streamBody } from './fetch-body.js';
import { headerListOf, LightHeaders } from './fetch-headers.js';
import { urlOf } from './fetch-url.js';
import { real } from './real.js';
import { standInFor } from './stand-in.js';

let startStream: (request: LightRequest) => void;
let leave: (request: LightRequest) => void;
let toReal: (request: LightRequest) => Request;
let moved: (request: LightRequest, url: string) => LightRequest;
let isLight: (value: object) => value is LightRequest;
let exchangeOf: (request: LightRequest) => Exchange;

/** Those behind requests of Node's own class. */
const exchanges = new WeakMap<object, Exchange>();

/** The response is streamed: from now on its flow hears when the client leaves, and tells the request. */
export function startStreamOf(request: LightRequest): void {
  startStream(request);
}

/** The client is gone, or has probably left: abort the signal, if somebody has asked for one. */
export function abortSignalOf(request: LightRequest): void {
  leave(request);
}

/** Node's own request in place of a light one. The body is its from then on. */
export function realRequestOf(request: LightRequest): Request {
  return toReal(request);
}

/** Who has made a request: the client, or the proxy in front of it that is not believed (--forwarded-allow). Under this
 *  name applications find it in their second argument, as those for Bun do.
 *  @returns null for a client on a Unix socket, and a request that did not come from here. */
export function requestIP(request: Request): Endpoint | null {
  const exchange = isLight(request) ? exchangeOf(request) : exchanges.get(request);
  return exchange === undefined || exchange.remote.address === '' ? null : exchange.remote;
}

/** The same request under another URL, for an application behind a prefix. Body and signal stay shared. */
export function requestAt(request: Request, url: string): Request {
  if (isLight(request)) return moved(request, url) as unknown as Request;
  const other = new (real().Request)(url, request);
  const exchange = exchanges.get(request);
  if (exchange !== undefined) exchanges.set(other, exchange);
  return other;
}

export function isLightRequest(value: object): value is LightRequest {
  return isLight(value);
}

/** `Request` over an exchange: url, headers, body and signal are made when somebody asks. Node's own costs 1 to 7 us.
 *
 *  Lifetime: as long as the handler holds it; its head stays readable after the exchange has ended. */
export class LightRequest {
  readonly #exchange: Exchange;
  #url: string | undefined;
  #headers: LightHeaders | undefined;
  #controller: AbortController | undefined;
  /** undefined until somebody asked for `body`, or cloned. */
  #stream: ReadableStream<Uint8Array> | undefined;
  #used: boolean;
  /** Of a clone: the request that has the signal. */
  #original: LightRequest | undefined;
  #streaming: boolean;

  static {
    startStream = (request) => {
      request.#streaming = true;
    };
    leave = (request) => request.#controller?.abort();
    toReal = (request) => request.#toReal();
    moved = (request, url) => request.#at(url);
    exchangeOf = (request) => request.#exchange;
    isLight = (value): value is LightRequest => #exchange in value;
  }

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#url = undefined;
    this.#headers = undefined;
    this.#controller = undefined;
    this.#stream = undefined;
    this.#used = false;
    this.#original = undefined;
    this.#streaming = false;
  }

  get method(): string {
    return this.#exchange.method;
  }

  get url(): string {
    this.#url ??= urlOf(this.#exchange);
    return this.#url;
  }

  get headers(): LightHeaders {
    this.#headers ??= LightHeaders.over(this.#exchange.headers);
    return this.#headers;
  }

  /** Aborted when the client leaves before the response is complete. */
  get signal(): AbortSignal {
    if (this.#original !== undefined) return this.#original.signal;
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#exchange.aborted) controller.abort();
      else if (!this.#streaming) this.#exchange.onAbort(() => controller.abort());
    }
    return this.#controller.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (!this.#hasBody) return null;
    this.#stream ??= streamBody(this.#exchange);
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  get destination(): string {
    return '';
  }

  get referrer(): string {
    return 'about:client';
  }

  get referrerPolicy(): string {
    return '';
  }

  get mode(): string {
    return 'cors';
  }

  get credentials(): string {
    return 'same-origin';
  }

  get cache(): string {
    return 'default';
  }

  get redirect(): string {
    return 'follow';
  }

  get integrity(): string {
    return '';
  }

  get keepalive(): boolean {
    return false;
  }

  get duplex(): string {
    return 'half';
  }

  get isReloadNavigation(): boolean {
    return false;
  }

  get isHistoryNavigation(): boolean {
    return false;
  }

  async text(): Promise<string> {
    return decodeText(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(decodeText(await this.bytes()));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return ownBuffer(await this.bytes());
  }

  async blob(): Promise<Blob> {
    return this.#wrap(await this.bytes()).blob();
  }

  async formData(): Promise<FormData> {
    return this.#wrap(await this.bytes()).formData();
  }

  /** The whole body. @throws {TypeError} as a rejection, when it was read already. */
  async bytes(): Promise<Uint8Array> {
    if (this.bodyUsed || this.#stream?.locked) throw bodyUsedError();
    if (!this.#hasBody) return new Uint8Array(0);
    this.#used = true;
    if (this.#stream === undefined) return collectBody(this.#exchange);
    return new Uint8Array(await new (real().Response)(this.#stream).arrayBuffer());
  }

  /** A copy with a body of its own. @throws {TypeError} when the body was read. */
  clone(): LightRequest {
    if (this.bodyUsed || this.#stream?.locked) throw bodyUsedError();
    const copy = new LightRequest(this.#exchange);
    copy.#url = this.#url;
    copy.#original = this.#original ?? this;
    if (this.#headers !== undefined) copy.#headers = LightHeaders.adopt([...headerListOf(this.#headers)]);
    const { body } = this;
    if (body !== null) [this.#stream, copy.#stream] = body.tee();
    return copy;
  }

  #at(url: string): LightRequest {
    const copy = new LightRequest(this.#exchange);
    copy.#url = url;
    copy.#headers = this.#headers;
    copy.#original = this.#original ?? this;
    copy.#stream = this.#stream;
    copy.#used = this.#used;
    return copy;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return { method: this.method, url: this.url, headers: this.headers, bodyUsed: this.bodyUsed };
  }

  /** Fetch gives GET and HEAD no body, whatever the client sent. */
  get #hasBody(): boolean {
    const { method, hasBody } = this.#exchange;
    return hasBody && method !== 'GET' && method !== 'HEAD';
  }

  #wrap(bytes: Uint8Array): Response {
    const type = this.headers.get('content-type');
    return new (real().Response)(
      bytes as Uint8Array<ArrayBuffer>,
      type === null ? {} : { headers: { 'content-type': type } },
    );
  }

  #toReal(): Request {
    if (this.bodyUsed || this.#stream?.locked) throw bodyUsedError();
    const { body, method } = this;
    // Fetch forbids CONNECT, TRACE and TRACK to its own requests.
    const allowed = /^(?:CONNECT|TRACE|TRACK)$/.test(method) ? (body === null ? 'GET' : 'POST') : method;
    const init = { method: allowed, headers: [...this.headers], signal: this.signal };
    const request = new (real().Request)(this.url, body === null ? init : { ...init, body, duplex: 'half' });
    if (allowed !== method) Object.defineProperty(request, 'method', { value: method });
    this.#used = body !== null;
    exchanges.set(request, this.#exchange);
    return request;
  }
}

standInFor('Request', LightRequest);
