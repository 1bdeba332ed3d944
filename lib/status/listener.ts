import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ListeningSocket } from '../backends/backend.js';
import { acceptOn, type Stop } from '../backends/http-listen.js';
import type { Log } from '../log.js';
import { originalServer } from '../native/original.js';
import type { Options } from '../options.js';
import { BoundSockets } from '../sockets/bind.js';
import { adoptAll, statusPlaces } from '../sockets/places.js';
import type { Activation } from '../sockets/systemd.js';
import { answer } from './answer.js';
import { ProcessWatch } from './metrics.js';
import type { Observed } from './observe.js';

/** What looks at a server asks often, and not for much. */
const keepAliveMs = 60_000;
const headMs = 5000;

/** `--status`: a listener of its own, on node:http, that tells how the server is. It is open before the application
 *  loads and until the process ends, and does not keep the process alive.
 *
 *  Lifetime: that of its server. */
export class StatusListener {
  readonly #bound = new BoundSockets();
  readonly #http: HttpServer;
  readonly #log: Log;
  readonly #watch = new ProcessWatch();
  readonly #stops: Stop[] = [];

  constructor(about: Observed, log: Log) {
    this.#log = log;
    const { Server } = createRequire(import.meta.url)('node:http') as typeof import('node:http');
    // A patched one would serve on the core, and count itself.
    const Original = originalServer(Server);
    const listener = (req: IncomingMessage, res: ServerResponse): void =>
      void answer(req, res, about, this.#watch);
    const options = { keepAliveTimeout: keepAliveMs, headersTimeout: headMs, requestTimeout: headMs };
    this.#http = new Original(options, listener);
    this.#http.emit('listening'); // It never listens: from here on it looks after its deadlines.
  }

  /** @param provided Sockets that the reloader keeps.
   *  @throws {ChaussetteError} of the codes of sockets. */
  async open(options: Options, activation: Activation, provided?: readonly ListeningSocket[]): Promise<void> {
    const sockets = provided ?? (await openStatusSockets(options, activation, this.#bound));
    const onSocket = (socket: Socket): void => this.#serve(socket);
    for (const socket of sockets) {
      this.#stops.push(await acceptOn(socket, onSocket, (text) => this.#log.warning(text), true));
    }
    this.#bound.sockets.length = 0; // The acceptors' own from here on.
    this.#log.info(`Status on ${sockets.map(({ display }) => display).join(', ')}`);
  }

  #serve(socket: Socket): void {
    socket.unref();
    this.#http.emit('connection', socket);
    socket.resume();
  }

  /** Remove the files of our Unix sockets. */
  unlink(): void {
    this.#bound.unlink();
  }

  close(): void {
    this.#bound.close();
    for (const stop of this.#stops.splice(0)) void stop(false);
    this.#http.close();
    this.#http.closeAllConnections();
    this.#watch.stop();
  }
}

/** The sockets of `--status`. */
export async function openStatusSockets(
  options: Options,
  activation: Activation,
  bound: BoundSockets,
): Promise<readonly ListeningSocket[]> {
  const any: Options = { ...options, addressFamily: undefined, socketType: undefined };
  const places = statusPlaces(any, activation);
  const inherited = adoptAll(places, any);
  await bound.bind(places, any);
  return [...inherited, ...bound.sockets];
}
