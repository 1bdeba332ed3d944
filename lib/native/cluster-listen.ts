import type { Cluster } from 'node:cluster';
import { createRequire } from 'node:module';
import type * as net from 'node:net';
import type { BackendServer, BackendStats } from '../backends/backend.js';
import { backlogMax, type NetListen } from './node-listen.js';
import { currentOffer } from './offer.js';

// A program that forks workers with node:cluster: they listen, and the primary process opens their socket. It gets
// that of the command. The workers are plain processes of Node, so node:http serves.

const require = createRequire(import.meta.url);

/** Let the first socket that the primary opens for its workers be that of the command. */
export function patchCluster(): void {
  const { prototype } = (require('node:net') as typeof net).Server;
  const { listen } = prototype as unknown as { listen: NetListen };
  Object.defineProperty(prototype, 'listen', {
    value(this: net.Server, ...args: unknown[]): net.Server {
      if (!isOfCluster(this) || !listenForWorkers(this, args[0], listen)) listen.apply(this, args);
      return this;
    },
    writable: true,
    configurable: true,
  });
}

/** Node's own servers for its workers never get a connection themselves: their listener is an assertion that fails. */
function isOfCluster(server: net.Server): boolean {
  return server.listeners('connection')[0]?.name === 'fail' && loadCluster().isPrimary;
}

function loadCluster(): Cluster {
  return require('node:cluster') as Cluster;
}

/** @returns Whether the socket is its own. */
function listenForWorkers(server: net.Server, target: unknown, listen: NetListen): boolean {
  const { port } = (typeof target === 'object' ? target : {}) as { port?: number };
  const offer = currentOffer();
  const where = port === undefined ? String(target) : `port ${port}`;
  const asked = `${where}, with workers of node:cluster,`;
  const answer = offer?.answer({ server, port, asked, backend: 'http', forWorkers: true });
  if (offer === undefined || answer === undefined) return false;
  void answer.then(({ sockets: [socket] }) => {
    if (socket === undefined) return;
    server.prependOnceListener('listening', () => {
      if (port !== undefined && port > 0) hidePort(server, port);
      offer.serving(new ClusterProgram());
    });
    listen.call(server, socket.listen ?? { fd: socket.fd }, backlogMax);
  });
  return true;
}

/** A worker takes another port than the one that it asked for as a sign that the address is in use. */
function hidePort(server: net.Server, port: number): void {
  const { _handle: handle } = server as unknown as {
    _handle: { getsockname?: (out: { port?: number }) => number };
  };
  const name = handle.getsockname;
  if (name === undefined) return;
  handle.getsockname = (out) => {
    const error = name.call(handle, out);
    out.port = port;
    return error;
  };
}

/** The end of the workers. What they do is theirs to count. */
class ClusterProgram implements BackendServer {
  readonly #cluster = loadCluster();
  #closed: Promise<{ readonly cut: number }> | undefined;
  #cut = 0;

  /** @returns With the number of workers that had to be killed. */
  close(drainMs: number): Promise<{ readonly cut: number }> {
    this.#closed ??= this.#close();
    setTimeout(() => this.#killWorkers(), drainMs).unref();
    return this.#closed;
  }

  async #close(): Promise<{ readonly cut: number }> {
    const workers = Object.values(this.#cluster.workers ?? {});
    const ended = workers.map((worker) => worker && new Promise((resolve) => worker.once('exit', resolve)));
    this.#cluster.disconnect();
    await Promise.all(ended);
    return { cut: this.#cut };
  }

  #killWorkers(): void {
    for (const worker of Object.values(this.#cluster.workers ?? {})) {
      this.#cut += 1;
      worker?.process.kill('SIGKILL');
    }
  }

  stats(): BackendStats {
    return { connections: 0, inFlight: 0, requests: 0 };
  }

  exchangeOf(): undefined {
    return undefined;
  }
}
