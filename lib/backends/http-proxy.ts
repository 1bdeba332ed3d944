import type { Socket } from 'node:net';
import { showEnds, unproxied } from '../proxies/ends.js';
import { readProxyHeader } from '../proxies/header.js';
import type { Networks } from '../proxies/networks.js';
import { Peers } from '../proxies/peers.js';
import type { TlsSettings } from '../tls/settings.js';
import { remoteOf } from './http-connection.js';
import type { Front, FrontSetup } from './http-front.js';

/** While the server drains, a connection whose header is not complete has so long; as in http-connection.ts. */
const drainMs = 500;

/** Reads the header that load balancers send before the first byte of a client (PROXY protocol); others pass.
 *
 *  Lifetime: that of its server. */
export class ProxyFront implements Front {
  readonly #setup: FrontSetup;
  readonly #peers: Peers;
  readonly #next: Front;
  readonly #waiting = new Set<Socket>();

  /** @param next Takes each connection whose header is complete. */
  constructor(networks: Networks, setup: FrontSetup, next: Front) {
    this.#setup = setup;
    this.#peers = new Peers(networks);
    this.#next = next;
  }

  get size(): number {
    return this.#waiting.size + this.#next.size;
  }

  take(socket: Socket): void {
    const { limits, reporter, gone } = this.#setup;
    const peer = remoteOf(socket);
    if (!this.#peers.has(peer)) {
      this.#next.take(socket);
      return;
    }
    let seen: Buffer = Buffer.alloc(0);
    this.#waiting.add(socket);
    const refuse = (): void => {
      // Who connects and says nothing may be a health check.
      if (seen.length > 0) reporter.warn(unproxied(peer));
      socket.destroy();
    };
    const timer = limits.headMs > 0 ? setTimeout(refuse, limits.headMs) : undefined;
    const done = (): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose).off('end', refuse);
      this.#waiting.delete(socket);
    };
    const onClose = (): void => {
      done();
      gone();
    };
    const onData = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const header = readProxyHeader(seen);
      if (header.outcome === 'more') return;
      if (header.outcome !== 'complete') {
        refuse();
        return;
      }
      socket.pause();
      if (header.ends !== undefined) showEnds(socket, header.ends);
      if (header.bytes < seen.length) socket.unshift(seen.subarray(header.bytes));
      done();
      this.#next.take(socket);
      socket.off('error', ignore);
    };
    socket.on('data', onData).on('close', onClose).on('error', ignore).on('end', refuse);
    socket.resume();
  }

  drain(): void {
    setTimeout(() => this.#destroyAll(), drainMs).unref();
    this.#next.drain();
  }

  cut(): void {
    this.#destroyAll();
    this.#next.cut();
  }

  use(settings: TlsSettings): void {
    this.#next.use?.(settings);
  }

  #destroyAll(): void {
    for (const socket of this.#waiting) socket.destroy();
  }
}

function ignore(): void {}
