import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import {
  type Backend,
  type BackendStats,
  defaultLimits,
  type Limits,
  type ListeningSocket,
} from '../../lib/backends/backend.js';
import { resolveBackend } from '../../lib/backends/registry.js';
import type { Exchange, Handler, Reporter } from '../../lib/exchange.js';
import { loadAddon } from '../../lib/native/binding.js';
import type { Networks } from '../../lib/proxies/networks.js';
import type { TlsSettings } from '../../lib/tls/settings.js';

/** What an application got wrong, as the backend reported it. */
export interface Reported {
  readonly error: unknown;
  readonly method: string;
  readonly target: string;
}

export interface StartedBackend {
  readonly port: number;
  /** @param drainMs Default 0: cut what is open. */
  close(drainMs?: number): Promise<{ readonly cut: number }>;
  stats(): BackendStats;
  /** Application errors, in their order. */
  readonly errors: readonly Reported[];
  readonly warnings: readonly string[];
}

/** Serve a handler on a loopback port of its own.
 *  @param name `http` or `native`. */
export async function startBackend(
  name: string,
  handler: Handler,
  limits: Partial<Limits> = {},
  tls?: TlsSettings,
  proxies?: Networks,
): Promise<StartedBackend> {
  const { backend } = await resolveBackend(name);
  const errors: Reported[] = [];
  const warnings: string[] = [];
  const reporter: Reporter = {
    applicationError: (error: unknown, exchange: Exchange) =>
      void errors.push({ error, method: exchange.method, target: exchange.target }),
    warn: (message) => void warnings.push(message),
  };
  const { socket, port } = await openSocket(backend);
  const server = await backend.start(
    [socket],
    handler,
    { ...defaultLimits, ...limits },
    reporter,
    tls,
    proxies,
  );
  return {
    port,
    close: (drainMs = 0) => server.close(drainMs),
    stats: () => server.stats(),
    errors,
    warnings,
  };
}

/** A listening socket, as the server hands it over; without the addon as it does then. */
async function openSocket(backend: Backend): Promise<{ socket: ListeningSocket; port: number }> {
  const loaded = loadAddon();
  if ('addon' in loaded) {
    const fd = loaded.addon.listenTcp('127.0.0.1', 0, 511, false);
    const info = fd < 0 ? fd : loaded.addon.inspect(fd);
    if (typeof info === 'number') throw new Error(`listenTcp failed with errno ${-info}`);
    const port = info.port ?? 0;
    return { socket: { fd, family: 'inet', display: `127.0.0.1:${port}` }, port };
  }
  if (backend.name !== 'http') throw new Error(`no addon: ${loaded.reason}`);
  const port = await freePort();
  const listen = { host: '127.0.0.1', port };
  return { socket: { fd: -1, family: 'inet', display: `127.0.0.1:${port}`, listen }, port };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
