import { executionAsyncId } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  Http2ServerRequest,
  type Http2ServerResponse,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { ChaussetteError } from '../errors.js';
import type { BodySink, Endpoint, Exchange, HeaderList, HeaderView, NodePair } from '../exchange.js';
import type { ResponseEnd } from '../native/response-watch.js';
import { clientLeft } from './http-connection.js';
import { HttpHeaders } from './http-headers.js';
import type { Admitted, Http2Owner } from './http2-front.js';
import { checkFields, checkResponseHead, invalid } from './response-rules.js';

/** Of HTTP/1.1 only: HTTP/2 frames messages itself, and forbids them (RFC 9113 §8.2.2). */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** The connection that a stream belongs to. */
export interface Http2Place {
  readonly secure: boolean;
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

/** An exchange over one stream of node:http2, with the objects of its compatibility API. */
export class Http2Exchange implements Exchange, Admitted {
  readonly req: Http2ServerRequest;
  readonly res: Http2ServerResponse;
  readonly method: string;
  readonly target: string;
  readonly httpVersion = '2.0';
  readonly hasBody: boolean;
  /** Of the async resource that its handler runs in. */
  readonly asyncId = executionAsyncId();
  readonly startedMs = performance.now();
  aborted = false;
  readonly #stream: ServerHttp2Stream;
  readonly #watched: ResponseEnd | undefined;
  readonly #place: Http2Place;
  readonly #owner: Http2Owner;
  #headers: HttpHeaders | undefined;
  #sink: BodySink | undefined;
  /** Nobody reads the rest of the body. */
  #discarding = false;
  #bodyBytes = 0;
  #bodyTimer: NodeJS.Timeout | undefined;
  /** Bytes that `content-length` still promises; -1 without one. */
  #remaining = -1;
  #onAbort: (() => void) | undefined;
  #onDrain: (() => void) | undefined;

