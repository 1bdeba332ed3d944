import type { IncomingMessage } from 'node:http';
import type { ServerSettings } from './server-options.js';

type Callback = () => void;
const nothing: Callback = () => {};

/** What `socket.parser` shows to programs that look for it: the request that was read last, and that the parser is let
 *  go with its connection. The parsing itself is the core's, and is not to be influenced here.
 *
 *  Lifetime: made when somebody asks for it, that of its socket. */
export class SocketParser {
  /** Until its end was read and its response is sent. */
  incoming: IncomingMessage | null = null;
  readonly outgoing = null;
  socket: object | null;
  onIncoming: Callback | null = nothing;
  readonly maxHeaderPairs: number;
  readonly joinDuplicateHeaders: boolean | null;
  // The callbacks of HTTPParser, by its constants kOnMessageBegin to kOnTimeout.
  0: Callback | null = null;
  1: Callback | null = nothing;
  2: Callback | null = nothing;
  3: Callback | null = nothing;
  4: Callback | null = nothing;
  5: Callback | null = nothing;
  6: Callback | null = nothing;
  #told: IncomingMessage | undefined;

  constructor(socket: object, { maxHeadersCount, joinDuplicateHeaders }: ServerSettings) {
    this.socket = socket;
    this.maxHeaderPairs = typeof maxHeadersCount === 'number' ? maxHeadersCount * 2 : 2000;
    this.joinDuplicateHeaders = joinDuplicateHeaders || null;
  }

  /** @internal The last request of its connection. */
  reads(request: IncomingMessage): void {
    if (request === this.#told) return;
    this.#told = request;
    this.incoming = request;
    const forget = (): void => {
      if (this.incoming === request) this.incoming = null;
    };
    // A tick later: who asks in 'end' still gets it.
    if (request.readableEnded) process.nextTick(forget);
    else request.once('end', forget);
  }

  /** @internal The connection has ended. */
  letGo(): void {
    this[5] = null;
    this[6] = null;
    this.socket = this.incoming = this.onIncoming = null;
    this.free();
  }

  close(): void {}
  free(): void {}
  remove(): void {}
  consume(): void {}
  unconsume(): void {}
  pause(): void {}
  resume(): void {}
}
