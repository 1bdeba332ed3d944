import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ListeningSocket } from '../backends/backend.js';
import { loadAddon } from '../native/binding.js';

/** What a handshake that has begun gets to end: more than a round trip to most clients. */
const handshakeMs = 100;

/** With SO_REUSEPORT a socket has a queue of its own, and the kernel resets what is in it, or still on its way into it,
 *  when the socket closes. So nothing new is let into it for a moment before: a client whose first packet is dropped
 *  sends it again after a second, and a sibling takes it. Where the kernel hands such connections to the siblings
 *  (tcp_migrate_req), or somebody else holds the same socket as well, nothing is done.
 *  @param sockets That are served, and are for this moment still.
 *  @returns When they may be closed.
 *  @see socket(7), and tcp_migrate_req in Documentation/networking/ip-sysctl.rst of Linux. */
export async function finishHandshakes(sockets: readonly ListeningSocket[]): Promise<void> {
  const loaded = loadAddon();
  if ('reason' in loaded || kernelMigrates()) return;
  let stopped = false;
  for (const { fd, family } of sockets) {
    if (family === 'unix') continue;
    const info = loaded.addon.inspect(fd);
    if (typeof info === 'number' || info.reusePort !== true || !(await isOursAlone(fd))) continue;
    stopped = loaded.addon.stopHandshakes(fd) === 0 || stopped;
  }
  if (stopped) await new Promise((resolve) => setTimeout(resolve, handshakeMs));
}

function kernelMigrates(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'latin1').trim() === '1';
  } catch {
    return false; // Linux before 5.14.
  }
}

/** Whether one descriptor of one process is all there is of a socket. What is done to it stays with it otherwise, after
 *  our own end. Processes of other users cannot be looked into, so that the parent must be one that can. */
async function isOursAlone(fd: number): Promise<boolean> {
  const name = linkOf(`/proc/self/fd/${fd}`);
  if (name === undefined || holdingOf(String(process.ppid), name) !== 0) return false;
  let holding = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    holding += holdingOf(pid, name) ?? 0;
    if (holding > 1) return false;
    await new Promise(setImmediate); // What is served is served meanwhile.
  }
  return holding === 1;
}

/** @returns How many descriptors of a process are the socket; undefined where that cannot be seen. */
function holdingOf(pid: string, name: string): number | undefined {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).filter((fd) => linkOf(`${directory}/${fd}`) === name).length;
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // Closed, or ended, meanwhile.
  }
}
