import {
  maxHeaderSize as defaultHeaderSize,
  IncomingMessage,
  Server,
  type ServerOptions,
  ServerResponse,
} from 'node:http';
import { getDefaultHighWaterMark } from 'node:stream';
import { coded, invalidType, outOfRange } from './node-errors.js';

// What http.createServer takes, checked as node:http checks it, with Node's defaults.

/** Node's own; the preload puts others in their place. */
const NodeRequest = IncomingMessage;
type NodeRequest = IncomingMessage;
const NodeResponse = ServerResponse;
type NodeResponse = ServerResponse;

/** Options and limits of one server. Milliseconds, bytes and counts. */
export interface ServerSettings {
  keepAliveTimeout: number;
  headersTimeout: number;
  requestTimeout: number;
  /** Falsy: Node's default. */
  maxHeaderSize: number | undefined;
  /** How long a socket may be idle before 'timeout'; 0 for ever. */
  timeout: number;
  /** What is no number is no limit. */
  maxConnections: number | null | undefined;
  maxRequestsPerSocket: number;
  maxHeadersCount: number | null;
  /** Added to keepAliveTimeout; the client is not told of it. */
  keepAliveTimeoutBuffer: number;
  /** How far apart headersTimeout and requestTimeout are looked at; 0 for as often as the core does. */
  readonly connectionsCheckingInterval: number;
  requireHostHeader: boolean;
  /** Of the streams of requests and responses, bytes. */
  highWaterMark: number;
  joinDuplicateHeaders: boolean | undefined;
  /** Newer Nodes have it: optimizeEmptyRequests. */
  readonly optimizesEmpty: boolean;
  rejectNonStandardBodyWrites: boolean;
  noDelay: boolean;
  /** TCP's probes. */
  keepAlive: boolean;
  /** Seconds until the first of them. */
  keepAliveInitialDelay: number;
  /** Lower-case names of fields that a response has once, their values joined. */
  readonly uniqueHeaders: ReadonlySet<string> | undefined;
  /** Newer Nodes have it; called as a method of the server. */
  shouldUpgradeCallback: ((request: unknown) => boolean) | undefined;
  /** Classes of the application's own. */
  readonly Request: RequestConstructor | undefined;
  readonly Response: ResponseConstructor | undefined;
}

export type RequestConstructor = new (socket: unknown) => NodeRequest;
export type ResponseConstructor = new (request: NodeRequest, options: object) => NodeResponse;

export const nodeMajor = Number(process.versions.node.split('.', 1)[0]);

/** Those of node:http. */
export const nodeDefaults = {
  keepAliveTimeout: 5000,
  headersTimeout: 60_000,
  requestTimeout: 300_000,
  /** 16 KiB, unless --max-http-header-size says otherwise. */
  maxHeaderSize: defaultHeaderSize,
  /** What Nodes without keepAliveTimeoutBuffer add as well. */
  slackMs: 1000,
} as const;

/** Of the running Node, for what it has. */
export const nodesOwn = new Server();

/** Whether this Node lets a program set what is added to keepAliveTimeout. */
export const hasTimeoutBuffer = 'keepAliveTimeoutBuffer' in nodesOwn;

const hasValidation = 'httpValidation' in nodesOwn;
export const hasUpgradeCallback = 'shouldUpgradeCallback' in nodesOwn;
const hasOptimizeEmpty = Object.getOwnPropertySymbols(nodesOwn).some(
  ({ description }) => description === 'OptimizeEmptyRequestsOption',
);

/** @param given Those of http.createServer; others are accepted.
 *  @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; {RangeError} ERR_OUT_OF_RANGE, as node:http. */
