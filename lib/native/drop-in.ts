import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Server } from './create-server.js';
import type { NativeExchange } from './exchange.js';
import {
  addon,
  arena,
  eventBytes,
  eventConnection,
  eventDropped,
  eventRefused,
  eventTimeout,
  flagRefusedAgain,
  recordBodyOffset,
  recordCode,
  recordConnection,
  recordFlags,
  recordHeadLength,
  recordHeadOffset,
  records,
  recordTargetOffset,
} from './layout.js';
import { connectionReset, parserError, requestTimeout } from './node-errors.js';
import type { ServerSettings } from './server-options.js';
import { connectionRead } from './sockets.js';

/** Of a Server: serve a socket that is not the core's, by node:http. */
export const kAdopt = Symbol('adopt');

/** What a server adds that stands in place of one of node:http. */
export interface DropIn {
  readonly server: { emit(event: string, ...args: unknown[]): boolean };
  readonly settings: ServerSettings;
  /** It serves on the sockets of the command. */
  readonly isOffered: boolean;
  /** Bits of ServerStyle. */
  readonly style: number;
  /** Somebody listens for 'timeout' on a socket of its connections. */
  hearsTimeouts: boolean;
  restyle(): void;
  /** A connection has come, and somebody listens. */
  connected(connection: number): void;
  /** A connection was idle too long, and somebody listens. */
  timedOut(connection: number): void;
  /** One connection too many has come. @param fd To close. */
  dropped(fd: number): void;
  /** A request is bad, and somebody listens. */
  refused(connection: number, refusal: RefusedRequest): void;
  /** Serve a socket that the core has let go. */
  adopt(socket: Socket): void;
}

/** With node:http a connection that waits for a request too long has a 'timeout', too. */
export function hearTimeouts(dropIn: DropIn | undefined): void {
  if (dropIn === undefined || dropIn.hearsTimeouts) return;
  dropIn.hearsTimeouts = true;
  dropIn.restyle();
}

/** Why the core does not take what came on a connection. */
export interface RefusedRequest {
  /** Of the answer that is due. */
  readonly status: number;
  /** More has come on a connection that was refused before. */
  readonly isAgain: boolean;
  /** Code and reason; empty when the connection broke, and when it is refused again. */
  readonly text: string;
  /** What was received last, and how much of it is good. */
  readonly packet: Buffer | undefined;
  readonly parsed: number;
}

/** @internal What the core tells of a connection. @param r Index of the first word of the record. */
export function onConnection(dropIn: DropIn | undefined, kind: number, r: number): void {
  if (kind === eventBytes) {
    connectionRead(records[r + recordConnection] as number, bytesAt(r + recordBodyOffset));
    return;
  }
  const code = records[r + recordCode] as number;
  if (kind === eventDropped && dropIn === undefined) addon.close(code);
  else if (kind === eventDropped) dropIn?.dropped(code);
  else if (kind === eventConnection) dropIn?.connected(code);
  else if (kind === eventTimeout) dropIn?.timedOut(code);
  else if (kind === eventRefused) {
    dropIn?.refused(records[r + recordConnection] as number, {
      status: code,
      isAgain: ((records[r + recordFlags] as number) & flagRefusedAgain) !== 0,
      text: bytesAt(r + recordBodyOffset).toString('latin1'),
      packet: (records[r + recordHeadLength] as number) > 0 ? bytesAt(r + recordHeadOffset) : undefined,
      parsed: records[r + recordTargetOffset] as number,
    });
  }
}

/** A copy of the bytes whose offset and length are at `at` and behind it. */
function bytesAt(at: number): Buffer {
  const offset = records[at] as number;
  return Buffer.from(arena.subarray(offset, offset + (records[at + 1] as number)));
}

/** What was refused on sockets that a listener of 'clientError' may have left open. */
const refusals = new WeakMap<object, RefusedRequest>();

/** The error of 'clientError', as node:http makes it. */
export function parseError(given: RefusedRequest, socket: object): Error & { readonly code: string } {
  const refusal = (given.isAgain ? refusals.get(socket) : undefined) ?? given;
  if (!given.isAgain) refusals.set(socket, given);
  const { text } = refusal;
  const { packet, parsed } = given;
  if (text === '') return connectionReset();
  const space = text.indexOf(' ');
  const code = text.slice(0, space);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return requestTimeout();
  if (code === 'ERR_SSL') return tlsError(text.slice(space + 1));
  return parserError(code, text.slice(space + 1), parsed, packet);
}

/** optimizeEmptyRequests: a request without a field of a body is no stream any more. */
export function skipBody(req: IncomingMessage): void {
  const { headers } = req;
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return;
  (req as { _dumpAndCloseReadable?(): void })._dumpAndCloseReadable?.();
}

/** A connection above maxConnections. @returns Its ends, for 'drop'. */
export function closeDropped(fd: number): object {
  const [remoteAddress, remotePort, remoteFamily] = addon.descriptorEndpoint(fd, false) ?? [];
  const [localAddress, localPort, localFamily] = addon.descriptorEndpoint(fd, true) ?? [];
  addon.close(fd);
  const ends = { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily };
  return Object.assign(Object.create(null), ends);
}

/** The body of an upgrade request comes before the other protocol (RFC 9110 §7.8).
 *  @returns Whether `to` will handle it when the body is here. */
export function waitsForBody(
  exchange: NativeExchange,
  to: { readonly server: Server; handle(exchange: NativeExchange, isHere: true): void },
): boolean {
  if (exchange.bodyComplete || to.server.listenerCount('upgrade') === 0) return false;
  exchange.body?.whenHere(() => exchange.resource.runInAsyncScope(() => to.handle(exchange, true)));
  return true;
}

/** HTTP/1.1 without a Host. */
export function isHostless(req: IncomingMessage): boolean {
  return req.httpVersionMinor === 1 && req.headers.host === undefined;
}

/** As node:tls makes them. @param reason OpenSSL's words. */
function tlsError(reason: string): Error & { readonly code: string } {
  const code = `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
  return Object.assign(new Error(`SSL routines: ${reason}`), { library: 'SSL routines', reason, code });
}
