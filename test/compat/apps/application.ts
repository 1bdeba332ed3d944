import type { RequestListener, Server } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { closed, listening, type Make } from '../../helpers/compare-servers.js';

/** What the applications stream: larger than one chunk, smaller than a window. */
export const streamedFile = fileURLToPath(new URL('../../../package-lock.json', import.meta.url));

/** One framework's application with the routes of the scenario. */
export interface Application {
  readonly name: string;
  /** @returns What the command is given. */
  create(): unknown;
  /** Serve it without the command, as its documentation says.
   *  @param make Makes the server: node:http's createServer or ours. */
  start(make: Make): Promise<Started>;
}

export interface Started {
  readonly port: number;
  /** Stop as its documentation says. */
  close(): Promise<unknown>;
}

/** Serve what is, or has, a listener. */
export async function startListener(make: Make, listener: unknown): Promise<Started> {
  const server = make(listener as RequestListener);
  const port = await listening(server);
  return { port, close: () => closed(server) };
}

/** The port of a server that somebody else made and opened. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const require = createRequire(import.meta.url);

/** Load a package that comes without types. */
export function untyped<T>(name: string): T {
  return require(name) as T;
}
