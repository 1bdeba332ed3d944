import * as http from 'node:http';
import type * as https from 'node:https';
import { nativeBackend } from './backends/native.js';
import { Server as NativeHttpServer } from './native/create-server.js';
import { asksForTls } from './native/secure-options.js';
import { loadHttps, secureServerClass } from './native/secure-server.js';

/** `http.createServer` on the native core: the same options, events, properties and methods. With `key` and `cert`, or
 *  another option that only `https.createServer` has, that one. What the core cannot do of TLS (SNICallback, pfx, listeners
 *  for 'secureConnection'…) makes a server of node:https when it listens.
 *  Where the core cannot be used, node:http's own server is made, and a warning says why, once.
 *  @param options As http.createServer takes them; `insecureHTTPParser` is refused.
 *  @param listener Called for each request; the same as `server.on('request', listener)`.
 *  @returns A server that does not listen yet.
 *  @throws {TypeError} ERR_INVALID_ARG_VALUE for `insecureHTTPParser: true`.
 *  @example createServer((req, res) => res.end('hi')).listen(3000);
 *  @see docs/server-behavior.md, "In place of node:http" */
export function createServer(
  options?: http.ServerOptions | http.RequestListener,
  listener?: http.RequestListener,
): http.Server;
export function createServer(options: https.ServerOptions, listener?: http.RequestListener): https.Server;
export function createServer(
  options?: http.ServerOptions | https.ServerOptions | http.RequestListener,
  listener?: http.RequestListener,
): http.Server | https.Server {
  const state = nativeBackend();
  const secure = typeof options === 'object' && options !== null && asksForTls(options);
  if ('backend' in state && secure) return new (secureServerClass())(options, listener);
  if ('backend' in state) return new NativeHttpServer(options, listener) as unknown as http.Server;
  if (!warned) {
    warned = true;
    process.emitWarning(
      `node:http serves instead of the native backend: ${state.reason}`,
      'ChaussetteWarning',
    );
  }
  if (secure) return loadHttps().createServer(options, listener);
  return typeof options === 'function' || options === undefined
    ? http.createServer(options)
    : http.createServer(options, listener);
}

let warned = false;
