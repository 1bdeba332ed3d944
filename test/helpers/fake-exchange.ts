import type { BodySink, Exchange, HeaderList, HeaderView, NodePair } from '../../lib/exchange.js';

/** The head of a request, for a test that needs no server. */
export interface FakeHead {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: HeaderList;
  /** In pieces. */
  readonly body?: readonly string[];
  readonly local?: Exchange['local'];
}

class FakeHeaders implements HeaderView {
  readonly raw: HeaderList;

  constructor(raw: HeaderList) {
    this.raw = raw;
  }

  get(name: string): string | undefined {
    const values = this.raw.filter(
      (_, index) => index % 2 === 1 && this.raw[index - 1]?.toLowerCase() === name,
    );
    return values.length === 0 ? undefined : values.join(name === 'cookie' ? '; ' : ', ');
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }
}

/** An exchange without a server: a head that a client may have sent, and a record of the response. */
export class FakeExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly httpVersion = '1.1';
  readonly scheme = 'http';
  readonly headers: HeaderView;
  readonly remote = { address: '127.0.0.1', port: 50_000, family: 'IPv4' } as const;
  readonly local: Exchange['local'];
  readonly hasBody: boolean;
  headSent = false;
  ended = false;
  aborted = false;
  status = 0;
  responseHeaders: HeaderList = [];
  body = '';
  error: unknown;
  /** Resolves when the response is complete, cut or failed. */
  readonly done: Promise<void>;
  #isDone: () => void = () => {};
  readonly #pieces: readonly string[];
  #sink: BodySink | undefined;
  #sent = 0;
  #onAbort: (() => void) | undefined;

  constructor(head: FakeHead = {}) {
    this.method = head.method ?? 'GET';
    this.target = head.target ?? '/';
    this.headers = new FakeHeaders(head.headers ?? ['Host', 'localhost']);
    this.local = head.local ?? { address: '127.0.0.1', port: 8080, family: 'IPv4' };
    this.#pieces = head.body ?? [];
    this.done = new Promise((resolve) => {
      this.#isDone = resolve;
    });
    this.hasBody = this.#pieces.length > 0;
  }

  readBody(sink: BodySink): void {
    this.#sink = sink;
    this.resumeBody();
  }

  resumeBody(): void {
    while (this.#sent < this.#pieces.length) {
      const piece = Buffer.from(this.#pieces[this.#sent] ?? '');
      this.#sent += 1;
      if (this.#sink?.data(piece) === false) return;
    }
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.end([]);
  }

  discardBody(): void {
    this.#sink = undefined;
  }

  respond(status: number, _statusText: string, headers: HeaderList, body: string | Uint8Array | null): void {
    this.respondHead(status, '', headers);
    if (body !== null) this.write(body);
    this.end();
  }

  respondHead(status: number, _statusText: string, headers: HeaderList): void {
    this.headSent = true;
    this.status = status;
    this.responseHeaders = headers;
  }

  respondInfo(): void {}

  write(chunk: string | Uint8Array): boolean {
    this.body += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  }

  end(): void {
    this.ended = true;
    this.#isDone();
  }

  abort(): void {
    this.aborted = true;
    this.ended = true;
    this.#isDone();
    const callback = this.#onAbort;
    this.#onAbort = undefined;
    callback?.();
  }

  fail(error: unknown): void {
    this.error = error;
    this.ended = true;
    this.#isDone();
  }

  takeOver(): undefined {}

  onDrain(): void {}

  onAbort(callback: (() => void) | undefined): void {
    this.#onAbort = callback;
  }

  node(): NodePair {
    throw new Error('a FakeExchange has no request and response of node:http');
  }
}
