import * as http from 'node:http';
import { nativeBackend } from './backends/native.js';
import { Server as NativeHttpServer } from './native/create-server.js';

/** `http.createServer` on the native core: the same options, events, properties and methods.
 *  Where the core cannot be used, node:http's own server is made, and a warning says why, once.
 *  @param options As http.createServer takes them; `insecureHTTPParser` is refused.
 *  @param listener Called for each request; the same as `server.on('request', listener)`.
 *  @returns A server that does not listen yet.
 *  @throws {TypeError} ERR_INVALID_ARG_VALUE for `insecureHTTPParser: true`. */
export function createServer(
  options?: http.ServerOptions | http.RequestListener,
  listener?: http.RequestListener,
): http.Server {
  const state = nativeBackend();
  if ('backend' in state) return new NativeHttpServer(options, listener) as unknown as http.Server;
  if (!warned) {
    warned = true;
    process.emitWarning(
      `node:http serves instead of the native backend: ${state.reason}`,
      'ChaussetteWarning',
    );
  }
  return typeof options === 'function' || options === undefined
    ? http.createServer(options)
    : http.createServer(options, listener);
}

let warned = false;
