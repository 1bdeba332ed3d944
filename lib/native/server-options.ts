import { IncomingMessage, Server, type ServerOptions, ServerResponse } from 'node:http';
import { outOfRange } from './node-errors.js';

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
  maxHeaderSize: number;
  /** How long a socket may be idle before 'timeout'; 0 for ever. */
  timeout: number;
  maxConnections: number;
  maxRequestsPerSocket: number;
  maxHeadersCount: number | null;
  /** Added to keepAliveTimeout; the client is not told of it. */
  keepAliveTimeoutBuffer: number;
  /** How far apart headersTimeout and requestTimeout are looked at; 0 for as often as the core does. */
  readonly connectionsCheckingInterval: number;
  readonly requireHostHeader: boolean;
  /** Of the streams of requests and responses, bytes. */
  readonly highWaterMark: number;
  readonly joinDuplicateHeaders: boolean;
  /** Newer Nodes have it: optimizeEmptyRequests. */
  readonly optimizesEmpty: boolean;
  readonly rejectNonStandardBodyWrites: boolean;
  /** Lower-case names of fields that a response has once, their values joined. */
  readonly uniqueHeaders: ReadonlySet<string> | undefined;
  readonly shouldUpgrade: ((request: unknown) => boolean) | undefined;
  /** Classes of the application's own. */
  readonly Request: RequestConstructor | undefined;
  readonly Response: ResponseConstructor | undefined;
}

export type RequestConstructor = new (socket: unknown) => NodeRequest;
export type ResponseConstructor = new (request: NodeRequest, options: object) => NodeResponse;

/** Those of node:http. */
export const nodeDefaults = {
  keepAliveTimeout: 5000,
  headersTimeout: 60_000,
  requestTimeout: 300_000,
  maxHeaderSize: 16_384,
  /** What Nodes without keepAliveTimeoutBuffer add as well. */
  slackMs: 1000,
} as const;

/** Of the running Node, for what it has. */
const nodesOwn = new Server();

/** Whether this Node lets a program set what is added to keepAliveTimeout. */
export const hasTimeoutBuffer = 'keepAliveTimeoutBuffer' in nodesOwn;

/** @param given Those of http.createServer; others are accepted.
 *  @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; {RangeError} ERR_OUT_OF_RANGE, as node:http. */
export function readServerOptions(given: ServerOptions): ServerSettings {
  if (given.insecureHTTPParser === true) throw onlyStrict('insecureHTTPParser');
  const validation = (given as { httpValidation?: unknown }).httpValidation;
  const isKnown = 'httpValidation' in nodesOwn;
  if (isKnown && validation !== undefined && validation !== 'strict') throw onlyStrict('httpValidation');
  for (const name of ['insecureHTTPParser', 'joinDuplicateHeaders', 'requireHostHeader'] as const) {
    const value: unknown = given[name];
    if (value !== undefined && typeof value !== 'boolean') throw invalidType(name, 'boolean', value);
  }
  const headersTimeout = readMs(given, 'headersTimeout') ?? nodeDefaults.headersTimeout;
  const requestTimeout = readMs(given, 'requestTimeout') ?? nodeDefaults.requestTimeout;
  if (given.headersTimeout !== undefined && requestTimeout > 0 && headersTimeout > requestTimeout) {
    throw outOfRange('headersTimeout', '<= requestTimeout', headersTimeout);
  }
  const unique = (given as { uniqueHeaders?: unknown }).uniqueHeaders;
  const shouldUpgrade = (given as { shouldUpgradeCallback?: unknown }).shouldUpgradeCallback;
  if (shouldUpgrade !== undefined && typeof shouldUpgrade !== 'function') {
    throw invalidType('options.shouldUpgradeCallback', 'function', shouldUpgrade);
  }
  const slack = hasTimeoutBuffer
    ? readCount(given, 'keepAliveTimeoutBuffer' as keyof ServerOptions)
    : undefined;
  return {
    keepAliveTimeout: readMs(given, 'keepAliveTimeout') ?? nodeDefaults.keepAliveTimeout,
    keepAliveTimeoutBuffer: slack ?? nodeDefaults.slackMs,
    connectionsCheckingInterval: readCount(given, 'connectionsCheckingInterval') ?? 0,
    headersTimeout: requestTimeout > 0 ? Math.min(headersTimeout, requestTimeout) : headersTimeout,
    requestTimeout,
    maxHeaderSize: readCount(given, 'maxHeaderSize') || nodeDefaults.maxHeaderSize,
    timeout: 0,
    maxConnections: 0,
    maxRequestsPerSocket: 0,
    maxHeadersCount: null,
    requireHostHeader: given.requireHostHeader !== false,
    highWaterMark: readCount(given, 'highWaterMark') || 65_536,
    joinDuplicateHeaders: given.joinDuplicateHeaders === true,
    optimizesEmpty: (given as { optimizeEmptyRequests?: unknown }).optimizeEmptyRequests === true,
    rejectNonStandardBodyWrites:
      (given as { rejectNonStandardBodyWrites?: unknown }).rejectNonStandardBodyWrites === true,
    uniqueHeaders: Array.isArray(unique) ? uniqueNames(unique) : undefined,
    shouldUpgrade: shouldUpgrade as ((request: unknown) => boolean) | undefined,
    Request: isOneOf(given.IncomingMessage, NodeRequest, IncomingMessage)
      ? undefined
      : (given.IncomingMessage as unknown as RequestConstructor),
    Response: isOneOf(given.ServerResponse, NodeResponse, ServerResponse)
      ? undefined
      : (given.ServerResponse as unknown as ResponseConstructor),
  };
}

function onlyStrict(option: string): TypeError {
  return Object.assign(
    new TypeError(`The option "${option}" is not supported: the native server parses strictly only`),
    { code: 'ERR_INVALID_ARG_VALUE' },
  );
}

function isOneOf(given: unknown, own: unknown, patched: unknown): boolean {
  return given === undefined || given === own || given === patched;
}

function uniqueNames(names: readonly unknown[]): ReadonlySet<string> {
  return new Set(names.flat().map((name) => String(name).toLowerCase()));
}

function readMs(given: ServerOptions, name: 'headersTimeout' | 'requestTimeout' | 'keepAliveTimeout') {
  return readCount(given, name);
}

function readCount(given: ServerOptions, name: keyof ServerOptions): number | undefined {
  const value: unknown = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw invalidType(name, 'number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < 0) throw outOfRange(name, '>= 0 && <= 9007199254740991', value);
  return value;
}

function invalidType(name: string, type: string, value: unknown): TypeError {
  const received = value === null ? 'null' : `type ${typeof value} (${String(value)})`;
  return Object.assign(
    new TypeError(`The "${name}" argument must be of type ${type}. Received ${received}`),
    { code: 'ERR_INVALID_ARG_TYPE' },
  );
}
