import type { Limits } from '../backends/backend.js';
import type { NativeLimits } from './binding.js';

// The limits of a server, as the core takes them. Every server loads this; what only those in place of node:http's
// need is in server-limits.ts.

/** What only servers in place of node:http's set. */
export interface NodeLimits {
  /** Requests of one connection; 0: no limit. */
  readonly requestsMax: number;
  /** Fields of a head. */
  readonly headersMax: number;
  /** How much longer an idle connection is kept than its client is told. */
  readonly keepAliveSlackMs: number;
  /** How far apart the deadlines of heads and bodies are looked at; 0: as often as the core does. */
  readonly checkMs: number;
}

/** Without `maxHeadersCount`. */
export const headersDefault = 1000;

/** Those of the command, and of every server that says nothing else. */
export const noNodeLimits: NodeLimits = {
  requestsMax: 0,
  headersMax: headersDefault,
  keepAliveSlackMs: 0,
  checkMs: 0,
};

/** Limits of a server of createServer() are its properties, which a program may set to anything; the core takes whole
 *  numbers. What is none is no limit, as with node:http. */
function toCount(value: unknown): number {
  return Math.min(Math.max(Math.trunc(Number(value)) || 0, 0), 0xffffffff);
}

export function nativeLimits(limits: Limits, node: NodeLimits): NativeLimits {
  return [
    toCount(limits.keepAliveMs),
    toCount(limits.headMs),
    toCount(limits.bodyMs),
    toCount(limits.writeMs),
    toCount(limits.headBytesMax),
    toCount(limits.connectionsMax),
    toCount(limits.bodyBytesMax),
    toCount(node.requestsMax),
    toCount(node.headersMax),
    toCount(node.keepAliveSlackMs),
    toCount(node.checkMs),
  ];
}
