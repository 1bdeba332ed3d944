import type { Reloader } from './app/reloader.js';
import type { Command } from './config.js';
import type { Log } from './log.js';
import { Server } from './server.js';
import type { Notifier } from './sockets/notify.js';

/** What the command starts and ends: a server, or the reloader that keeps the sockets for one. */
export type Life = Server | Reloader;

/** What only some starts need is loaded for those.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET under the reloader. */
export async function createLife(command: Command, log: Log): Promise<Life> {
  if (!command.options.useReloader) return new Server({ ...command, log, programs: true });
  const { ReloadedServer, variable } = await import('./app/reload-channel.js');
  if (process.env[variable] !== undefined) return new ReloadedServer({ ...command, log, programs: true });
  const { Reloader } = await import('./app/reloader.js');
  return new Reloader(command.options, log);
}

/** @returns What tells systemd of our state; undefined when nobody wants to be told. */
export async function findNotifier(log: Log): Promise<Notifier | undefined> {
  if (!process.env['NOTIFY_SOCKET']) return undefined;
  const { takeNotifier } = await import('./sockets/notify.js');
  return takeNotifier(process.env, process.pid, (message) => log.warning(message));
}
