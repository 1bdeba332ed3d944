import { lchownSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { ListeningSocket } from '../backends/backend.js';
import { ChaussetteError } from '../errors.js';
import { type DescriptorFunctions, loadAddon } from '../native/binding.js';
import { type Address, formatTcp, ipVersion } from './address.js';
import { describeErrno, EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ECONNREFUSED } from './errno.js';
import { lookUpOwner } from './owner.js';

export interface BindOptions {
  readonly backlog: number;
  readonly addressFamily?: string | undefined;
  readonly umask?: number | undefined;
  readonly unixMode?: number | undefined;
  readonly unixOwner?: string | undefined;
}

type TcpAddress = Extract<Address, { kind: 'tcp' }>;
type UnixAddress = Extract<Address, { kind: 'unix' }>;

/** With port 0, the other loopback may have the port that the kernel chose in use: then another one is tried. */
const sharedPortTriesMax = 16;

/** The sockets that we opened ourselves, and the files that came with them.
 *
 *  Lifetime: `sockets` belong to the backend from its start; the files stay until `unlink`. */
export class BoundSockets {
  readonly sockets: ListeningSocket[] = [];
  readonly #files: { readonly path: string; readonly status: Stats }[] = [];

  /** Bind all of `addresses`, or none.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_BIND, naming the address. */
  async bind(addresses: readonly Address[], options: BindOptions): Promise<void> {
    try {
      for (const address of addresses) {
        if (address.kind === 'unix') this.#bindUnix(address, options);
        if (address.kind === 'tcp') await this.#bindTcp(address, addresses, options);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Close what no backend has taken, and unlink. */
  close(): void {
    const loaded = loadAddon();
    if ('addon' in loaded) for (const { fd } of this.sockets) loaded.addon.close(fd);
    this.sockets.length = 0;
    this.unlink();
  }

  /** Remove the files of our Unix sockets, unless somebody has put another in their place. To be called before the
   *  sockets close: from then on a successor may bind the path. */
  unlink(): void {
    for (const { path, status } of this.#files.splice(0)) {
      const now = lstatSync(path, { throwIfNoEntry: false });
      const same =
        now?.ino === status.ino && now.dev === status.dev && now.birthtimeMs === status.birthtimeMs;
      if (same) unlinkSync(path);
    }
  }

  #bindUnix(address: UnixAddress, options: BindOptions): void {
    const display = `unix:${address.path}`;
    const loaded = loadAddon();
    if ('reason' in loaded) {
      this.#planUnix(address, options, loaded.reason);
      return;
    }
    const isFile = !address.path.startsWith('@');
    if (isFile) removeStale(address.path, loaded.addon);
    const fd = withUmask(options.umask, () =>
      loaded.addon.listenUnix(address.path, options.backlog, options.unixMode ?? -1),
    );
    if (fd < 0) throw cannotBind(display, fd);
    this.sockets.push({ fd, family: 'unix', display });
    if (!isFile) return;
    const path = resolve(address.path);
    try {
      if (options.unixOwner !== undefined) changeOwner(path, options.unixOwner);
    } finally {
      this.#files.push({ path, status: lstatSync(path) });
    }
  }

  /** Without the addon Node binds the path, and unlinks it; it cannot set permissions before it listens. */
  #planUnix({ path }: UnixAddress, options: BindOptions, reason: string): void {
    const { umask, unixMode, unixOwner, backlog } = options;
    if (umask !== undefined || unixMode !== undefined || unixOwner !== undefined) {
      throw new ChaussetteError(
        'CHAUSSETTE_ERR_BIND',
        `--umask, --unix-mode and --unix-owner need the native addon for unix:${path}: ${reason}`,
      );
    }
    const listen = { path: path.replace(/^@/, '\0'), backlog };
    this.sockets.push({ fd: -1, family: 'unix', display: `unix:${path}`, listen });
  }

  async #bindTcp(address: TcpAddress, all: readonly Address[], options: BindOptions): Promise<void> {
    const hosts = await numericHosts(address, options.addressFamily);
    const loaded = loadAddon();
    if ('reason' in loaded) {
      await this.#planTcp(hosts, address.port, options.backlog);
      return;
    }
    const functions = loaded.addon;
    for (let tries = 1; ; tries++) {
      const failure = this.#listenOn(hosts, address, all, options.backlog, functions);
      if (failure === undefined) return;
      const again = failure.code === EADDRINUSE && address.port === 0 && tries < sharedPortTriesMax;
      if (!again) throw cannotBind(failure.display, failure.code);
    }
  }

  /** Listen on every host with one port. @returns What failed; nothing of it is left open then. */
  #listenOn(
    hosts: readonly string[],
    address: TcpAddress,
    all: readonly Address[],
    backlog: number,
    functions: DescriptorFunctions,
  ): { readonly code: number; readonly display: string } | undefined {
    const opened: ListeningSocket[] = [];
    let { port } = address;
    for (const host of hosts) {
      const fd = functions.listenTcp(host, port, backlog, isOnlyIPv6(host, port, all));
      const absent = fd === EADDRNOTAVAIL || fd === EAFNOSUPPORT;
      const another = opened.length > 0 || host !== hosts.at(-1);
      if (absent && another && isOptional(address, host)) continue;
      if (fd < 0) {
        for (const socket of opened) functions.close(socket.fd);
        return { code: fd, display: formatTcp(host, port) };
      }
      const info = functions.inspect(fd);
      if (typeof info === 'object' && info.port !== undefined) port = info.port;
      const family = ipVersion(host) === 6 ? 'inet6' : 'inet';
      opened.push({ fd, family, display: formatTcp(host, port) });
      if (host === '::' && address.host === '') break; // It takes IPv4 as well.
    }
    this.sockets.push(...opened);
    return undefined;
  }

  async #planTcp(hosts: readonly string[], asked: number, backlog: number): Promise<void> {
    const port = asked === 0 ? await freePort(hosts[0] ?? '127.0.0.1') : asked;
    const loopbacks = hosts.length > 1 && hosts.includes('::1') && !(await canBind('::1'));
    for (const host of hosts) {
      if (loopbacks && host === '::1') continue;
      const family = ipVersion(host) === 6 ? 'inet6' : 'inet';
      const listen = { host, port, backlog, ipv6Only: family === 'inet6' && host !== '::' };
      this.sockets.push({ fd: -1, family, display: formatTcp(host, port), listen });
      if (host === '::') break;
    }
  }
}

