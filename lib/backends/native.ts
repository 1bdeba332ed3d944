import { ChaussetteError } from '../errors.js';
import type { Exchange, Handler, Reporter } from '../exchange.js';
import { loadAddon } from '../native/binding.js';
import type { PairFactory } from '../native/turn.js';
import type { Networks } from '../proxies/networks.js';
import type { TlsSettings } from '../tls/settings.js';
import type { Backend, BackendServer, Limits, ListeningSocket } from './backend.js';

/** The C++ core. Its tables are opened with the first server of a thread.
 *  @returns The backend, or one line that says why it cannot be used here. */
export function nativeBackend(): { readonly backend: Backend } | { readonly reason: string } {
  const loaded = loadAddon();
  if ('reason' in loaded) return { reason: loaded.reason };
  const problem = loaded.addon.llhttpProblem();
  if (problem !== '') {
    return {
      reason: `the llhttp ${process.versions['llhttp'] ?? ''} of this Node cannot be used: ${problem}`,
    };
  }
  return { backend: { name: 'native', capabilities, start } };
}

const capabilities = [
  'http/1.1',
  'unix',
  'inherited-fd',
  'upgrade',
  'trailers',
  'tls',
  'proxy-protocol',
  'threads',
] as const;

async function start(
  sockets: readonly ListeningSocket[],
  handler: Handler,
  limits: Limits,
  reporter: Reporter,
  tls?: TlsSettings,
  proxies?: Networks,
): Promise<BackendServer> {
  // All is loaded before the socket is watched: nobody may be accepted without TLS.
  const [{ NativeServer }, served, tlsModule] = await Promise.all([
    import('../native/turn.js'),
    servedWith(handler),
    tls === undefined ? undefined : import('../native/tls.js'),
  ]);
  const server = new NativeServer(sockets, served.handler, limits, reporter, served.createPair);
  if (proxies !== undefined) server.expectProxies(proxies);
  if (tls === undefined || tlsModule === undefined) return server;
  const { nativeTls, NativeTlsSocket } = tlsModule;
  const setTls = (settings: TlsSettings): void => server.useTls(nativeTls(settings), NativeTlsSocket);
  try {
    setTls(tls);
  } catch (error) {
    await server.close(0);
    throw error;
  }
  return Object.assign(server, { setTls });
}

/** Pairs are made of node:http, which the other interfaces do not need: it is a tenth of a start. */
async function servedWith(handler: Handler): Promise<{ handler: Handler; createPair: PairFactory }> {
  if (handler.interface !== 'node') return { handler, createPair: noPair };
  const [{ createPairFactory }, { watchedHandler }] = await Promise.all([
    import('../native/node-pair.js'),
    import('../native/observe.js'),
  ]);
  return { handler: watchedHandler(handler), createPair: createPairFactory(handler) };
}

function noPair(exchange: Exchange): never {
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_INTERNAL',
    `node() was called for ${exchange.target} behind a handler that is not of the node interface`,
  );
}
