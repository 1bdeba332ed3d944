import type { ListeningSocket } from '../backends/backend.js';
import { Server, type ServerSetup } from '../server.js';
import { adopt } from '../sockets/inherit.js';

/** Of the process that runs the application under the reloader: the one end of a stream between them. */
export const channelFd = 3;

/** Names the sockets, as JSON. */
export const variable = 'CHAUSSETTE_RELOADED';

/** On the descriptors behind the channel, in order. */
export interface Handed {
  readonly sockets: readonly ListeningSocket[];
  /** Of `--status`. */
  readonly status: readonly ListeningSocket[];
}

/** A line of JSON each, to the reloader, which asks for a `pong` by one byte; the end says that it is gone. */
export type ReloadNews =
  | { readonly type: 'serving'; readonly file: string | undefined }
  | { readonly type: 'pong' };

/** A server under the reloader: on its sockets, and ended by its end. */
export class ReloadedServer extends Server {
  /** @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET when somebody else has set the variable. */
  constructor(setup: ServerSetup) {
    // Taken over before the application is loaded.
    const handed = takeHanded(process.env, setup.options.backlog);
    // Its sockets go on serving without it.
    const options = { ...setup.options, drainDelay: 0 };
    super({ ...setup, options, sockets: async () => handed.sockets, statusSockets: handed.status });
  }

  override async start(): Promise<void> {
    await super.start();
    const { Socket } = await import('node:net');
    const channel = new Socket({ fd: channelFd });
    const tell = (news: ReloadNews): void => {
      channel.write(`${JSON.stringify(news)}\n`);
    };
    channel.on('error', () => {}); // 'close' follows.
    channel.on('close', () => process.kill(process.pid, 'SIGTERM'));
    channel.on('data', (data) => {
      // One letter for each question.
      for (let n = 0; n < data.length; n++) this.respond().then(() => tell({ type: 'pong' }));
    });
    channel.unref();
    tell({ type: 'serving', file: this.file });
  }
}

function takeHanded(env: NodeJS.ProcessEnv, backlog: number): Handed {
  const { sockets, status } = JSON.parse(env[variable] ?? '') as Handed;
  delete env[variable];
  const take = (socket: ListeningSocket) => ({ ...socket, fd: adopt(socket.fd, backlog, {}).fd });
  return { sockets: sockets.map(take), status: status.map(take) };
}
