import type { Socket } from 'node:net';
import type { BodySink, Endpoint, Exchange, Handler, HeaderList, HeaderView, NodePair } from '../exchange.js';
import { type Origin, originOf } from './forwarded.js';
import { showOrigin } from './forwarded-request.js';
import type { Networks } from './networks.js';
import { Peers } from './peers.js';

/** A handler that sees requests as their clients have made them, where proxies that are believed tell of it.
 *  @param networks Who is believed. */
export function forwardedHandler(handler: Handler, networks: Networks): Handler {
  const trusted = new Peers(networks);
  return {
    ...optionsOf(handler),
    handle: (exchange) =>
      handler.handle(
        exchange.writeFile === undefined
          ? new ForwardedExchange(exchange, trusted)
          : new ForwardedFileExchange(exchange, trusted),
      ),
  };
}

function optionsOf({ interface: name, takesConnections, nodePrototypes }: Handler): Omit<Handler, 'handle'> {
  return {
    interface: name,
    ...(takesConnections === undefined ? {} : { takesConnections }),
    ...(nodePrototypes === undefined ? {} : { nodePrototypes }),
  };
}

/** An exchange with the ends, the scheme and the host of its client. Looked for when somebody asks.
 *
 *  Lifetime: that of the exchange that it stands for. */
class ForwardedExchange implements Exchange {
  protected readonly inner: Exchange;
  readonly #trusted: Peers;
  #origin: Origin | null | undefined;
  #headers: HeaderView | undefined;
  #pair: NodePair | undefined;

  constructor(inner: Exchange, trusted: Peers) {
    this.inner = inner;
    this.#trusted = trusted;
    void inner.remote; // Who is believed is asked later, perhaps when the peer has left.
  }

  get #found(): Origin | null {
    this.#origin ??= originOf(this.inner, this.#trusted) ?? null;
    return this.#origin;
  }

  get scheme(): 'http' | 'https' {
    return this.#found?.scheme ?? this.inner.scheme;
  }

  get remote(): Endpoint {
    return this.#found?.remote ?? this.inner.remote;
  }

  get local(): Endpoint {
    return this.#found?.local ?? this.inner.local;
  }

  get headers(): HeaderView {
    this.#headers ??= headersFrom(this.inner.headers, this.#found?.authority);
    return this.#headers;
  }

  node(): NodePair {
    this.#pair ??= this.#findPair();
    return this.#pair;
  }

  #findPair(): NodePair {
    const pair = this.inner.node();
    const origin = this.#found;
    if (origin !== null) showOrigin(pair.req, origin);
    return pair;
  }

  get method(): string {
    return this.inner.method;
  }

  get target(): string {
    return this.inner.target;
  }

  get httpVersion(): '1.0' | '1.1' | '2.0' {
    return this.inner.httpVersion;
  }

  get hasBody(): boolean {
    return this.inner.hasBody;
  }

  get headSent(): boolean {
    return this.inner.headSent;
  }

  get ended(): boolean {
    return this.inner.ended;
  }

  get aborted(): boolean {
    return this.inner.aborted;
  }

  readBody(sink: BodySink): void {
    this.inner.readBody(sink);
  }

  resumeBody(): void {
    this.inner.resumeBody();
  }

  discardBody(): void {
    this.inner.discardBody();
  }

  respond(status: number, statusText: string, headers: HeaderList, body: string | Uint8Array | null): void {
    this.inner.respond(status, statusText, headers, body);
  }

  respondHead(status: number, statusText: string, headers: HeaderList): void {
    this.inner.respondHead(status, statusText, headers);
  }

  respondInfo(status: number, headers: HeaderList): void {
    this.inner.respondInfo(status, headers);
  }

  write(chunk: string | Uint8Array): boolean {
    return this.inner.write(chunk);
  }

  end(trailers?: HeaderList): void {
    this.inner.end(trailers);
  }

  abort(): void {
    this.inner.abort();
  }

  fail(error: unknown): void {
    this.inner.fail(error);
  }

  takeOver(): { readonly socket: Socket; readonly head: Buffer } | undefined {
    return this.inner.takeOver();
  }

  onDrain(callback: (() => void) | undefined): void {
    this.inner.onDrain(callback);
  }

  onAbort(callback: (() => void) | undefined): void {
    this.inner.onAbort(callback);
  }
}

/** The same where the backend sends files. */
class ForwardedFileExchange extends ForwardedExchange {
  writeFile(fd: number, start?: number, length?: number): void {
    this.inner.writeFile?.(fd, start, length);
  }
}

/** With another Host field. The other fields stay as they came. */
function headersFrom(headers: HeaderView, authority: string | undefined): HeaderView {
  if (authority === undefined || authority === headers.get('host')) return headers;
  const { raw } = headers;
  const others = raw.filter((_, index) => raw[index - (index % 2)]?.toLowerCase() !== 'host');
  return {
    get: (name) => (name === 'host' ? authority : headers.get(name)),
    has: (name) => name === 'host' || headers.has(name),
    raw: ['Host', authority, ...others],
  };
}
