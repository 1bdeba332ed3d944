import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { Limits } from './backend.js';

/** Unsent bytes above which `write()` returns false. */
const windowBytes = 64 * 1024;

/** A server of node:http that is given connections, and never listens itself. */
export function createParser(limits: Limits): Server {
  // Instrumentation waits for a require() of it, which an application need not make.
  createRequire(import.meta.url)('node:http');
  const http = createServer({
    insecureHTTPParser: false,
    requireHostHeader: false, // refusalOfHead answers, with its own words
    maxHeaderSize: limits.headBytesMax,
    keepAliveTimeout: limits.keepAliveMs,
    headersTimeout: limits.headMs,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.max(20, Math.min(1000, Math.round(limits.headMs / 4))),
    highWaterMark: windowBytes,
  });
  return Object.assign(http, { httpAllowHalfOpen: true, maxHeadersCount: 0, timeout: limits.writeMs });
}
