import type { Socket } from 'node:net';
import type { Endpoint } from '../exchange.js';

/** Both ends of a connection, as a load balancer in front of us has seen them. */
export interface Ends {
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

/** The end of a client that had left before somebody asked for it. It looks like one on a Unix socket, and is believed
 *  by nobody. */
export const nowhere: Endpoint = { address: '', port: 0, family: 'unix' };

/** Let a socket of Node's own show the ends that a load balancer has told of. */
export function showEnds(socket: Socket, { remote, local }: Ends): void {
  show(socket, {
    remoteAddress: remote.address || undefined,
    remotePort: remote.port || undefined,
    remoteFamily: remote.family === 'unix' ? undefined : remote.family,
    localAddress: local.address || undefined,
    localPort: local.port || undefined,
    localFamily: local.family === 'unix' ? undefined : local.family,
  });
}

function show(socket: Socket, shown: Readonly<Record<string, string | number | undefined>>): void {
  for (const [name, value] of Object.entries(shown)) {
    Object.defineProperty(socket, name, { value, configurable: true, enumerable: true });
  }
}

/** A socket with TLS shows the ends of the one below it, when those were told by a load balancer. */
export function keepEnds(secure: Socket): void {
  const below = (secure as { readonly _parent?: Socket })._parent;
  if (below === undefined || !Object.hasOwn(below, 'remoteAddress')) return;
  const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = below;
  show(secure, { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily });
}

/** The line for the log when a connection is closed since it began with no valid header. */
export function unproxied({ address, port, family }: Endpoint): string {
  const who = family === 'unix' ? 'a peer on a Unix socket' : `${address} (port ${port})`;
  return `${who}, named by --proxy-protocol, sent no valid PROXY header; its connection was closed. Let it send one, or do not name it.`;
}