  constructor(req: Http2ServerRequest, res: Http2ServerResponse, place: Http2Place, owner: Http2Owner) {
    this.req = req;
    this.res = res;
    this.#stream = req.stream;
    this.#place = place;
    this.#owner = owner;
    this.method = req.method;
    this.target = req.url;
    this.hasBody = !this.#stream.endAfterHeaders;
    this.#stream.on('error', ignore); // 'close' follows
    this.#watched = owner.counters.watch?.follow(this, req.stream);
    this.#stream.once('close', () => this.#closed());
    this.#stream.on('drain', () => {
      this.#stream.setTimeout(0);
      this.#onDrain?.();
    });
    this.#stream.on('timeout', () => {
      if (this.#stream.writableLength > 0) this.#stream.close(constants.NGHTTP2_CANCEL);
    });
    if (this.hasBody) this.#watchBody();
  }

  get scheme(): 'http' | 'https' {
    return this.#place.secure ? 'https' : 'http';
  }

  /** Without pseudo-header fields; `:authority` is `host`, as a proxy would write it (RFC 9113 §8.3.1). */
  get headers(): HeaderView {
    this.#headers ??= new HttpHeaders(fieldsOf(this.req));
    return this.#headers;
  }

  get remote(): Endpoint {
    return this.#place.remote;
  }

  get local(): Endpoint {
    return this.#place.local;
  }

  get headSent(): boolean {
    return this.#stream.headersSent;
  }

  get ended(): boolean {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed) return true;
    // node:http2 ends the stream of HEAD before there is a response.
    return stream.writableEnded && (stream.headersSent || this.method !== 'HEAD');
  }

  /** Known from its head, or from what has come with it. */
  get isBodyTooLarge(): boolean {
    const { bodyBytesMax } = this.#owner.limits;
    const length = Math.max(this.#bodyBytes, Number(this.req.headers['content-length'] ?? 0));
    return bodyBytesMax > 0 && length > bodyBytesMax;
  }

  readBody(sink: BodySink): void {
    if (this.#sink !== undefined)
      throw new ChaussetteError('CHAUSSETTE_ERR_BODY', 'the body is being read already');
    this.#sink = sink;
    const { req } = this;
    if (!this.hasBody) sink.end([]);
    else if (this.#stream.destroyed) this.#endBody((open) => open.error(clientLeft()));
    else {
      req.on('data', (chunk: Uint8Array) => {
        if (this.#sink?.data(chunk) === false) req.pause();
      });
      req.on('end', () => this.#endBody((open) => open.end(req.rawTrailers)));
    }
  }

  resumeBody(): void {
    this.req.resume();
  }

  discardBody(): void {
    this.#sink = undefined;
    this.#discarding = true;
    this.req.resume();
  }

  respond(status: number, statusText: string, headers: HeaderList, body: string | Uint8Array | null): void {
    if (this.ended) return;
    const length = body === null ? 0 : Buffer.byteLength(body);
    const { fields, contentLength, bodiless } = this.#head(status, statusText, headers);
    if (!bodiless && contentLength >= 0 && contentLength !== length) {
      throw invalid(`content-length is ${contentLength}, the body has ${length} bytes`);
    }
    if (contentLength < 0 && status !== 204 && status !== 304 && (body !== null || this.method !== 'HEAD'))
      fields['content-length'] = length;
    this.#send(fields, bodiless || length === 0);
    if (!bodiless && length > 0) this.#stream.end(body);
  }

  respondHead(status: number, statusText: string, headers: HeaderList): void {
    if (this.ended) return;
    const { fields, contentLength, bodiless } = this.#head(status, statusText, headers);
    if (!bodiless) this.#remaining = contentLength;
    this.#send(fields, bodiless);
  }

  respondInfo(status: number, headers: HeaderList): void {
    if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
      throw invalid(`${String(status)} is not the status of an informational response`);
    }
    checkFields(headers);
    if (this.ended) return;
    if (this.headSent) throw invalid('its head is out already');
    this.#stream.additionalHeaders({ ':status': status, ...http2Fields(headers) });
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.ended || chunk.length === 0) return true;
    if (this.#remaining < 0) return this.#write(chunk);
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (bytes.byteLength > this.#remaining) {
      this.#owner.reporter.warn(`${this.method} ${this.target}: the body is longer than its content-length`);
      this.#stream.end(bytes.subarray(0, this.#remaining));
      return true;
    }
    this.#remaining -= bytes.byteLength;
    return this.#write(bytes);
  }

  end(trailers?: HeaderList): void {
    if (this.ended) return;
    if (this.#remaining > 0) {
      this.#owner.reporter.warn(`${this.method} ${this.target}: the body is shorter than its content-length`);
      this.abort();
      return;
    }
    if (trailers !== undefined && trailers.length > 0) {
      checkFields(trailers);
      // The compatibility API sends them when the stream wants them.
      this.res.addTrailers(http2Fields(trailers));
    }
    this.#stream.end();
  }

  /** This stream only; others on the connection are not to blame. */
  abort(): void {
    if (this.ended) return;
    this.#watched?.close(false);
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  fail(error: unknown): void {
    this.#owner.reporter.applicationError(error, this);
    if (this.ended) return;
    if (this.headSent) this.abort();
    else this.respond(500, '', ['content-type', 'text/plain; charset=utf-8'], 'Internal Server Error\n');
  }

  /** HTTP/2 has no Upgrade (RFC 9113 §8.6). */
  takeOver(): { readonly socket: Socket; readonly head: Buffer } | undefined {
    return undefined;
  }

  onDrain(callback: (() => void) | undefined): void {
    this.#onDrain = callback;
  }

  onAbort(callback: (() => void) | undefined): void {
    this.#onAbort = callback;
    if (callback !== undefined && this.aborted) this.#tellAbort();
  }

  /** The compatibility API has most of node:http's methods, and is what frameworks are written against. */
  node(): NodePair {
    return this as unknown as { readonly req: IncomingMessage; readonly res: ServerResponse };
  }

  /** `expect: 100-continue`: the interim response goes out when somebody first reads (RFC 9110 §10.1.1). */
  continueOnRead(): void {
    const { req, res } = this;
    req._read = (size) => {
      req._read = Http2ServerRequest.prototype._read;
      if (!this.ended && !this.headSent) res.writeContinue();
      req._read(size);
    };
  }

  /** Answer, and read no more of the body. */
  refuse(status: number, text: string): void {
    this.#endBody((open) => open.error(clientLeft()));
    if (this.headSent) {
      this.abort();
      return;
    }
    this.respond(status, '', ['content-type', 'text/plain'], `${text}\n`);
    this.#tellAbort();
  }

  #write(chunk: string | Uint8Array): boolean {
    if (this.#stream.write(chunk)) return true;
    this.#stream.setTimeout(this.#owner.limits.writeMs);
    return false;
  }

  /** @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE. */
  #head(
    status: number,
    statusText: string,
    headers: HeaderList,
  ): { fields: OutgoingHttpHeaders; contentLength: number; bodiless: boolean } {
    if (this.headSent) throw invalid('its head is out already');
    const { contentLength } = checkResponseHead(status, statusText, headers);
    const fields = http2Fields(headers);
    if (status === 204) delete fields['content-length'];
    fields[':status'] = status;
    return { fields, contentLength, bodiless: status === 204 || status === 304 || this.method === 'HEAD' };
  }

  #send(fields: OutgoingHttpHeaders, endStream: boolean): void {
    try {
      this.#stream.respond(fields, { endStream, waitForTrailers: !endStream });
    } catch (error) {
      throw invalid(error instanceof Error ? error.message : String(error));
    }
  }

  /** Every piece of the body passes `push`: there the limits are kept, whoever reads it. */
  #watchBody(): void {
    const stream = this.#stream;
    const { bodyMs, bodyBytesMax } = this.#owner.limits;
    // What came along with the first bytes of the connection is there before its request is told.
    this.#bodyBytes = stream.readableLength;
    if (bodyMs > 0) this.#bodyTimer = setTimeout(() => this.#bodyLate(), bodyMs).unref();
    const push = stream.push;
    stream.push = (chunk: Uint8Array | null, encoding) => {
      if (chunk === null) clearTimeout(this.#bodyTimer);
      else {
        this.#bodyTimer?.refresh();
        this.#bodyBytes += chunk.byteLength;
        const tooLarge = bodyBytesMax > 0 && this.#bodyBytes > bodyBytesMax;
        if (tooLarge && !this.ended) this.refuse(413, 'The request body is too large.');
        if (tooLarge || this.#discarding) return true;
      }
      return push.call(stream, chunk, encoding);
    };
  }

  #bodyLate(): void {
    // The application has not taken what is there: the client is not to blame.
    if (this.#stream.readableLength > 0) this.#bodyTimer?.refresh();
    else if (!this.ended) this.refuse(408, 'The request body did not arrive in time.');
    else this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #endBody(tell: (sink: BodySink) => void): void {
    const sink = this.#sink;
    this.#sink = undefined;
    if (sink !== undefined) tell(sink);
  }

  #closed(): void {
    clearTimeout(this.#bodyTimer);
    this.aborted = !this.headSent || !this.#stream.writableFinished || this.#stream.aborted;
    this.#endBody((open) => open.error(clientLeft()));
    this.#owner.exchangeEnded(this);
    if (this.aborted) this.#tellAbort();
  }

  #tellAbort(): void {
    const callback = this.#onAbort;
    this.#onAbort = undefined;
    callback?.();
  }
}

/** The fields as HTTP/1.1 would have them. */
function fieldsOf(req: Http2ServerRequest): string[] {
  const { rawHeaders } = req;
  const fields: string[] = [];
  if (!('host' in req.headers) && req.authority) fields.push('host', req.authority);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!name.startsWith(':')) fields.push(name, rawHeaders[index + 1] ?? '');
  }
  return fields;
}

/** As node:http2 takes them: names in lower case, repeated fields as lists. */
function http2Fields(headers: HeaderList): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = Object.create(null);
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase();
    const value = headers[index + 1] ?? '';
    if (connectionFields.has(name)) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else fields[name] = Array.isArray(before) ? [...before, value] : [String(before), value];
  }
  return fields;
}

function ignore(): void {}
