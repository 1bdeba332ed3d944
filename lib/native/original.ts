import type * as http from 'node:http';

// Global, since the preload is another copy of this package.
const key = Symbol.for('chaussette-server.original');

/** @param Server http.Server, as it is now. @returns Node's own. */
export function originalServer(Server: typeof http.Server): typeof http.Server {
  return (Server as { [key]?: typeof http.Server })[key] ?? Server;
}

/** `Server` stands in the place of `original`. */
export function rememberOriginal(Server: object, original: unknown): void {
  Object.defineProperty(Server, key, { value: original });
}
