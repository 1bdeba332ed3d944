import type { Exchange, HeaderList } from '../exchange.js';
import { headerListOf, LightHeaders, normalizeValue, toHeaderList } from './fetch-headers.js';
import { real } from './real.js';
import { standInFor } from './stand-in.js';

const noHeaders: HeaderList = [];
const textHeaders: HeaderList = ['content-type', 'text/plain;charset=UTF-8'];
const formType = 'application/x-www-form-urlencoded;charset=UTF-8';
const reasonPhrase = /^[\t\x20-\x7e\x80-\xff]*$/;

type LightBody = string | Uint8Array | ReadableStream | null;

let answer: (response: LightResponse, exchange: Exchange) => boolean;
let isLight: (value: object) => value is LightResponse;

/** Answer with a light response, if its body is at hand.
 *  @returns false when it is a stream, or a real response stands behind it.
 *  @throws as `exchange.respond`. */
export function respondLight(response: LightResponse, exchange: Exchange): boolean {
  return answer(response, exchange);
}

/** Whether it is one of ours, or of a class derived from ours. */
export function isLightResponse(value: object): value is LightResponse {
  return isLight(value);
}

/** `Response` as plain fields. Node's own costs 8 to 12 us to make with headers; this one 0.1. The real one is built
 *  behind it the first time somebody asks for what is not kept here. */
export class LightResponse {
  readonly #status: number;
  readonly #statusText: string;
  /** May be shared with others: it is copied before somebody can change it. */
  readonly #list: HeaderList;
  #headers: LightHeaders | undefined;
  #body: LightBody;
  #real: Response | undefined;

