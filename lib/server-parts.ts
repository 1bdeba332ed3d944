import { setTimeout } from 'node:timers/promises';
import type { AccessLog } from './access-log/access-log.js';
import type { Settings } from './app/program.js';
import {
  type Backend,
  type BackendServer,
  defaultLimits,
  type Limits,
  type ListeningSocket,
} from './backends/backend.js';
import { ChaussetteError } from './errors.js';
import type { Exchange, Handler, Reporter } from './exchange.js';
import type { Log } from './log.js';
import type { Options } from './options.js';
import { printable } from './snapshot.js';

/** `--access-log`; undefined without it. With threads, each opens its own.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export async function openAccessLog(options: Options, log: Log): Promise<AccessLog | undefined> {
  if (options.accessLog === undefined || options.threads > 1) return undefined;
  const { AccessLog } = await import('./access-log/access-log.js');
  return await AccessLog.open(options, options.accessLog, log.thread, (message) => log.warning(message));
}

/** The same without opening the file. */
export async function checkAccessLog(options: Options): Promise<void> {
  if (options.accessLog === undefined) return;
  const { AccessLog } = await import('./access-log/access-log.js');
  await AccessLog.check(options);
}

/** What a backend tells, in the log. */
function reporterTo(log: Log): Reporter {
  return {
    applicationError(error: unknown, exchange: Exchange): void {
      const [method, target] = [printable(exchange.method), printable(exchange.target)];
      log.failure(`${method} ${target}`, error, { method, target });
    },
    warn(message: string): void {
      log.warning(message);
    },
  };
}

/** Start the backend.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_BIND where Node opens the sockets, and cannot. */
export async function startBackend(
  backend: Backend,
  sockets: readonly ListeningSocket[],
  handler: Handler,
  { limits, tls, proxies, watch }: Settings,
  log: Log,
): Promise<BackendServer> {
  try {
    return await backend.start(sockets, handler, limits, { ...reporterTo(log), ...watch }, tls, proxies);
  } catch (error) {
    if (error instanceof ChaussetteError || !sockets.some(({ listen }) => listen !== undefined)) throw error;
    // Degraded mode: Node has just tried to open the sockets, and says in its own words what went wrong.
    const places = sockets.map(({ display }) => display).join(', ');
    const why = error instanceof Error ? error.message : String(error);
    throw new ChaussetteError('CHAUSSETTE_ERR_BIND', `cannot serve on ${places}: ${why}`, { cause: error });
  }
}

/** The limits that the options ask for. */
export function limitsOf(options: Options): Limits {
  return {
    ...defaultLimits,
    keepAliveMs: options.keepAlive * 1000,
    headMs: options.headerTimeout * 1000,
    bodyMs: options.bodyTimeout * 1000,
    writeMs: options.writeTimeout * 1000,
    headBytesMax: options.maxHead,
    bodyBytesMax: options.maxBody,
    connectionsMax: options.maxConnections,
    inFlightMax: options.spawn,
    queuedMax: options.maxQueued,
  };
}

/** `--drain-delay`: serve on until balancers have seen that this process is about to end. */
export async function delayDrain(backend: BackendServer, { drainDelay }: Options): Promise<void> {
  if (drainDelay === 0) return;
  backend.retire?.();
  await setTimeout(drainDelay * 1000);
}
