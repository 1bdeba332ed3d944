import type { Handler } from '../exchange.js';
import type { Options } from '../options.js';
import type { Networks } from './networks.js';

// The rest of lib/proxies/ is loaded here, and only when an option asks for it.

/** @returns Whose connections begin with a PROXY header; undefined: nobody's.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export async function proxyPeersOf({ proxyProtocol }: Options): Promise<Networks | undefined> {
  if (proxyProtocol.length === 0) return undefined;
  const { parseNetworks } = await import('./networks.js');
  return parseNetworks(proxyProtocol, '--proxy-protocol');
}

/** @returns A handler that sees requests as their clients have made them; the same one without --forwarded-allow.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export async function behindProxies(handler: Handler, { forwardedAllow }: Options): Promise<Handler> {
  if (forwardedAllow.length === 0) return handler;
  const [{ forwardedHandler }, { parseNetworks }] = await Promise.all([
    import('./forwarded-handler.js'),
    import('./networks.js'),
  ]);
  return forwardedHandler(handler, parseNetworks(forwardedAllow, '--forwarded-allow'));
}

/** The options for applications behind proxies that a program which listens by itself cannot have.
 *  @returns The first one that was given. */
export function notForPrograms({ proxyProtocol, forwardedAllow, rootPath }: Options): string | undefined {
  if (proxyProtocol.length > 0) return '--proxy-protocol';
  if (forwardedAllow.length > 0) return '--forwarded-allow';
  return rootPath === undefined ? undefined : '--root-path';
}
