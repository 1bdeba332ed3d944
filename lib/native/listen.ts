import { lookup } from 'node:dns';
import { unlinkSync } from 'node:fs';
import type { AddressInfo, ListenOptions } from 'node:net';
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { type DescriptorFunctions, loadAddon } from './binding.js';
import { badPort, invalidListen, invalidType } from './node-errors.js';

// The forms of net.Server's listen(), and the sockets that they mean.

/** What listen() was asked for. */
export interface ListenRequest {
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly fd: number | undefined;
  readonly backlog: number;
  readonly v6only: boolean;
  readonly mode: number;
  readonly signal: AbortSignal | undefined;
  readonly callback: (() => void) | undefined;
}

/** An error of listen() as Node makes it: `listen EADDRINUSE: address already in use 127.0.0.1:80`. */
export interface ListenError extends Error {
  code: string;
  errno: number;
  syscall: string;
  address?: string;
  port?: number;
}

const backlogDefault = 511;

/** Read the arguments of listen(), by net.Server's rules: a descriptor comes before a port, a port before a path.
 *  @throws {TypeError} ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, {RangeError} ERR_SOCKET_BAD_PORT. */
export function readListenArguments(args: readonly unknown[]): ListenRequest {
  const last = args[args.length - 1];
  const callback = typeof last === 'function' ? (last as () => void) : undefined;
  // Of (port, backlog), (port, host, backlog) and (path, backlog); 0 is none.
  const backlog = positive(args[1]) || positive(args[2]);
  const first = args[0];
  if (typeof first === 'object' && first !== null) {
    const { handle, _handle } = first as { handle?: object; _handle?: object };
    return fromOptions((_handle || handle || first) as Options, backlog, callback);
  }
  if (isPath(first)) return fromOptions({ path: first }, backlog, callback);
  const host = typeof args[1] === 'string' ? { host: args[1] } : {};
  return fromOptions({ port: typeof first === 'function' ? undefined : first, ...host }, backlog, callback);
}

/** What a program may give in the place of ListenOptions: everything. */
type Options = Omit<ListenOptions, 'port' | 'path' | 'host'> & {
  readonly fd?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
  readonly host?: unknown;
};

function positive(value: unknown): number {
  const number = Number(value);
  return number > 0 ? number : 0;
}

/** A text that is no number names a Unix socket. */
function isPath(value: unknown): value is string {
  return typeof value === 'string' && !(Number(value) >= 0);
}

function fromOptions(options: Options, backlog: number, callback: (() => void) | undefined): ListenRequest {
  const { fd, path, host, signal } = options;
  if (signal !== undefined && !(typeof signal === 'object' && signal !== null && 'aborted' in signal)) {
    throw invalidType('options.signal', 'an instance of AbortSignal', signal);
  }
  const request = {
    port: undefined,
    host: undefined,
    path: undefined,
    fd: undefined,
    backlog: positive(options.backlog) || backlog || backlogDefault,
    v6only: options.ipv6Only === true,
    mode: (options.readableAll === true ? 0o444 : 0) | (options.writableAll === true ? 0o222 : 0),
    signal,
    callback,
  };
  if (typeof fd === 'number' && fd >= 0) return { ...request, fd, backlog: backlog || backlogDefault };
  // A port that is named without a value is any.
  const port = options.port ?? ('port' in options ? 0 : undefined);
  if (typeof port === 'number' || typeof port === 'string') {
    if (host && typeof host !== 'string') throw invalidType('hostname', 'of type string', host);
    return { ...request, port: portNumber(port), host: typeof host === 'string' ? host : undefined };
  }
  if (isPath(path)) return { ...request, path };
  throw invalidListen(options);
}

function portNumber(port: number | string): number {
  const number = Number(port);
  const isBlank = typeof port === 'string' && port.trim() === '';
  if (isBlank || !(Number.isInteger(number) && number >= 0 && number < 65_536))
    throw badPort('options.port', port);
  return number;
}

/** Open what was asked for. @param done Called with the descriptor, or the error. */
export function openListener(
  request: ListenRequest,
  done: (error: ListenError | undefined, fd: number) => void,
): void {
  const loaded = loadAddon();
  if ('reason' in loaded) throw new Error(loaded.reason);
  const { addon } = loaded;
  if (request.fd !== undefined) {
    // As libuv, which looks at the type of the descriptor first.
    const fd = addon.adopt(request.fd, request.backlog);
    const { EBADF, EINVAL, ENOTSOCK } = constants.errno;
    finish(fd === -EBADF || fd === -ENOTSOCK ? -EINVAL : fd, undefined, undefined, done);
  } else if (request.path !== undefined) {
    const mode = request.mode === 0 ? -1 : request.mode | 0o600;
    // As libuv, which says on every platform what Windows says.
    const fd = addon.listenUnix(request.path, request.backlog, mode);
    const { EACCES, ENOENT } = constants.errno;
    finish(fd === -ENOENT ? -EACCES : fd, request.path, undefined, done);
  } else {
    openTcp(addon, request, done);
  }
}

function openTcp(
  addon: DescriptorFunctions,
  request: ListenRequest,
  done: (error: ListenError | undefined, fd: number) => void,
): void {
  const port = request.port ?? 0;
  if (request.host === undefined || request.host === '') {
    // Every address, of both families where there are both, as net.Server does it.
    let fd = addon.listenTcp('::', port, request.backlog, request.v6only);
    if (fd === -97 || fd === -99) fd = addon.listenTcp('0.0.0.0', port, request.backlog, false);
    finish(fd, '::', port, done);
    return;
  }
  lookup(request.host, (error, address) => {
    if (error !== null) done(error as ListenError, -1);
    else finish(addon.listenTcp(address, port, request.backlog, request.v6only), address, port, done);
  });
}

function finish(
  fd: number,
  address: string | undefined,
  port: number | undefined,
  done: (error: ListenError | undefined, fd: number) => void,
): void {
  done(fd < 0 ? listenError(fd, address, port) : undefined, fd);
}

function listenError(errno: number, address: string | undefined, port: number | undefined): ListenError {
  const [code, text] = getSystemErrorMap().get(errno) ?? ['UNKNOWN', 'unknown error'];
  const where =
    address === undefined ? '' : ` ${address}${port === undefined || port === 0 ? '' : `:${port}`}`;
  return Object.assign(new Error(`listen ${code}: ${text}${where}`), {
    code,
    errno,
    syscall: 'listen',
    ...(address === undefined ? {} : { address }),
    ...(port === undefined ? {} : { port }),
  });
}

/** As net.Server's address() gives it. @param fd A socket that listens. */
export function addressOf(fd: number): AddressInfo | string {
  const loaded = loadAddon();
  const info = 'addon' in loaded ? loaded.addon.inspect(fd) : undefined;
  const about = typeof info === 'object' ? info : undefined;
  if (about?.family === 'unix') return about.path ?? '';
  return {
    address: about?.address ?? '',
    family: about?.family === 'inet6' ? 'IPv6' : 'IPv4',
    port: about?.port ?? 0,
  };
}

/** The path of a Unix socket, when the server closes. */
export function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody was quicker.
  }
}
