import type { ListeningSocket } from '../backends/backend.js';
import type { Reporter } from '../exchange.js';

/** As people read it in a message: nothing but the descriptor is needed of it. */
export function listeningSocket(fd: number): ListeningSocket {
  return { fd, family: 'inet', display: `fd ${fd}` };
}

/** How a server that a program has made tells of what goes wrong. */
export const reporter: Reporter = {
  applicationError(error) {
    // A handler of node:http that throws is an uncaught error.
    process.nextTick(() => {
      throw error;
    });
  },
  warn(message) {
    process.emitWarning(message, 'ChaussetteWarning');
  },
};
