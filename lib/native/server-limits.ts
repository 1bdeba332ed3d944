import type { Limits } from '../backends/backend.js';
import type { NativeLimits } from './binding.js';
import { nodeDefaults, type ServerSettings } from './server-options.js';

// The limits of a server, as the core takes them.

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
const headersDefault = 1000;

/** Those of the command, and of every server that says nothing else. */
export const noNodeLimits: NodeLimits = {
  requestsMax: 0,
  headersMax: headersDefault,
  keepAliveSlackMs: 0,
  checkMs: 0,
};

const neverMs = 0xffffffff;

/** From Node 22 on node:http refuses a head with more fields; before, it lets go of those beyond. */
const refusesMany = Number(process.versions.node.split('.', 1)[0]) >= 22;

/** Fields of a request that its application sees. */
export function headersKept(settings: ServerSettings): number {
  const { maxHeadersCount } = settings;
  const most = typeof maxHeadersCount === 'number' ? maxHeadersCount : headersDefault;
  return most > 0 ? most : Number.POSITIVE_INFINITY;
}

export function nodeLimits(settings: ServerSettings, isOffered: boolean): NodeLimits {
  const slack = settings.keepAliveTimeoutBuffer;
  return {
    requestsMax: settings.maxRequestsPerSocket | 0,
    headersMax: refusesMany ? headersKept(settings) : Number.POSITIVE_INFINITY,
    keepAliveSlackMs: isOffered ? 0 : Number.isFinite(slack) && slack >= 0 ? slack : nodeDefaults.slackMs,
    checkMs: settings.connectionsCheckingInterval,
  };
}

/** @param offered Under the command: its limits. */
export function limitsOf(settings: ServerSettings, offered: Limits | undefined): Limits {
  const own: Limits = {
    keepAliveMs: settings.keepAliveTimeout,
    headMs: Math.min(...[settings.headersTimeout, settings.requestTimeout].map((ms) => ms || neverMs)),
    bodyMs: settings.requestTimeout,
    writeMs: 0,
    headBytesMax: settings.maxHeaderSize,
    bodyBytesMax: 0,
    connectionsMax: settings.maxConnections | 0,
    inFlightMax: 0,
    queuedMax: 0,
  };
  return offered === undefined ? own : mergeLimits(own, offered);
}

/** Under the command its limits hold where the program has left Node's defaults. */
function mergeLimits(own: Limits, offered: Limits): Limits {
  const keep = (mine: number, defaultOfNode: number, theirs: number): number =>
    mine === defaultOfNode ? theirs : mine;
  return {
    ...offered,
    keepAliveMs: keep(own.keepAliveMs, nodeDefaults.keepAliveTimeout, offered.keepAliveMs),
    headMs: keep(own.headMs, nodeDefaults.headersTimeout, offered.headMs),
    bodyMs: keep(own.bodyMs, nodeDefaults.requestTimeout, offered.bodyMs),
    headBytesMax: keep(own.headBytesMax, nodeDefaults.maxHeaderSize, offered.headBytesMax),
    connectionsMax: keep(own.connectionsMax, 0, offered.connectionsMax),
  };
}

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
