import type { BodySink, HeaderList } from '../exchange.js';
import { parserError } from './node-errors.js';
import { abortRequest, kDumped, kTrailers, type NativeRequest } from './request.js';
import { endLater, throwInTick } from './request-end.js';
import { kExchange } from './request-head.js';
import { kFail } from './socket-facts.js';

/** Moves the body into the stream. */
export class RequestSink implements BodySink {
  readonly #request: NativeRequest;
  /** A listener of 'data' has, and nobody has ended the process for it: how long that piece was. 0 if none has. */
  #thrownAt = 0;

  constructor(request: NativeRequest) {
    this.#request = request;
  }

  data(chunk: Uint8Array): boolean {
    if (this.#request[kDumped]) return true;
    if (this.#thrownAt > 0) return this.#refuse(chunk);
    this.#thrownAt = chunk.length; // until it has not
    const request = this.#request;
    const { server } = request[kExchange];
    let goesOn = true;
    try {
      goesOn = request.push(chunk);
    } catch (error) {
      if (server.dropIn !== undefined) throw error;
      throwInTick(request, error);
      return true;
    }
    this.#thrownAt = 0;
    if (!goesOn) request[kExchange].knownSocket?.emit('pause');
    return goesOn;
  }

  /** As in place of node:http, whose parser takes nothing more of a connection on which somebody has thrown. */
  #refuse(rawPacket: Uint8Array): boolean {
    const { server, socket } = this.#request[kExchange];
    const error = parserError('HPE_JS_EXCEPTION', 'JS Exception', this.#thrownAt, rawPacket);
    if (server.dropIn !== undefined) socket[kFail](error, 400);
    return true;
  }

  end(trailers: HeaderList): void {
    if (this.#thrownAt > 0) return;
    this.#request[kTrailers] = trailers;
    const request = this.#request;
    if (request[kExchange].body?.isFresh === true) endLater(request);
    else request.push(null);
  }

  error(): void {
    // With node:http a request that is answered does not belong to its connection any more: it just never ends.
    const { aborted, server } = this.#request[kExchange];
    if (aborted || server.dropIn === undefined) abortRequest(this.#request);
  }
}
