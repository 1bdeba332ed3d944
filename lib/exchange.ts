import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Name and value in turn, as they stand on the wire: `['content-type', 'text/plain', …]`. */
export type HeaderList = readonly string[];

/** The head fields of a request, decoded when they are asked for. */
export interface HeaderView {
  /** @param name In lower case.
   *  @returns The value; of a repeated field the values joined with `, ` (`; ` for cookie); undefined when absent. */
  get(name: string): string | undefined;
  /** @param name In lower case. */
  has(name: string): boolean;
  /** Name and value in turn, in the order and the spelling in which they came. */
  readonly raw: HeaderList;
}

/** One end of a connection. A Unix socket has an empty address and port 0. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6' | 'unix';
}

/** Where the bytes of a request body go. Calls come in order; exactly one of `end` and `error` is the last. */
export interface BodySink {
  /** @param chunk The receiver's own: it is not reused. Never empty.
   *  @returns false to stop the flow until `exchange.resumeBody()`. */
  data(chunk: Uint8Array): boolean;
  /** @param trailers Name and value in turn; mostly empty. */
  end(trailers: HeaderList): void;
  /** The client went away, or sent what is not HTTP, before the body was complete. */
  error(error: Error): void;
}

/** The request and response objects of the `node` interface. */
export interface NodePair {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** One request and its response: the item that moves from the listener to the writer.
 *
 *  Lifetime: from the complete head of the request until the response is complete or the client is gone.
 *  The head stays readable for as long as somebody holds the exchange. After the end every method that sends
 *  does nothing, so a late handler is harmless.
 *
 *  The response is one call of `respond`, or `respondHead`, any number of `write`, and `end`. */
export interface Exchange {
  /** In upper case: `GET`. */
  readonly method: string;
  /** The request target as it came: `/path?query`, mostly. */
  readonly target: string;
  readonly httpVersion: '1.0' | '1.1' | '2.0';
  readonly scheme: 'http' | 'https';
  readonly headers: HeaderView;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** Whether the request has a body (a Content-Length above 0, or a transfer coding). */
  readonly hasBody: boolean;
  /** True once the response head was handed over. */
  readonly headSent: boolean;
  /** True once the response is complete, or the client is gone. */
  readonly ended: boolean;
  /** True when the client left before the response was complete. */
  readonly aborted: boolean;

  /** Start the flow of the request body into `sink`; once per exchange. Without a body `end` is called at once.
   *  Answers `Expect: 100-continue`. Nothing is read, beyond one window, for a body that nobody asks for. */
  readBody(sink: BodySink): void;
  /** Go on after `sink.data` returned false. */
  resumeBody(): void;
  /** Nobody reads the rest of the body, and the sink is not called again. It is read over as a body that nobody has
   *  asked for: up to a limit, beyond which the connection ends after the response. */
  discardBody(): void;

  /** A whole response. `content-length`, `date`, `connection` and the framing are added where they are missing.
   *  @param statusText The reason phrase; empty for the standard one.
   *  @param body null for none. HEAD, 204 and 304 never send it.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE for a status, name or value that HTTP does not allow, or a head
   *  that is already sent; nothing was sent by this call. */
  respond(status: number, statusText: string, headers: HeaderList, body: string | Uint8Array | null): void;
  /** The head of a streamed response. With `content-length` among the headers it is framed by it, else chunked
   *  (HTTP/1.0: until close). @throws as `respond`. */
  respondHead(status: number, statusText: string, headers: HeaderList): void;
  /** An informational response (100 to 199, not 101) before the final one; ignored for HTTP/1.0.
   *  @throws as `respond`. */
  respondInfo(status: number, headers: HeaderList): void;
  /** @param chunk Must not change until it was sent.
   *  @returns false when more than the window (64 KiB) waits for the client: go on at `onDrain`. */
  write(chunk: string | Uint8Array): boolean;
  /** Send the rest of a regular file, from its position on, without reading it into the process (sendfile(2)). Only
   *  where the backend can.
   *  @param fd An open descriptor; it may be closed when the call returns.
   *  @param start @param length In bytes: this part instead, which must be there. */
  writeFile?(fd: number, start?: number, length?: number): void;
  /** @param trailers Name and value in turn, for a chunked response. */
  end(trailers?: HeaderList): void;
  /** Cut the connection: the response cannot be completed. */
  abort(): void;
  /** The application failed. Logs `error` with method and target, then answers 500, or, once the head is out,
   *  cuts the connection. Never throws. */
  fail(error: unknown): void;

