import type { Socket } from 'node:net';
import { followWebSocket } from './server-frames.js';

/** A request that asks for another protocol. */
interface Asking {
  readonly headers: { get(name: string): string | null | undefined };
}

/** The connections of one server that applications have taken for other protocols.
 *
 *  Lifetime: that of the server; a socket stays in it until it has closed. */
export class TakenSockets {
  /** With what says goodbye on each, for a WebSocket. */
  readonly #sockets = new Map<Socket, (() => void) | undefined>();
  readonly #saysGoodbye: boolean;
  #draining = false;
  #allGone: (() => void) | undefined;

  /** @param saysGoodbye Close WebSockets with 1001 when the server drains. */
  constructor(saysGoodbye: boolean) {
    this.#saysGoodbye = saysGoodbye;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Before anything is written to it. @param request The one that asked for the other protocol.
   *  @returns The socket. */
  add(socket: Socket, request: Asking): Socket {
    const isWebSocket = request.headers.get('upgrade')?.toLowerCase() === 'websocket';
    const goodbye = this.#saysGoodbye && isWebSocket ? followWebSocket(socket) : undefined;
    this.hold(socket, goodbye);
    if (this.#draining) goodbye?.();
    return socket;
  }

  /** One that the server has to wait for. */
  hold(socket: Socket, goodbye: (() => void) | undefined): void {
    this.#sockets.set(socket, goodbye);
    onDestroyed(socket, () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#allGone?.();
    });
  }

  /** Say goodbye to those that are here, and to those that still come. */
  drain(): void {
    this.#draining = true;
    for (const goodbye of this.#sockets.values()) goodbye?.();
  }

  /** @returns Resolves when none is left. */
  gone(): Promise<void> {
    return new Promise((resolve) => {
      this.#allGone = resolve;
      if (this.#sockets.size === 0) resolve();
    });
  }

  cut(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }
}

/** Without a listener: programs look at how many a socket has that they have taken. */
function onDestroyed(socket: Socket, callback: () => void): void {
  const destroy = socket._destroy;
  const value: Socket['_destroy'] = function (this: Socket, error, done): void {
    destroy.call(this, error, (...args) => {
      done(...args);
      callback();
    });
  };
  Object.defineProperty(socket, '_destroy', { value, writable: true, configurable: true });
}
