import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ListeningSocket } from '../backends/backend.js';
import { ChaussetteError } from '../errors.js';
import { type DescriptorFunctions, type DescriptorInfo, loadAddon } from '../native/binding.js';
import { formatTcp } from './address.js';
import { describeErrno, EBADF, EINVAL } from './errno.js';

/** What the command line says an inherited socket is; undefined for whatever it is. */
export interface Expected {
  readonly addressFamily?: string | undefined;
  readonly socketType?: string | undefined;
}

/** In degraded mode Node listens again; the kernel clamps this to somaxconn, so no parent's backlog shrinks. */
const backlogOfNobody = 65_535;

const families = { inet: 'AF_INET', inet6: 'AF_INET6', unix: 'AF_UNIX', other: 'an unknown family' } as const;
const types = {
  stream: 'SOCK_STREAM',
  dgram: 'SOCK_DGRAM',
  seqpacket: 'SOCK_SEQPACKET',
  raw: 'SOCK_RAW',
  other: 'an unknown type',
} as const;

/** Make an inherited descriptor a socket that a backend can accept on. 0, 1 and 2 are parked on a high descriptor.
 *  The backlog, the path and the file descriptor of the parent stay as they are.
 *  @param backlog For a bound socket that does not listen yet.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET: what the descriptor really is. */
export function adopt(fd: number, backlog: number, expected: Expected): ListeningSocket {
  const checked = checkInherited(fd, expected);
  if (checked === undefined) return adoptWithoutAddon(fd);
  const { functions, info } = checked;
  const adopted = functions.adopt(fd, backlog);
  if (adopted === EINVAL) {
    throw unusable(
      fd,
      `is a connected ${nameOf(info)}, not a listening one`,
      'Pass on the socket that listens.',
    );
  }
  if (adopted < 0) throw unusable(fd, `cannot be made to listen: ${describeErrno(adopted)}`);
  const family = info.family === 'unix' || info.family === 'inet6' ? info.family : 'inet';
  const shared = family === 'unix' || info.reusePort !== true;
  return { fd: adopted, family, display: `fd://${fd} (${placeOf(info)})`, shared };
}

/** Check an inherited descriptor without touching it.
 *  @returns undefined when there is no addon to look closer with.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET. */
export function checkInherited(
  fd: number,
  expected: Expected,
): { readonly functions: DescriptorFunctions; readonly info: DescriptorInfo } | undefined {
  const loaded = loadAddon();
  if ('reason' in loaded) {
    checkWithoutAddon(fd);
    return undefined;
  }
  const info = loaded.addon.inspect(fd);
  if (info === EBADF) throw notOpen(fd);
  if (typeof info === 'number') throw unusable(fd, `cannot be inspected: ${describeErrno(info)}`);
  if (info.kind !== 'socket') throw notSocket(fd, info.kind);
  checkExpected(fd, info, expected);
  if (info.family === 'other') throw unusable(fd, 'is neither a TCP nor a Unix socket');
  if (info.type !== 'stream')
    throw unusable(fd, `is ${articled(nameOf(info))}, not a listening stream socket`, httpNeeds);
  if (!info.bound) {
    const remedy =
      'The parent must bind it before it passes it on; Circus does so with so_reuseport only if `cmd` itself names the socket, not `args`.';
    throw unusable(fd, `is a ${nameOf(info)} that is not bound to an address`, remedy);
  }
  return { functions: loaded.addon, info };
}

const httpNeeds = 'HTTP needs a stream socket (SOCK_STREAM): TCP or Unix.';

function checkExpected(fd: number, info: DescriptorInfo, expected: Expected): void {
  const family = families[info.family ?? 'other'];
  const type = types[info.type ?? 'other'];
  const { addressFamily = family, socketType = type } = expected;
  const remedy = 'Leave the option out: it is read from the socket.';
  const is = `is ${articled(nameOf(info))}`;
  if (addressFamily !== family) {
    throw unusable(fd, `${is} (${family}), and --address-family says ${addressFamily}`, remedy);
  }
  if (socketType !== type) {
    throw unusable(fd, `${is} (${type}), and --socket-type says ${socketType}`, remedy);
  }
}