  static {
    answer = (response, exchange) => {
      const body = response.#body;
      if (response.#real !== undefined || isStream(body)) return false;
      const headers = response.#headers;
      const list = headers === undefined ? response.#list : headerListOf(headers);
      exchange.respond(response.#status, response.#statusText, list, body);
      return true;
    };
    // `#status in value` is a call of 100 instructions, Object.getPrototypeOf one into the runtime.
    isLight = (value): value is LightResponse => value.constructor === LightResponse || #status in value;
  }

  constructor(body?: unknown, init?: ResponseInit | null) {
    let status = 200;
    let statusText = '';
    let headers: unknown;
    if (init !== undefined && init !== null) {
      if (init.status !== undefined) status = checkStatus(init.status);
      if (init.statusText !== undefined) statusText = checkReason(init.statusText);
      headers = init.headers;
    }
    this.#status = status;
    this.#statusText = statusText;
    this.#headers = undefined;
    this.#real = undefined;
    if (typeof body === 'string') {
      this.#body = body;
      this.#list = headers === undefined ? textHeaders : withType(toHeaderList(headers), textHeaders[1]);
    } else if (body === undefined || body === null) {
      this.#body = null;
      this.#list = headers === undefined ? noHeaders : toHeaderList(headers);
      return;
    } else {
      const light = toLightBody(body);
      if (light === undefined) {
        const made = new (real().Response)(body as Uint8Array<ArrayBuffer>, {
          status,
          statusText,
          headers: pairsOf(toHeaderList(headers)),
        });
        this.#real = made;
        this.#body = null;
        this.#list = toHeaderList(made.headers);
      } else {
        this.#body = light;
        this.#list = withType(toHeaderList(headers), typeOf(body));
      }
    }
    if (status === 204 || status === 205 || status === 304) {
      throw new TypeError(`a response with status ${status} has no body`);
    }
  }

  static json(data: unknown, init?: ResponseInit): LightResponse {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('the value cannot be written as JSON');
    const list = withType(toHeaderList(init?.headers), 'application/json');
    return new LightResponse(text, { ...init, headers: LightHeaders.adopt(list) as unknown as Headers });
  }

  static redirect(url: string | URL, status = 302): LightResponse {
    if (![301, 302, 303, 307, 308].includes(status))
      throw new RangeError(`${status} is not the status of a redirect`);
    const made = real().Response.redirect(url, status as 302);
    return new LightResponse(null, { status, headers: { location: made.headers.get('location') ?? '' } });
  }

  static error(): Response {
    return real().Response.error();
  }

  get status(): number {
    return this.#status;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  get headers(): LightHeaders {
    this.#headers ??= LightHeaders.adopt(this.#list.slice());
    return this.#headers;
  }

  get type(): string {
    return 'default';
  }

  get url(): string {
    return '';
  }

  get redirected(): boolean {
    return false;
  }

  get body(): ReadableStream | null {
    return this.#body === null && this.#real === undefined ? null : this.#toReal().body;
  }

  get bodyUsed(): boolean {
    return this.#real !== undefined || isStream(this.#body) ? this.#toReal().bodyUsed : false;
  }

  /** A copy with a body of its own. @throws {TypeError} when the body was read. */
  clone(): LightResponse {
    const init = { status: this.#status, statusText: this.#statusText };
    const light = this.#real === undefined && !isStream(this.#body);
    const copy = new LightResponse(light ? this.#body : this.#toReal().clone().body, init);
    copy.#headers = LightHeaders.adopt([...headerListOf(this.headers)]);
    return copy;
  }

  text(): Promise<string> {
    return this.#toReal().text();
  }

  json(): Promise<unknown> {
    return this.#toReal().json();
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#toReal().arrayBuffer();
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  blob(): Promise<Blob> {
    return this.#toReal().blob();
  }

  formData(): Promise<FormData> {
    return this.#toReal().formData();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    const init = {
      status: this.#status,
      statusText: this.#statusText,
      headers: pairsOf(headerListOf(this.headers)),
    };
    return new (real().Response)(null, init);
  }

  #toReal(): Response {
    if (this.#real === undefined) {
      const headers = pairsOf(headerListOf(this.headers));
      const init = { status: this.#status, statusText: this.#statusText, headers };
      this.#real = new (real().Response)(this.#body as Uint8Array<ArrayBuffer> | null, init);
      this.#body = null;
    }
    return this.#real;
  }
}

standInFor('Response', LightResponse);

/** The global ReadableStream is loaded when it is first named, so it is named last. */
function isStream(body: LightBody): body is ReadableStream {
  return (
    typeof body === 'object' &&
    body !== null &&
    !(body instanceof Uint8Array) &&
    body instanceof ReadableStream
  );
}

/** @returns undefined for what only a real response can hold (Blob, FormData, async iterables). */
function toLightBody(body: unknown): LightBody | undefined {
  if (body instanceof Uint8Array) return body;
  if (body instanceof ReadableStream) {
    if (body.locked) throw new TypeError('the stream of the body is locked: somebody else reads it');
    return body;
  }
  if (body instanceof ArrayBuffer || body instanceof SharedArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (body instanceof URLSearchParams) return body.toString();
  if (typeof body !== 'object') return String(body);
  return undefined;
}

/** The content-type that a body brings along (Fetch, "extract a body"). */
function typeOf(body: unknown): string | undefined {
  if (typeof body !== 'object') return textHeaders[1];
  return body instanceof URLSearchParams ? formType : undefined;
}

/** Fetch, "initialize a response": 101 cannot be made by an application. */
function checkStatus(status: unknown): number {
  const number = Number(status);
  if (!Number.isInteger(number) || number < 200 || number > 599) {
    throw new RangeError(`${String(status)} is not a status from 200 to 599`);
  }
  return number;
}

function checkReason(statusText: unknown): string {
  const text = String(statusText);
  if (!reasonPhrase.test(text)) throw new TypeError(`${JSON.stringify(text)} is not a reason phrase`);
  return text;
}

function withType(list: string[], type: string | undefined): string[] {
  if (type === undefined) return list;
  for (let index = 0; index < list.length; index += 2) if (list[index] === 'content-type') return list;
  list.push('content-type', normalizeValue('content-type', type));
  return list;
}

function pairsOf(list: HeaderList): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < list.length; index += 2) pairs.push([list[index] ?? '', list[index + 1] ?? '']);
  return pairs;
}
