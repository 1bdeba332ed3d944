import type { Socket } from 'node:net';
import type { Reporter } from '../exchange.js';
import type { Networks } from '../proxies/networks.js';
import type { TlsSettings } from '../tls/settings.js';
import type { Limits } from './backend.js';

/** What stands between the acceptors and the parser of the http backend. */
export interface Front {
  /** Connections in it that the server has to wait for. */
  readonly size: number;
  /** Take a connection, and hand it on when it is ready. */
  take(socket: Socket): void;
  drain(): void;
  cut(): void;
  /** Certificates for connections from now on. */
  use?(settings: TlsSettings): void;
}

/** What connections go through, and where to. */
export interface FrontSetup {
  readonly tls: TlsSettings | undefined;
  /** For ALPN, the best first. */
  readonly protocols: string[];
  readonly proxies: Networks | undefined;
  readonly limits: Limits;
  readonly reporter: Reporter;
  /** Told of each connection that is ready. */
  readonly begin: (socket: Socket) => void;
  /** Told when one that `size` counts has closed. */
  readonly gone: () => void;
}

/** @returns undefined when every connection is ready as it comes. Else, outermost first: PROXY headers, then TLS.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE when the TLS settings cannot be used. */
export async function openFront(setup: FrontSetup): Promise<Front | undefined> {
  const { tls, proxies, limits, begin, protocols } = setup;
  const inner =
    tls === undefined
      ? undefined
      : new (await import('./http-tls.js')).TlsFront(tls, limits.headMs, begin, protocols);
  if (proxies === undefined) return inner;
  const { ProxyFront } = await import('./http-proxy.js');
  return new ProxyFront(proxies, setup, inner ?? { size: 0, take: begin, drain: nothing, cut: nothing });
}

function nothing(): void {}