  /** Take the connection for another protocol, before anything was answered (Upgrade, CONNECT). The exchange ends with
   *  it; the answer (`101 Switching Protocols`, …) is the taker's to write.
   *  @returns The socket, and the bytes that came behind the request; undefined when the request does not ask for an
   *  upgrade, when an earlier response is still on its way, or when the backend cannot. Then it is a request like any other. */
  takeOver(): { readonly socket: Socket; readonly head: Buffer } | undefined;

  /** Called each time the client has taken what `write` returned false for. One callback; the last one set holds. */
  onDrain(callback: (() => void) | undefined): void;
  /** Called once when the client leaves before the response is complete; at once when it has left already.
   *  One callback; the last one set holds. */
  onAbort(callback: (() => void) | undefined): void;

  /** The pair for the `node` interface; the same pair at each call. From then on the response goes through
   *  `res` alone. */
  node(): NodePair;
}

/** How an application is called: `(req, res)`, `fetch(request)`, or PEP 3333's `(environ, startResponse)`. */
export type InterfaceName = 'node' | 'fetch' | 'wsgi';

/** An application behind one of the interfaces: what a backend calls. */
export interface Handler {
  readonly interface: InterfaceName;
  /** It may take connections over (`exchange.takeOver`). Without it, a backend that has to know before it calls the
   *  handler hands none over. */
  readonly takesConnections?: boolean;
  /** Never throws: what the application throws goes to `exchange.fail`. */
  handle(exchange: Exchange): void;
  /** The objects that an Express application gives its requests and responses as prototypes. A backend that makes
   *  its own request and response objects makes them with these, and re-roots these onto its own classes. */
  readonly nodePrototypes?: { readonly request: object; readonly response: object };
}

/** Told by a backend, written to the log by the server. */
export interface Reporter {
  /** An application error; `exchange` names method and target. */
  applicationError(error: unknown, exchange: Exchange): void;
  warn(message: string): void;
  /** Wants to know of each request. */
  readonly requests?: RequestLog | undefined;
  /** Somebody asks for `BackendServer.measures`. */
  readonly measured?: boolean;
}

/** What can be said of a request when it has ended. */
export interface EndedRequest
  extends Pick<Exchange, 'method' | 'target' | 'httpVersion' | 'headers' | 'remote'> {
  /** Of the response, where `RequestLog.wantsFields`. */
  readonly responseFields?: HeaderList | undefined;
}

/** How a request has ended: its last byte was handed to the kernel, or never will be. */
export interface RequestEnd {
  /** 499: the client left before an answer; 444: the connection was closed without one. */
  readonly status: number;
  /** Of the response body, without its framing. */
  readonly bytes: number;
  /** From the end of the request head. */
  readonly durationUs: number;
  /** When, in milliseconds since 1970. */
  readonly endedMs: number;
  /** Not all of the response has left. */
  readonly aborted: boolean;
}

/** Is told by a backend of every request that has ended, refused ones included. */
export interface RequestLog {
  /** Keep the fields of responses. */
  readonly wantsFields: boolean;
  /** Look the client's address up while it is connected. */
  readonly wantsAddress: boolean;
  /** @param end Valid during the call only. */
  ended(request: EndedRequest, end: RequestEnd): void;
  /** @param flush Tells of ends that the backend has not told of yet; called before the lines are written at last. */
  follow(flush: () => void): void;
}
