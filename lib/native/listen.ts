import { lookup } from 'node:dns';
import { unlinkSync } from 'node:fs';
import type { AddressInfo, ListenOptions } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import { type DescriptorFunctions, loadAddon } from './binding.js';

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

/** Read the arguments of listen().
 *  @throws {TypeError} ERR_INVALID_ARG_VALUE, {RangeError} ERR_SOCKET_BAD_PORT. */
export function readListenArguments(args: readonly unknown[]): ListenRequest {
  const rest = [...args];
  const last = rest[rest.length - 1];
  const callback = typeof last === 'function' ? (rest.pop() as () => void) : undefined;
  const first = rest[0];
  if (typeof first === 'object' && first !== null)
    return fromOptions(first as ListenOptions, rest[1], callback);
  if (typeof first === 'string' && !isPort(first)) {
    return fromOptions({ path: first }, rest[1], callback);
  }
  const host = typeof rest[1] === 'string' ? rest[1] : undefined;
  const backlog = host === undefined && typeof rest[1] === 'number' ? rest[1] : rest[2];
  return fromOptions(
    { port: Number(first ?? 0), ...(host === undefined ? {} : { host }) },
    backlog,
    callback,
  );
}

function isPort(text: string): boolean {
  return text !== '' && Number.isInteger(Number(text)) && Number(text) >= 0;
}

function fromOptions(
  options: ListenOptions,
  backlog: unknown,
  callback: (() => void) | undefined,
): ListenRequest {
  const handle = options as { fd?: unknown; _handle?: { fd?: unknown } };
  const fd = handle.fd ?? handle._handle?.fd;
  const { path } = options;
  // As net.Server: a port that is named without a value is any.
  const port = 'port' in options && path === undefined ? (options.port ?? 0) : options.port;
  if (port !== undefined && !(Number.isInteger(Number(port)) && Number(port) >= 0 && Number(port) < 65_536)) {
    throw Object.assign(
      new RangeError(`options.port should be >= 0 and < 65536. Received ${typeof port} (${String(port)}).`),
      { code: 'ERR_SOCKET_BAD_PORT' },
    );
  }
  if (port === undefined && path === undefined && typeof fd !== 'number') {
    throw Object.assign(
      new TypeError('The argument "options" must have the property "port" or "path", or a descriptor "fd"'),
      { code: 'ERR_INVALID_ARG_VALUE' },
    );
  }
  const wanted = Number(backlog ?? options.backlog);
  return {
    port: typeof fd === 'number' || path !== undefined ? undefined : Number(port),
    host: options.host,
    path: typeof fd === 'number' ? undefined : path,
    fd: typeof fd === 'number' && fd >= 0 ? fd : undefined,
    backlog: wanted > 0 ? wanted : backlogDefault,
    v6only: options.ipv6Only === true,
    mode: (options.readableAll === true ? 0o444 : 0) | (options.writableAll === true ? 0o222 : 0),
    signal: options.signal,
    callback,
  };
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
    finish(addon.adopt(request.fd, request.backlog), undefined, undefined, done);
  } else if (request.path !== undefined) {
    const mode = request.mode === 0 ? -1 : request.mode | 0o600;
    finish(addon.listenUnix(request.path, request.backlog, mode), request.path, undefined, done);
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
