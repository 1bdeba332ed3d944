import {
  problemAcceptPaused,
  problemAcceptResumed,
  problemBodyGone,
  problemContentLength,
  problemDescriptorLost,
  problemListenerLost,
  problemResponseHead,
} from './layout.js';

/** What the log says of that which the core reports, by its code. */
export const problems: Readonly<Record<number, string>> = {
  [problemContentLength]:
    'a response did not match its Content-Length; its connection was closed. Send as many bytes as the header says.',
  [problemResponseHead]: 'a response head was not valid HTTP; 500 was sent instead',
  [problemAcceptPaused]:
    'no descriptor or memory is left for new connections; they wait. Raise the limit of open files (ulimit -n).',
  [problemAcceptResumed]: 'new connections are accepted again',
  [problemListenerLost]:
    'a listening socket was shut down by somebody who shares it; it accepts no more. Start the processes again.',
  [problemBodyGone]:
    'the memory of a response body was transferred or shrunk before it was sent; its connection was cut. Copy what is transferred.',
  [problemDescriptorLost]:
    'the descriptor of a connection was closed by something else in this process; the connection is lost. Close only what was opened.',
};