export function readServerOptions(given: ServerOptions): ServerSettings {
  if (given.insecureHTTPParser === true) throw onlyStrict('insecureHTTPParser');
  const validation = (given as { httpValidation?: unknown }).httpValidation;
  if (hasValidation && validation !== undefined && validation !== 'strict')
    throw onlyStrict('httpValidation');
  for (const name of ['insecureHTTPParser', 'joinDuplicateHeaders', 'requireHostHeader'] as const) {
    const value: unknown = given[name];
    if (value !== undefined && typeof value !== 'boolean') throw invalidType(name, 'of type boolean', value);
  }
  const requestTimeout = readCount(given, 'requestTimeout') ?? nodeDefaults.requestTimeout;
  const headersTimeout =
    readCount(given, 'headersTimeout') ?? Math.min(nodeDefaults.headersTimeout, requestTimeout);
  if (requestTimeout > 0 && headersTimeout > requestTimeout) {
    throw outOfRange('headersTimeout', '<= requestTimeout', headersTimeout);
  }
  const unique = (given as { uniqueHeaders?: unknown }).uniqueHeaders;
  const slack = hasTimeoutBuffer
    ? readCount(given, 'keepAliveTimeoutBuffer' as keyof ServerOptions)
    : undefined;
  return {
    keepAliveTimeout: readCount(given, 'keepAliveTimeout') ?? nodeDefaults.keepAliveTimeout,
    keepAliveTimeoutBuffer: slack ?? nodeDefaults.slackMs,
    connectionsCheckingInterval: readCount(given, 'connectionsCheckingInterval') ?? 0,
    headersTimeout,
    requestTimeout,
    maxHeaderSize: readCount(given, 'maxHeaderSize'),
    timeout: 0,
    maxConnections: undefined,
    maxRequestsPerSocket: 0,
    maxHeadersCount: null,
    requireHostHeader: given.requireHostHeader !== false,
    highWaterMark: readHighWaterMark(given),
    joinDuplicateHeaders: given.joinDuplicateHeaders,
    optimizesEmpty: readOptimizeEmpty(given),
    noDelay: Boolean(given.noDelay ?? true),
    keepAlive: Boolean(given.keepAlive),
    keepAliveInitialDelay: Math.max(Math.trunc((readNumber(given, 'keepAliveInitialDelay') ?? 0) / 1000), 0),
    rejectNonStandardBodyWrites:
      (given as { rejectNonStandardBodyWrites?: unknown }).rejectNonStandardBodyWrites === true,
    uniqueHeaders: Array.isArray(unique) ? uniqueNames(unique) : undefined,
    shouldUpgradeCallback: readUpgradeCallback(given),
    Request: isOneOf(given.IncomingMessage, NodeRequest, IncomingMessage)
      ? undefined
      : (given.IncomingMessage as unknown as RequestConstructor),
    Response: isOneOf(given.ServerResponse, NodeResponse, ServerResponse)
      ? undefined
      : (given.ServerResponse as unknown as ResponseConstructor),
  };
}

/** @throws {TypeError} ERR_INVALID_ARG_TYPE */
function readUpgradeCallback(given: object): ServerSettings['shouldUpgradeCallback'] {
  if (!hasUpgradeCallback) return undefined;
  const callback = (given as { shouldUpgradeCallback?: unknown }).shouldUpgradeCallback;
  if (callback === undefined) return hasUpgradeListener;
  if (typeof callback !== 'function')
    throw invalidType('options.shouldUpgradeCallback', 'of type function', callback);
  return callback as (request: unknown) => boolean;
}

/** Node's own. */
function hasUpgradeListener(this: unknown): boolean {
  return (this as Server).listenerCount('upgrade') > 0;
}

/** From Node 26 on the body of an upgrade request is the request's; before, it belongs to who takes the connection. */
const readsUpgradeBodies = nodeMajor >= 26;

/** Whether what follows the head of an upgrade request is for its taker. Who asks for each may want the body. */
export function skipsUpgradeBodies({ shouldUpgradeCallback }: ServerSettings): boolean {
  const takesAll = shouldUpgradeCallback === undefined || shouldUpgradeCallback === hasUpgradeListener;
  return takesAll && !readsUpgradeBodies;
}

/** @throws {TypeError} ERR_INVALID_ARG_TYPE */
function readOptimizeEmpty(given: object): boolean {
  const value = (given as { optimizeEmptyRequests?: unknown }).optimizeEmptyRequests;
  if (!hasOptimizeEmpty || value === undefined) return false;
  if (typeof value !== 'boolean')
    throw invalidType('options.optimizeEmptyRequests', 'of type boolean', value);
  return value;
}

function readHighWaterMark(given: ServerOptions): number {
  const value = readNumber(given, 'highWaterMark') ?? -1;
  return value < 0 ? getDefaultHighWaterMark(false) : value;
}

function readNumber(given: ServerOptions, name: keyof ServerOptions): number | undefined {
  const value: unknown = given[name];
  if (value !== undefined && typeof value !== 'number')
    throw invalidType(`options.${name}`, 'of type number', value);
  return value;
}

function onlyStrict(option: string): TypeError {
  return coded(
    new TypeError(`The option "${option}" is not supported: the native server parses strictly only`),
    'ERR_INVALID_ARG_VALUE',
  );
}

function isOneOf(given: unknown, own: unknown, patched: unknown): boolean {
  return given === undefined || given === own || given === patched;
}

function uniqueNames(names: readonly unknown[]): ReadonlySet<string> {
  return new Set(names.flat().map((name) => String(name).toLowerCase()));
}

function readCount(given: ServerOptions, name: keyof ServerOptions): number | undefined {
  const value: unknown = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < 0) throw outOfRange(name, '>= 0 && <= 9007199254740991', value);
  return value;
}
