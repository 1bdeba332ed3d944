import type { ListenOptions } from 'node:net';
import type { Exchange, Handler, Reporter } from '../exchange.js';
import type { Networks } from '../proxies/networks.js';
import type { TlsSettings } from '../tls/settings.js';

/** A listening socket, validated, non-blocking, on a descriptor above 2. The backend accepts on it; it closes its
 *  copy of the descriptor when it stops, and never shuts it down or unlinks it. */
export interface ListeningSocket {
  readonly fd: number;
  readonly family: 'inet' | 'inet6' | 'unix';
  /** What people read: `127.0.0.1:8000`, `[::1]:8000`, `unix:/run/web.sock`, `fd://7 (127.0.0.1:8000)`. */
  readonly display: string;
  /** It was inherited: parent or siblings accept what waits in its queue when we close our copy. What waits in the
   *  queue of a socket of our own is accepted and answered before. */
  readonly shared?: boolean;
  /** Only where the addon cannot be loaded: `fd` is -1, nobody has opened the socket, and the backend calls
   *  `server.listen` with these. For an inherited descriptor they are `{fd, backlog: 65535}`: Node listens again,
   *  and the kernel clamps that to somaxconn, so that the backlog of the parent never shrinks (listen(2)).
   *  Node takes the backlog for a descriptor only from the second argument: `server.listen({ fd }, 65535)`. */
  readonly listen?: ListenOptions & { readonly fd?: number };
}

/** Every limit that a backend keeps. 0 means none, unless it says otherwise. */
export interface Limits {
  /** Seconds an idle connection is kept, times 1000. Default 75000. 0 closes after each response. */
  readonly keepAliveMs: number;
  /** From the first byte of a request to the end of its head. Default 60000. */
  readonly headMs: number;
  /** Longest pause between two pieces of a request body. Default 300000. */
  readonly bodyMs: number;
  /** Longest pause in which a client takes nothing of a response. Default 60000. */
  readonly writeMs: number;
  /** Default 16384. Answer: 431, or 414 when the target alone is longer. */
  readonly headBytesMax: number;
  /** Default 0. Answer: 413. */
  readonly bodyBytesMax: number;
  /** Default 0. Above it new connections wait in the backlog. */
  readonly connectionsMax: number;
  /** Requests in flight. Default 0. */
  readonly inFlightMax: number;
  /** Requests that wait for one of `inFlightMax`. Default 0: none is limited. Above it: 503 with Retry-After. */
  readonly queuedMax: number;
}

export const defaultLimits: Limits = {
  keepAliveMs: 75_000,
  headMs: 60_000,
  bodyMs: 300_000,
  writeMs: 60_000,
  headBytesMax: 16_384,
  bodyBytesMax: 0,
  connectionsMax: 0,
  inFlightMax: 0,
  queuedMax: 0,
};

/** What one server of a backend has done and is doing. */
export interface BackendStats {
  readonly connections: number;
  readonly inFlight: number;
  readonly requests: number;
  // Those that a backend does not count are left out.
  readonly accepted?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly deadlineCloses?: number;
  /** Calls of JavaScript, and how many carried 1, 2 to 3, 4 to 7, … requests and events. */
  readonly turns?: number;
  readonly batches?: readonly number[];
  /** Requests that were answered before they reached the application. */
  readonly refusals?: readonly { readonly status: number; readonly reason: string; readonly count: number }[];
}

/** What is counted of requests that have ended, since the start. */
export interface Measures {
  /** By status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** How many took no longer than the bound of the same index, and longer than the one before; one more for the rest. */
  readonly durations: readonly number[];
  /** In microseconds. */
  readonly durationUs: number;
  readonly aborted: number;
}

/** One worker thread. */
export interface ThreadStats extends BackendStats {
  readonly number: number;
  /** Part of its time that its event loop was busy. */
  readonly utilization: number;
}

/** A request that is not answered yet. */
export interface OpenRequest {
  readonly method: string;
  /** As it came. */
  readonly target: string;
  /** Since its head was complete, in milliseconds. */
  readonly ageMs: number;
}

/** A backend at work. */
export interface BackendServer {
  /** Stop accepting, answer what is in flight with `connection: close`, close idle connections.
   *  @param drainMs After so many milliseconds what is left is cut; 0 cuts at once.
   *  @returns Resolves after the last connection closed, with the number of requests that were cut. */
  close(drainMs: number): Promise<{ readonly cut: number }>;
  /** Go on serving, with `connection: close` on every response: before a `close`, so that none has to end a connection
   *  that its client is about to use. */
  retire?(): void;
  /** Certificates and rules for connections from now on; only of a server that was started with some.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE when they cannot be used; the old ones stay. */
  setTls?(settings: TlsSettings): void;
  stats(): BackendStats;
  /** Where a reporter said that it is measured. */
  measures?(): Measures | undefined;
  /** Where it has several. */
  threads?(): readonly ThreadStats[];
  /** The open exchange whose handler runs as, or has started, the async resource of that id (node:async_hooks). */
  exchangeOf(asyncId: number): Exchange | undefined;
  /** What is in flight now, for a snapshot; left out where nobody knows. */
  openRequests?(): readonly OpenRequest[] | Promise<readonly OpenRequest[]>;
}

/** What a backend can do. `inherited-fd`: a descriptor that somebody else opened; `upgrade`: hand connections over to
 *  another protocol; `proxy-protocol`: read what a load balancer sends first; `threads`: run in several worker threads on the same socket. */
export const allCapabilities = [
  'http/1.1',
  'http/2',
  'unix',
  'inherited-fd',
  'upgrade',
  'trailers',
  'tls',
  'proxy-protocol',
  'threads',
] as const;

/** One of them. An option that needs one which the backend has not is refused before anything is bound. */
export type Capability = (typeof allCapabilities)[number];

/** What does the HTTP: it accepts on sockets that are open already, parses, keeps the limits, and calls a handler. */
export interface Backend {
  readonly name: string;
  readonly capabilities: readonly Capability[];
  /** Accept on these sockets, which are its own from here on, and call the handler for each request.
   *  @param tls Speak TLS with these; undefined: plain HTTP.
   *  @param proxies Whose connections begin with a PROXY header; undefined: nobody's.
   *  @returns Resolves when it accepts. What it throws ends the start, with nothing left open. */
  start(
    sockets: readonly ListeningSocket[],
    handler: Handler,
    limits: Limits,
    reporter: Reporter,
    tls?: TlsSettings,
    proxies?: Networks,
  ): Promise<BackendServer>;
}
