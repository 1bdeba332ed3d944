import { ChaussetteError } from '../errors.js';

/** The first descriptor that systemd passes: SD_LISTEN_FDS_START in sd_listen_fds(3). */
const firstFd = 3;

/** What systemd passes in LISTEN_FDS. */
export interface Activation {
  /** In order; empty when nothing was passed to this process. */
  readonly sockets: readonly { readonly fd: number; readonly name: string }[];
  /** Why there are none, for an error message. */
  readonly absence: string;
}

/** Read LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and remove them, so that no child takes them for its own.
 *  @param env Changed: process.env, mostly.
 *  @see sd_listen_fds(3) */
export function takeActivation(env: NodeJS.ProcessEnv, pid: number): Activation {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) {
    // Only what is there: each delete is a call into C.
    if (env[name] !== undefined) delete env[name];
  }
  if (LISTEN_FDS === undefined) return { sockets: [], absence: 'LISTEN_FDS is not set' };
  if (LISTEN_PID !== String(pid)) {
    return { sockets: [], absence: `LISTEN_PID is ${LISTEN_PID ?? 'not set'}, and this process is ${pid}` };
  }
  const count = /^\d{1,4}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
  const names = LISTEN_FDNAMES === undefined || LISTEN_FDNAMES === '' ? [] : LISTEN_FDNAMES.split(':');
  const sockets = Array.from({ length: count }, (_, index) => ({
    fd: firstFd + index,
    name: names[index] ?? 'unknown',
  }));
  return { sockets, absence: count === 0 ? `LISTEN_FDS is ${LISTEN_FDS}` : '' };
}

/** The descriptors with this FileDescriptorName; several sockets may share one.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET, with the names that there are. */
export function socketsNamed(activation: Activation, name: string): readonly number[] {
  const found = activation.sockets.filter((socket) => socket.name === name).map((socket) => socket.fd);
  if (found.length > 0) return found;
  const there = [...new Set(activation.sockets.map((socket) => socket.name))].join(', ');
  const why = there === '' ? `systemd passed no socket (${activation.absence})` : `systemd passed ${there}`;
  throw new ChaussetteError('CHAUSSETTE_ERR_SOCKET', `there is no socket sd:${name}: ${why}`, {
    hint: `Name it with FileDescriptorName=${name} in the .socket unit.`,
  });
}