/** A socket for `::` takes IPv4 too, unless another one is asked for at the same port. */
function isOnlyIPv6(host: string, port: number, all: readonly Address[]): boolean {
  if (host !== '::') return true;
  return all.some((other) => other.kind === 'tcp' && other.host === '0.0.0.0' && other.port === port);
}

/** A machine may have no IPv6, or no IPv4: a name that stands for both is then served on the other. */
function isOptional(address: TcpAddress, host: string): boolean {
  return address.host === '' || (address.host === 'localhost' && host === '::1');
}

/** @throws {ChaussetteError} CHAUSSETTE_ERR_BIND for a name that has no address. */
async function numericHosts({ host }: TcpAddress, addressFamily: string | undefined): Promise<string[]> {
  let found: string[];
  if (host === '') found = ['::', '0.0.0.0'];
  else if (host === 'localhost') found = ['127.0.0.1', '::1'];
  else if (ipVersion(host) !== 0) found = [host];
  else found = await resolveName(host);
  const wanted = addressFamily === 'AF_INET' ? 4 : addressFamily === 'AF_INET6' ? 6 : 0;
  const hosts = found.filter((address) => wanted === 0 || ipVersion(address) === wanted);
  if (hosts.length > 0) return hosts;
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_BIND',
    `--host ${host === '' ? '*' : host} has no address of --address-family ${addressFamily}`,
  );
}

async function resolveName(host: string): Promise<string[]> {
  const { lookup } = await import('node:dns/promises');
  try {
    const found = await lookup(host, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new ChaussetteError('CHAUSSETTE_ERR_BIND', `the host ${host} cannot be resolved (${why})`, {
      hint: 'Give an address of this machine, localhost, or * for all of them.',
      cause,
    });
  }
}

/** Remove the socket that a process which is gone left at `path`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_BIND when it is something else, or somebody answers on it. */
function removeStale(path: string, functions: DescriptorFunctions): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  const refuse = (what: string, hint: string): ChaussetteError =>
    new ChaussetteError('CHAUSSETTE_ERR_BIND', `cannot bind unix:${path}: ${what}`, { hint });
  if (!status.isSocket()) {
    throw refuse('the path exists and is not a socket', 'Remove it, or give another path.');
  }
  const answer = functions.probeUnix(path);
  if (answer === 0) throw refuse('another process serves on it', 'Stop that process, or give another path.');
  if (answer !== ECONNREFUSED) {
    throw refuse(
      `the socket there cannot be probed: ${describeErrno(answer)}`,
      'Remove it, or give another path.',
    );
  }
  try {
    unlinkSync(path);
  } catch (cause) {
    throw refuse(`the leftover socket there cannot be removed: ${String(cause)}`, 'Check the directory.');
  }
}

function withUmask<Result>(umask: number | undefined, action: () => Result): Result {
  if (umask === undefined) return action();
  const before = process.umask(umask);
  try {
    return action();
  } finally {
    process.umask(before);
  }
}

function changeOwner(path: string, owner: string): void {
  try {
    const { uid, gid } = lookUpOwner(owner);
    lchownSync(path, uid, gid);
  } catch (cause) {
    if (cause instanceof ChaussetteError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ChaussetteError(
      'CHAUSSETTE_ERR_BIND',
      `--unix-owner ${owner} cannot be set on ${path}: ${why}`,
    );
  }
}

function cannotBind(display: string, code: number): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_BIND', `cannot bind ${display}: ${describeErrno(code)}`, {
    hint: hints[code] ?? 'Give another address.',
  });
}

const hints: Readonly<Record<number, string>> = {
  [EADDRINUSE]: 'Stop the process that has it (`ss -ltnp` shows it), or give another address.',
  [EACCES]: 'Ports below 1024 and protected directories need a parent that opens the socket: see --fd.',
  [EADDRNOTAVAIL]: 'This machine has no such address: give one of its own, localhost, or * for all.',
};

async function freePort(host: string): Promise<number> {
  const server = await listenOnce(host);
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function canBind(host: string): Promise<boolean> {
  try {
    const server = await listenOnce(host);
    server.close();
    return true;
  } catch {
    return false;
  }
}

async function listenOnce(host: string): Promise<import('node:net').Server> {
  const { createServer } = await import('node:net');
  return await new Promise((listening, failed) => {
    const server = createServer().once('error', failed);
    server.listen(0, host, () => listening(server));
  });
}
