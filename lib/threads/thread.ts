import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { ListeningSocket } from '../backends/backend.js';
import { ChaussetteError } from '../errors.js';
import { Log } from '../log.js';
import { descriptors } from '../native/binding.js';
import { reportUncaught, Server } from '../server.js';
import { describeErrno } from '../sockets/errno.js';
import { type News, type Order, packError, type ThreadData } from './messages.js';

// The first file of a worker thread: a server of its own, on descriptors of its own of the sockets that the main thread
// opened. What the main thread decides (signals, hooks, the drain) arrives as orders.

function main(port: MessagePort, data: ThreadData): void {
  const log = new Log({ ...data.options, thread: data.number });
  const tell = (news: News): void => port.postMessage(news);
  let give: ((sockets: readonly ListeningSocket[]) => void) | undefined;
  const given = new Promise<readonly ListeningSocket[]>((resolve) => {
    give = resolve;
  });
  const server: Server = new Server({
    ...data,
    log,
    quiet: true,
    sockets: async (description) => {
      tell({ type: 'loaded', description, file: server.file });
      return (await given).map(duplicate);
    },
  });
  port.on('message', (order: Order) => {
    if (order.type === 'serve') give?.(order.sockets);
    else if (order.type === 'reload') server.reload();
    else if (order.type === 'retire') server.backend?.retire?.();
    else if (order.type === 'report') void report(server, tell);
    else void close(server, order.drainMs, tell);
  });
  process.on('uncaughtException', (error) => reportUncaught(error, log, server.throwingExchange()));
  process.on('unhandledRejection', (reason) => reportUncaught(reason, log));
  server.exhausted.then(() => tell({ type: 'retired' }));
  server.start().then(
    () => tell({ type: 'serving' }),
    (error) => tell({ type: 'failed', error: packError(error) }),
  );
}

async function close(server: Server, drainMs: number, tell: (news: News) => void): Promise<void> {
  const { cut } = await server.close({ drainMs });
  await report(server, tell); // Its last numbers.
  tell({ type: 'closed', cut });
}

async function report(server: Server, tell: (news: News) => void): Promise<void> {
  tell({
    type: 'report',
    stats: server.stats(),
    measures: server.backend?.measures?.(),
    open: await server.openRequests(),
  });
}

/** Closing it leaves the others theirs. */
function duplicate(socket: ListeningSocket): ListeningSocket {
  const fd = descriptors().duplicate(socket.fd);
  if (fd >= 0) return { ...socket, fd };
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_SOCKET',
    `${socket.display} cannot be shared with a thread: ${describeErrno(fd)}`,
    { hint: 'Raise the limit of open files (ulimit -n).' },
  );
}

if (parentPort !== null) main(parentPort, workerData as ThreadData);
