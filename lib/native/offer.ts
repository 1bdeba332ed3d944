import type { Socket } from 'node:net';
import type { BackendServer, Limits, ListeningSocket } from '../backends/backend.js';
import type { Handler, Reporter } from '../exchange.js';
import type { TlsSettings } from '../tls/settings.js';

// How the sockets of the command reach a program that makes its own server (docs/programs.md).

/** What a server is to listen on. */
export interface Answer {
  readonly sockets: readonly ListeningSocket[];
  readonly limits: Limits;
  /** The certificates of the command, in the place of any that the program has. */
  readonly tls: TlsSettings | undefined;
  /** The same for a server of node:http: what shakes hands. @param begin Told of each connection that is ready. */
  readonly secure?: (begin: (socket: Socket) => void) => Handshakes;
  /** Count what a handler is given, for --max-requests. */
  readonly counted: (handler: Handler) => Handler;
  /** Who wants to know of its requests. */
  readonly watch: Pick<Reporter, 'requests' | 'measured'>;
  /** The server counts as listening, and the connections go to the one that listened first. */
  readonly isAlias: boolean;
}

/** TLS between the socket and a server of node:http. */
export interface Handshakes {
  take(socket: Socket): void;
  drain(): void;
  /** For connections from now on. */
  use(settings: TlsSettings): void;
}

/** A server that listens: what it is, and what it asked for. */
export interface Listener {
  /** An http.Server. */
  readonly server: object;
  readonly port: number | undefined;
  /** What people read: `port 3000`, `127.0.0.1:3000`, `/run/web.sock`. */
  readonly asked: string;
  readonly backend: 'native' | 'http';
  /** The connections go to other processes. */
  readonly forWorkers?: true;
}

/** The sockets of the command, for the first server of the program that listens.
 *
 *  Lifetime: from before the program is loaded until the end of the process. */
export interface Offer {
  /** Whether the native core is to serve. */
  readonly native: boolean;
  /** @returns undefined when it is to bind what it asks for. */
  answer(listener: Listener): Promise<Answer> | undefined;
  /** The server of the first answer serves. */
  serving(backend: BackendServer): void;
  /** It cannot. */
  cannotServe(error: unknown): void;
}

// Global, since a program may have another copy of this module: in the preload, or installed beside it.
const key = Symbol.for('chaussette-server.offer');
const place = globalThis as { [key]?: Offer | undefined };

export function makeOffer(offer: Offer): void {
  place[key] = offer;
}

export function currentOffer(): Offer | undefined {
  return place[key];
}
