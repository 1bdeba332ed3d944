import type { NativeExchange } from './exchange.js';
import { hasFrames } from './frames.js';

/** The one whose handler runs. */
let running: NativeExchange | undefined;
/** Its request, when it has been treated as a stream. */
let opened: BodyStream | undefined;

/** What a request is as a stream. */
interface BodyStream {
  push(chunk: null): boolean;
  /** Begin to read the body. */
  startBody(): void;
}

export function runHandler(exchange: NativeExchange): void {
  // An answer may make room for a request that waited: its handler runs within this one.
  const outer = running;
  const outerOpened = opened;
  running = exchange;
  opened = undefined;
  try {
    exchange.server.handler.handle(exchange);
  } finally {
    running = outer;
    const request = opened as BodyStream | undefined;
    opened = outerOpened;
    request?.startBody();
  }
  if (hasFrames) exchange.keepScope();
}

/** With node:http the body of a request comes, or ends, when its handler has returned.
 *  @param request Of `exchange`. */
export function openWithHandler(exchange: NativeExchange, request: BodyStream): void {
  if (running === exchange) opened = request;
  else request.startBody();
}

/** Whether its handler has not returned. */
export function isRunning(exchange: NativeExchange): boolean {
  return running === exchange;
}
