import type { BackendServer } from '../backends/backend.js';
import { describeError, type Log } from '../log.js';
import type { Options } from '../options.js';
import type { TlsSettings } from './settings.js';

// lib/tls/read.ts is loaded here, and only when an option asks for it: node:crypto takes its time.

/** @param ticketSecret Where no option gives one.
 *  @returns undefined for a server without TLS. @throws as `readTls`. */
export async function tlsOf(
  options: Options,
  log: Log,
  ticketSecret?: Uint8Array,
): Promise<TlsSettings | undefined> {
  const { tlsCert, tlsKey, tlsCa, tlsSni, tlsVerify } = options;
  const given = [tlsCert, tlsKey, tlsCa, tlsSni[0], tlsVerify];
  if (given.every((value) => value === undefined)) return undefined;
  const { readTls } = await import('./read.js');
  const settings = readTls(options, (message) => log.warning(message));
  return settings === undefined
    ? undefined
    : { ...settings, ticketSecret: settings.ticketSecret ?? ticketSecret };
}

/** For the session tickets of threads that belong together. */
export function randomSecret(): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(48));
}

/** Read the files again, for connections from now on; when that fails, the old ones serve on. */
export async function renewTls(
  backend: BackendServer,
  options: Options,
  log: Log,
  ticketSecret?: Uint8Array,
): Promise<void> {
  if (backend.setTls === undefined || options.tlsCert === undefined) return;
  try {
    const settings = await tlsOf(options, log, ticketSecret);
    if (settings === undefined) return;
    backend.setTls(settings);
    log.info('The certificates were read again');
  } catch (error) {
    log.error(`The old certificates serve on: ${describeError(error)}`);
  }
}
