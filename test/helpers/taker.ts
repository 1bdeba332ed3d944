import type { Socket } from 'node:net';
import type { Exchange, Handler } from '../../lib/exchange.js';
import { within } from './lifetime-client.js';

/** What goes in front of the other protocol. */
export const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

/** A request for the echo protocol. @param rest What follows its empty line. */
export function upgrade(path = '/take', rest = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n${rest}`;
}

/** Speaks echo on a connection that it takes: what comes goes back, the end too.
 *
 *  `/take` and CONNECT are taken at once, `/read-and-take` when the body has been read, `/hold…` is left to the test,
 *  the rest is answered. */
export class Taker implements Handler {
  readonly interface = 'fetch';
  readonly takesConnections = true;
  readonly sockets: Socket[] = [];
  readonly heads: Buffer[] = [];
  readonly held: Exchange[] = [];
  /** Exchanges that could not be taken. */
  refused = 0;
  #wake: () => void = () => {};

  handle(exchange: Exchange): void {
    const { method, target } = exchange;
    if (target === '/take' || method === 'CONNECT') this.take(exchange);
    else if (target === '/read-and-take') this.#readAndTake(exchange);
    else if (target.startsWith('/hold')) this.#hold(exchange);
    else exchange.respond(200, '', ['content-type', 'text/plain'], target);
  }

  /** @returns The socket, when the connection could be taken; else the request is answered with 426. */
  take(exchange: Exchange): Socket | undefined {
    const taken = exchange.takeOver();
    if (taken === undefined) {
      this.refused += 1;
      exchange.respond(426, '', ['content-type', 'text/plain'], 'not now');
      return undefined;
    }
    const { socket, head } = taken;
    this.sockets.push(socket);
    this.heads.push(head);
    socket.on('error', () => {});
    socket.write(exchange.method === 'CONNECT' ? 'HTTP/1.1 200 OK\r\n\r\n' : switched);
    if (head.length > 0) socket.write(head);
    socket.pipe(socket);
    this.#wake();
    return socket;
  }

  /** The exchange at `index` among those that are held. */
  async holding(index = 0): Promise<Exchange> {
    const come = async (): Promise<Exchange> => {
      for (;;) {
        const exchange = this.held[index];
        if (exchange !== undefined) return exchange;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    return await within(`exchange ${index}`, come());
  }

  #hold(exchange: Exchange): void {
    this.held.push(exchange);
    this.#wake();
  }

  #readAndTake(exchange: Exchange): void {
    const chunks: Uint8Array[] = [];
    exchange.readBody({
      data: (chunk) => chunks.push(chunk) > 0,
      end: () => this.take(exchange)?.write(`<${Buffer.concat(chunks)}>`),
      error: () => {},
    });
  }
}
