import type { Limits } from '../backends/backend.js';
import { headersDefault, type NodeLimits } from './core-limits.js';
import { nodeDefaults, nodeMajor, type ServerSettings } from './server-options.js';

// The limits of a server in place of node:http's.

const neverMs = 0xffffffff;

/** From Node 22 on node:http refuses a head with more fields; before, it lets go of those beyond. */
const refusesMany = nodeMajor >= 22;

/** From Node 21 on `maxConnections` of 0 drops every connection; before, it is no limit. */
const zeroDrops = nodeMajor >= 21;

/** Connections at a time. */
function connectionsKept({ maxConnections }: ServerSettings): number {
  if (maxConnections === undefined || maxConnections === null) return Number.POSITIVE_INFINITY;
  const most = Math.ceil(Number(maxConnections)); // As it is compared there: a string will do.
  if (Number.isNaN(most) || (most === 0 && !zeroDrops)) return Number.POSITIVE_INFINITY;
  return Math.max(most, 0);
}

/** Whether a server takes no connection at all. */
export function takesNone(settings: ServerSettings): boolean {
  return connectionsKept(settings) === 0;
}

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
    headBytesMax: settings.maxHeaderSize || nodeDefaults.maxHeaderSize,
    bodyBytesMax: 0,
    connectionsMax: Number.isFinite(connectionsKept(settings)) ? connectionsKept(settings) : 0,
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