/** `TCP socket (127.0.0.1:80)`. */
function nameOf(info: DescriptorInfo): string {
  const place = info.bound ? ` (${placeOf(info)})` : '';
  if (info.family === 'unix') return `Unix ${info.type} socket${place}`;
  const protocol = info.type === 'dgram' ? 'UDP' : info.type === 'stream' ? 'TCP' : (info.type ?? 'unknown');
  return `${protocol} socket${place}`;
}

function placeOf(info: DescriptorInfo): string {
  if (info.family === 'unix') return `unix:${info.path ?? ''}`;
  return formatTcp(info.address ?? '', info.port ?? 0);
}

function articled(name: string): string {
  return /^[aeio]/i.test(name) ? `an ${name}` : `a ${name}`;
}

function notOpen(fd: number): ChaussetteError {
  const { npm_command: npm, npm_lifecycle_event: script } = process.env;
  const hint =
    npm === undefined && script === undefined
      ? 'Give the number that the parent passes; Circus passes sockets only with use_sockets = True.'
      : 'npm and npx close inherited descriptors: let the manager start node_modules/.bin/chaussette itself.';
  return unusable(fd, 'is not open: the parent passed nothing on it', hint);
}

function notSocket(fd: number, kind: DescriptorInfo['kind']): ChaussetteError {
  const target = linkOf(fd);
  if (isNodesOwn(fd, target)) return notOpen(fd);
  const hint =
    fd === 0
      ? 'Supervisor passes a socket on fd 0 to [fcgi-program:…] sections only.'
      : 'Circus passes sockets only with use_sockets = True; see --fd in its cmd.';
  const names = { file: 'regular file', other: 'descriptor of another kind', socket: 'socket' } as const;
  const name = kind === 'file' || kind === 'other' || kind === 'socket' ? names[kind] : kind;
  const path = target.startsWith('/') ? ` (${target})` : '';
  return unusable(fd, `is a ${name}${path}, not a listening socket`, hint);
}

/** Where the parent passed nothing, Node may have opened an epoll, an eventfd, or both ends of a pipe. */
function isNodesOwn(fd: number, target: string): boolean {
  if (fd <= 2) return false;
  if (target.startsWith('anon_inode:')) return true;
  if (!target.startsWith('pipe:')) return false;
  return readdirSync('/proc/self/fd').some(
    (other) => Number(other) !== fd && linkOf(Number(other)) === target,
  );
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

function checkWithoutAddon(fd: number): void {
  try {
    const status = fstatSync(fd);
    if (!status.isSocket()) {
      throw notSocket(fd, status.isFile() ? 'file' : status.isDirectory() ? 'directory' : 'other');
    }
  } catch (error) {
    throw error instanceof ChaussetteError ? error : notOpen(fd);
  }
}

/** The backend lets Node listen on it; nothing is parked, and nothing is known of the address. */
function adoptWithoutAddon(fd: number): ListeningSocket {
  const family = isUnix(fd) ? 'unix' : 'inet';
  return { fd: -1, family, display: `fd://${fd}`, shared: true, listen: { fd, backlog: backlogOfNobody } };
}

/** Whether /proc/net/unix lists the inode of the socket (proc(5)). */
function isUnix(fd: number): boolean {
  const inode = /^socket:\[(\d+)\]$/.exec(linkOf(fd))?.[1];
  if (inode === undefined) return false;
  try {
    return new RegExp(` ${inode}( |$)`, 'm').test(readFileSync('/proc/net/unix', 'utf8'));
  } catch {
    return false;
  }
}

function unusable(fd: number, what: string, hint?: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_SOCKET', `fd ${fd} ${what}`, hint === undefined ? {} : { hint });
}
