import { createServer, type Socket } from 'node:net';
import { ChaussetteError } from '../errors.js';
import { Acceptor } from '../native/acceptor.js';
import { loadAddon } from '../native/binding.js';
import type { ListeningSocket } from './backend.js';
import { afterPoll } from './http-connection.js';

/** More than any kernel allows: it clamps the number to net.core.somaxconn (listen(2)). */
const backlogMax = 65_535;

/** What a draining server takes from the queues of its own sockets; as much as the kernel queues by default. */
const drainAcceptsMax = 4096;

/** @param empty Whether what waits is to be served. */
export type Stop = (empty: boolean) => Promise<void>;

/** Accept on one socket.
 *  @param onSocket Called with each connection, paused. @param warn For the log.
 *  @param optional Accepting does not keep the process alive.
 *  @returns What stops it, taking first what waits in a queue that is nobody else's, if that is wanted.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_BIND. */
export async function acceptOn(
  socket: ListeningSocket,
  onSocket: (socket: Socket) => void,
  warn: (message: string) => void,
  optional = false,
): Promise<Stop> {
  if (socket.listen === undefined && 'addon' in loadAddon()) {
    const acceptor = new Acceptor(onSocket, warn);
    const error = acceptor.start(socket.fd);
    if (error !== 0) throw cannotListen(socket, `errno ${-error}`, undefined);
    if (optional) acceptor.unref();
    return async (empty) => acceptor.close(empty && socket.shared !== true);
  }
  return listenWithNode(socket, onSocket, warn, optional);
}

/** node:net calls listen(2) on a descriptor although it listens already, with a backlog of 511 unless one is given as
 *  an argument of its own; a smaller one would shrink the queue that parent and siblings share. */
function listenWithNode(
  socket: ListeningSocket,
  onSocket: (socket: Socket) => void,
  warn: (message: string) => void,
  optional: boolean,
): Promise<Stop> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  server.on('connection', onSocket);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(socket, cause.message, cause)));
    const options = socket.listen ?? { fd: socket.fd };
    const done = (): void => {
      if (optional) server.unref();
      server.removeAllListeners('error').on('error', (error) => warn(`accept: ${error.message}`));
      resolve(() => new Promise((closed) => server.close(() => closed())));
    };
    if (options.fd !== undefined) server.listen({ fd: options.fd }, backlogMax, done);
    else server.listen(options, done);
  });
}

function cannotListen({ display }: ListeningSocket, why: string, cause: unknown): ChaussetteError {
  const hint = 'See whether another process uses the address, and whether this one may.';
  return new ChaussetteError('CHAUSSETTE_ERR_BIND', `cannot listen on ${display}: ${why}`, { cause, hint });
}

/** Accept until a look at the sockets brings nothing more. @param accepted How many connections have come so far. */
export async function emptyQueues(accepted: () => number): Promise<void> {
  const most = accepted() + drainAcceptsMax;
  for (let before = -1; before < accepted() && before < most; ) {
    before = accepted();
    await new Promise<void>(afterPoll);
  }
}
