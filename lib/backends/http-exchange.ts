import { executionAsyncId } from 'node:async_hooks';
import { IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ChaussetteError } from '../errors.js';
import type { BodySink, Endpoint, Exchange, HeaderList, HeaderView, NodePair } from '../exchange.js';
import type { ResponseEnd } from '../native/response-watch.js';
import { afterPoll, clientLeft, type HttpConnection, type HttpOwner } from './http-connection.js';
import { HttpHeaders } from './http-headers.js';
import { type HttpSwitch, hasBody } from './http-switch.js';
import { checkFields, checkResponseHead, invalid, withoutField } from './response-rules.js';

/** What is read and thrown away of a body that nobody read, before the connection is closed instead of kept. */
const discardBytesMax = 256 * 1024;

/** The reader of a body that was given up. */
const nobody: BodySink = { data: () => true, end: () => {}, error: () => {} };

/** An exchange over node:http's own request and response. */
export class HttpExchange implements Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  readonly target: string;
  readonly scheme: 'http' | 'https';
  readonly hasBody: boolean;
  /** Of the async resource that its handler runs in. */
  readonly asyncId = executionAsyncId();
  readonly startedMs = performance.now();
  readonly watched: ResponseEnd | undefined;
  aborted = false;
  readonly #connection: HttpConnection;
  readonly #owner: HttpOwner;
  /** What the client asked for, before we decided to close. */
  readonly #keepAlive: boolean;
  readonly #switch: HttpSwitch | undefined;
  #gone = false;
  #headers: HttpHeaders | undefined;
  #sink: BodySink | undefined;
  #expectsContinue = false;
  #bodyTimer: NodeJS.Timeout | undefined;
  #bodyBytes = 0;
  #discarded = 0;
  /** The response is out, and nobody reads the body. */
  #unread = false;
  /** Bytes that `content-length` still promises; -1 without one. */
  #remaining = -1;
  /** To be told to whoever asks next. */
  #halfClosed = false;
  #onAbort: (() => void) | undefined;
  #onDrain: (() => void) | undefined;

  /** @param change Of a request that node:http has let go of. */
  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    connection: HttpConnection,
    owner: HttpOwner,
    change?: HttpSwitch,
  ) {
    this.req = req;
    this.res = res;
    this.#connection = connection;
    this.#owner = owner;
    this.#switch = change;
    this.#keepAlive = res.shouldKeepAlive;
    this.method = req.method ?? '';
    this.scheme = connection.secure ? 'https' : 'http';
    this.target = req.url ?? '';
    this.hasBody = hasBody(req);
    res.on('finish', () => this.#finished());
    this.watched = owner.counters.watch?.follow(this, res);
    if (this.hasBody) this.#watchBody();
  }

  get httpVersion(): '1.0' | '1.1' {
    return this.req.httpVersionMinor === 0 ? '1.0' : '1.1';
  }

  get headers(): HeaderView {
    this.#headers ??= new HttpHeaders(this.req.rawHeaders);
    return this.#headers;
  }

  get remote(): Endpoint {
    return this.#connection.remote;
  }

  get local(): Endpoint {
    return this.#connection.local;
  }

  get headSent(): boolean {
    return this.res.headersSent;
  }

  get ended(): boolean {
    return this.#gone || this.res.writableEnded;
  }

  readBody(sink: BodySink): void {
    if (this.#sink !== undefined)
      throw new ChaussetteError('CHAUSSETTE_ERR_BODY', 'the body is being read already');
    this.#sink = sink;
    if (this.#gone) sink.error(clientLeft());
    else if (this.hasBody) this.#startBody();
    else sink.end([]);
  }

  discardBody(): void {
    if (this.#sink === undefined || this.req.complete) return;
    this.#sink = nobody;
    this.#unread = true;
    this.#discarded = 0;
    this.req.resume();
  }

  #startBody(): void {
    const { req } = this;
    // Not only when the stream is read: a body that came with its head may be there before.
    if (this.#expectsContinue) this.#continue();
    req.on('data', (chunk: Uint8Array) => {
      if (this.#sink?.data(chunk) === false) req.pause();
    });
    req.on('end', () => {
      const open = this.#sink;
      this.#sink = undefined;
      open?.end(req.rawTrailers);
    });
    // After the response the connection no longer knows the exchange.
    req.on('close', () => {
      const open = this.#sink;
      this.#sink = undefined;
      open?.error(clientLeft());
    });
  }

  resumeBody(): void {
    this.req.resume();
  }

  respond(status: number, statusText: string, headers: HeaderList, body: string | Uint8Array | null): void {
    if (this.ended) return;
    if (this.headSent) throw invalid('its head is out already');
    const head = checkResponseHead(status, statusText, headers);
    const length = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    const bodiless = status === 204 || status === 304 || this.method === 'HEAD';
    if (!bodiless && head.contentLength >= 0 && head.contentLength !== length) {
      throw invalid(`content-length is ${head.contentLength}, the body has ${length} bytes`);
    }
    let list = headers as string[];
    if (head.chunked) list = withoutField(list, 'transfer-encoding');
    if (head.trailer) list = withoutField(list, 'trailer');
    if (status === 204) list = withoutField(list, 'content-length');
    // Without a body at hand, nobody knows the length that GET would have (RFC 9110 §8.6).
    else if (head.contentLength < 0 && status !== 304 && (body !== null || this.method !== 'HEAD'))
      list = [...list, 'content-length', String(length)];
    this.res.writeHead(status, statusText || (STATUS_CODES[status] ?? 'Unknown'), list);
    if (bodiless || body === null) this.res.end();
    // node:http sends a head and a string as one string, in UTF-8: a head that is not ASCII goes alone.
    else this.res.end(head.ascii || typeof body !== 'string' ? body : Buffer.from(body));
  }

  respondHead(status: number, statusText: string, headers: HeaderList): void {
    if (this.ended) return;
    if (this.headSent) throw invalid('its head is out already');
    const head = checkResponseHead(status, statusText, headers);
    const bodiless = status === 204 || status === 304 || this.method === 'HEAD';
    if (!bodiless) this.#remaining = head.contentLength;
    let list = headers as string[];
    if (status === 204) list = withoutField(withoutField(list, 'content-length'), 'transfer-encoding');
    else if (head.chunked) list = withoutField(list, 'transfer-encoding');
    const chunked = !bodiless && head.contentLength < 0 && this.httpVersion !== '1.0';
    if (head.trailer && !chunked) list = withoutField(list, 'trailer');
    this.res.writeHead(status, statusText || (STATUS_CODES[status] ?? 'Unknown'), list);
    this.res.flushHeaders();
  }

  respondInfo(status: number, headers: HeaderList): void {
    if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
      throw invalid(`${String(status)} is not the status of an informational response`);
    }
    checkFields(headers);
    if (this.ended) return;
    if (this.headSent) throw invalid('its head is out already');
    if (this.httpVersion === '1.0') return;
    let bytes = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    for (let index = 0; index < headers.length; index += 2)
      bytes += `${headers[index]}: ${headers[index + 1]}\r\n`;
    // What writeContinue() and writeEarlyHints() do, for any status and field.
    const raw = this.res as unknown as { _writeRaw(data: string, encoding: string): void };
    raw._writeRaw(`${bytes}\r\n`, 'latin1');
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.ended || chunk.length === 0) return true;
    if (this.#remaining < 0) return this.res.write(chunk);
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (bytes.byteLength > this.#remaining) {
      this.#owner.reporter.warn(`${this.method} ${this.target}: the body is longer than its content-length`);
      this.res.end(bytes.subarray(0, this.#remaining), () => this.#connection.finish());
      this.#connection.stopReading();
      return true;
    }
    this.#remaining -= bytes.byteLength;
    return this.res.write(bytes);
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
      const pairs: [string, string][] = [];
      for (let index = 0; index < trailers.length; index += 2) {
        pairs.push([trailers[index] ?? '', trailers[index + 1] ?? '']);
      }
      this.res.addTrailers(pairs);
    }
    this.res.end();
  }

  abort(): void {
    if (this.ended) return;
    this.watched?.close(false);
    this.#connection.socket.destroy();
  }

  fail(error: unknown): void {
    this.#owner.reporter.applicationError(error, this);
    if (this.ended) return;
    if (this.headSent) {
      this.abort();
      return;
    }
    for (const name of this.res.getHeaderNames()) this.res.removeHeader(name);
    this.res.removeAllListeners('error').on('error', ignore);
    this.respond(500, '', ['content-type', 'text/plain; charset=utf-8'], 'Internal Server Error\n');
  }

  takeOver(): { readonly socket: Socket; readonly head: Buffer } | undefined {
    const change = this.#switch;
    if (change === undefined || this.ended || this.headSent || !this.#connection.isOnly(this))
      return undefined;
    this.#gone = true;
    this.#onAbort = undefined;
    this.watched?.tell(this.method === 'CONNECT' ? 200 : 101, 0, false);
    change.letGo();
    this.#connection.giveAway(this);
    return { socket: change.socket, head: change.head };
  }

  /** Its response is the next one on the connection. */
  begin(): void {
    if (!this.#gone) this.#switch?.begin();
  }

  onDrain(callback: (() => void) | undefined): void {
    if (this.#onDrain === undefined && callback !== undefined) this.res.on('drain', () => this.#onDrain?.());
    this.#onDrain = callback;
  }

  onAbort(callback: (() => void) | undefined): void {
    this.#onAbort = callback;
    if (callback !== undefined && (this.aborted || this.#halfClosed)) this.tellAbort();
  }

  node(): NodePair {
    return this;
  }

  /** The response says `connection: close`, if its head is not out yet. */
  closeAfter(): void {
    this.res.shouldKeepAlive = false;
  }

  /** Take `closeAfter` back. @returns false when it is too late. */
  keepOpen(): boolean {
    if (this.headSent) return false;
    this.res.shouldKeepAlive = this.#keepAlive;
    return this.#keepAlive;
  }

  /** `Expect: 100-continue`: the interim response goes out when somebody first reads (RFC 9110 §10.1.1). */
  continueOnRead(): void {
    const { req } = this;
    this.#expectsContinue = true;
    req._read = (size) => {
      this.#continue();
      req._read(size);
    };
  }

  #continue(): void {
    const { req, res } = this;
    this.#expectsContinue = false;
    req._read = IncomingMessage.prototype._read;
    if (!res.headersSent && !res.writableEnded) res.writeContinue();
  }

  /** The client is gone, or gets an answer that is not ours. */
  leave(): void {
    if (this.#gone) return;
    this.aborted = !this.res.writableFinished;
    this.#gone = true;
    clearTimeout(this.#bodyTimer);
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.error(clientLeft());
    if (this.#switch !== undefined) this.req.destroy();
    this.tellAbort();
  }

  /** The client has left, or has shut down its side and probably left. */
  tellAbort(): void {
    const callback = this.#onAbort;
    this.#onAbort = undefined;
    this.#halfClosed = callback === undefined;
    callback?.();
  }

  /** Whoever reads the body reads on; when nobody does, node:http throws the rest away now. */
  #finished(): void {
    const { req } = this;
    if (this.hasBody && !req.complete && !this.#unread) {
      // node:http has forgotten the request, and would not tell its reader.
      const leave = (): void => void req.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
      this.#connection.socket.once('close', leave);
      req.once('close', () => this.#connection.socket.removeListener('close', leave));
    }
    const goesOn = this.#switch?.finish();
    this.#connection.remove(this);
    if (goesOn !== undefined) this.#connection.resume(goesOn);
  }

  /** Every piece of the body passes `push`: there the limits are kept, for whoever reads it and if nobody does. */
  #watchBody(): void {
    const { req } = this;
    const { bodyMs } = this.#owner.limits;
    if (bodyMs > 0) this.#bodyTimer = setTimeout(() => this.#bodyLate(), bodyMs).unref();
    req.push = (chunk: Uint8Array | null, encoding) => {
      if (chunk === null) clearTimeout(this.#bodyTimer);
      else if (!this.#takeBody(chunk.byteLength)) return true;
      return IncomingMessage.prototype.push.call(req, chunk, encoding);
    };
    // node:http's own way of discarding would not pass `push`.
    (req as unknown as { _dump(): void })._dump = () => {
      this.#unread = true;
      req.resume();
    };
  }

  /** @returns false when the piece is not for the application. */
  #takeBody(bytes: number): boolean {
    this.#bodyTimer?.refresh();
    this.#bodyBytes += bytes;
    if (this.#gone) return false;
    if (this.#unread) {
      this.#discarded += bytes;
      if (this.#discarded <= discardBytesMax) return true;
      // Read on when the response is out, and then not for long.
      if (this.res.writableFinished) this.#connection.finish();
      else this.req.pause();
      return true;
    }
    const { bodyBytesMax } = this.#owner.limits;
    if (bodyBytesMax === 0 || this.#bodyBytes <= bodyBytesMax) return true;
    if (this.res.writableFinished) this.#connection.finish();
    else this.#connection.refuse({ status: 413, text: 'The request body is too large.' });
    return false;
  }

  #bodyLate(): void {
    const bytes = this.#bodyBytes;
    afterPoll(() => {
      if (bytes === this.#bodyBytes && !this.#gone && !this.req.complete) this.#refuseBody();
    });
  }

  #refuseBody(): void {
    // The application has not taken what is there: the client is not to blame.
    if (!this.res.writableFinished && this.req.readableLength >= this.req.readableHighWaterMark) {
      this.#bodyTimer?.refresh();
    } else if (this.res.writableFinished) this.#connection.finish();
    else this.#connection.refuse({ status: 408, text: 'The request body did not arrive in time.' });
  }
}

function ignore(): void {}
