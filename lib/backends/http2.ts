import type { Backend } from './backend.js';
import { startHttp } from './http.js';
import { Http2Front } from './http2-front.js';

/** HTTP/2 on node:http2, beside the HTTP/1.1 of the http backend.
 *  @returns The same backend at each call. */
export function http2Backend(): Backend {
  return backend;
}

const backend: Backend = {
  name: 'http2',
  capabilities: [
    'http/1.1',
    'http/2',
    'unix',
    'inherited-fd',
    'upgrade',
    'trailers',
    'tls',
    'proxy-protocol',
    'threads',
  ],
  start(sockets, handler, limits, reporter, tls, proxies) {
    if (handler.nodePrototypes === undefined) {
      return startHttp(sockets, handler, limits, reporter, tls, proxies, (server) => {
        return new Http2Front(server, (socket) => server.beginHttp1(socket));
      });
    }
    reporter.warn(
      'the application replaces the prototypes of its requests, as Express does, which works with HTTP/1.1 only',
    );
    return startHttp(sockets, handler, limits, reporter, tls, proxies);
  },
};
