import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Measures } from '../backends/backend.js';
import type { EndedRequest, HeaderList, Reporter, RequestLog } from '../exchange.js';
import { durationBoundsUs } from './duration-bounds.js';
import { RefusedLine } from './refused-line.js';

/** The client left before an answer; the connection was closed without one. nginx's words for it. */
const clientGone = 499;
const noAnswer = 444;

/** Sees how responses of Node's own streams end, for the log of requests and the measures; made where somebody asks. */
export class ResponseWatch {
  readonly #log: RequestLog | undefined;
  readonly #statuses: Record<string, number> = {};
  readonly #durations: number[] = new Array(durationBoundsUs.length + 1).fill(0);
  #durationUs = 0;
  #aborted = 0;

  private constructor(log: RequestLog | undefined) {
    this.#log = log;
  }

  /** @returns undefined where nobody asks. */
  static of({ requests, measured }: Pick<Reporter, 'requests' | 'measured'>): ResponseWatch | undefined {
    return requests === undefined && measured !== true ? undefined : new ResponseWatch(requests);
  }

  measures(): Measures {
    return {
      statuses: { ...this.#statuses },
      durations: [...this.#durations],
      durationUs: Math.round(this.#durationUs),
      aborted: this.#aborted,
    };
  }

  /** Wait for the end of `res`. @param request What the log tells of. */
  follow(request: EndedRequest, res: ServerResponse | ServerHttp2Stream): ResponseEnd {
    if (this.#log?.wantsAddress === true) void request.remote;
    return new ResponseEnd(this, request, res);
  }

  /** @internal */
  ended(request: EndedRequest, status: number, bytes: number, startedMs: number, aborted: boolean): void {
    const durationUs = Math.max(0, Math.round((performance.now() - startedMs) * 1000));
    const bucket = durationBoundsUs.findIndex((bound) => durationUs <= bound);
    this.#durations[bucket < 0 ? durationBoundsUs.length : bucket] =
      (this.#durations.at(bucket < 0 ? -1 : bucket) ?? 0) + 1;
    this.#durationUs += durationUs;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (aborted) this.#aborted += 1;
    this.#log?.ended(request, { status, bytes, durationUs, endedMs: Date.now(), aborted });
  }

  /** What came was no request. @param line What came of the request line. */
  refused(status: number, bytes: number, line: string, remote: EndedRequest['remote']): void {
    this.ended(new RefusedLine(line, remote), status, bytes, performance.now(), false);
  }

  /** A program has taken the connection for another protocol. */
  taken(request: EndedRequest): void {
    this.ended(request, 101, 0, performance.now(), false);
  }

  get wantsFields(): boolean {
    return this.#log?.wantsFields === true;
  }
}

/** Waits for the end of one response, and counts the bytes of its body.
 *
 *  Lifetime: until it has told, once. */
export class ResponseEnd {
  readonly #watch: ResponseWatch;
  readonly #request: EndedRequest;
  readonly #res: ServerResponse | ServerHttp2Stream;
  readonly #startedMs = performance.now();
  #bytes = 0;
  /** In `end`, which may call `write`. */
  #isEnding = false;
  #told = false;

  constructor(watch: ResponseWatch, request: EndedRequest, res: ServerResponse | ServerHttp2Stream) {
    this.#watch = watch;
    this.#request = request;
    this.#res = res;
    this.#countBody(res as ServerResponse);
    (res as ServerResponse).once('close', () => this.close(true));
  }

  /** The response is out, or never will be. @param byClient Who gave it up, when somebody did. */
  close(byClient: boolean): void {
    const { headersSent, writableFinished } = this.#res;
    const status = headersSent ? statusOf(this.#res) : byClient ? clientGone : noAnswer;
    const bodiless = this.#request.method === 'HEAD' || status === 204 || status === 304 || !headersSent;
    this.tell(status, bodiless ? 0 : this.#bytes, !writableFinished);
  }

  /** It ended otherwise: refused, or taken over. */
  tell(status: number, bytes: number, aborted: boolean): void {
    if (this.#told) return;
    this.#told = true;
    const { method, target, httpVersion, headers, remote } = this.#request;
    const request = this.#watch.wantsFields
      ? { method, target, httpVersion, headers, remote, responseFields: fieldsOf(this.#res) }
      : this.#request;
    this.#watch.ended(request, status, bytes, this.#startedMs, aborted);
  }

  #countBody(res: ServerResponse): void {
    const { write, end } = res;
    const count = (chunk: unknown, encoding: unknown): void => {
      if (typeof chunk === 'string') this.#bytes += Buffer.byteLength(chunk, toEncoding(encoding));
      else if (chunk instanceof Uint8Array) this.#bytes += chunk.byteLength;
    };
    res.write = (...args: unknown[]): boolean => {
      if (!this.#isEnding) count(args[0], args[1]);
      return Reflect.apply(write, res, args) as boolean;
    };
    res.end = (...args: unknown[]): ServerResponse => {
      if (!res.writableEnded) count(args[0], args[1]);
      this.#isEnding = true;
      try {
        return Reflect.apply(end, res, args) as ServerResponse;
      } finally {
        this.#isEnding = false;
      }
    };
  }
}

/** A request of a program's own server. */
export function endedRequest(req: IncomingMessage): EndedRequest {
  const { remoteAddress: address = '', remotePort: port = 0, remoteFamily: family } = req.socket;
  const get = (name: string): string | undefined => {
    const value = req.headers[name];
    return typeof value === 'object' ? value.join(', ') : value;
  };
  return {
    method: req.method ?? '',
    target: req.url ?? '',
    httpVersion: req.httpVersionMinor === 0 ? '1.0' : '1.1',
    headers: { get, has: (name) => name in req.headers, raw: req.rawHeaders },
    remote: { address, port, family: family === 'IPv6' ? 'IPv6' : family === 'IPv4' ? 'IPv4' : 'unix' },
  };
}

function toEncoding(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
}

function statusOf(res: ServerResponse | ServerHttp2Stream): number {
  return 'sentHeaders' in res ? Number(res.sentHeaders[':status']) : res.statusCode;
}

/** As they were sent: what is given to writeHead() as a list is in the head only. */
function fieldsOf(res: ServerResponse | ServerHttp2Stream): HeaderList {
  if ('sentHeaders' in res) {
    return Object.entries(res.sentHeaders ?? {}).flatMap(([name, value]) => [name, String(value)]);
  }
  const head = (res as { _header?: unknown })._header;
  const lines = typeof head === 'string' ? head.split('\r\n').slice(1) : [];
  return lines.filter(Boolean).flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}
