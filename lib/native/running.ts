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
  running = exchange;
  opened = undefined;
  try {
    exchange.server.handler.handle(exchange);
  } finally {
    running = undefined;
    const request = opened as BodyStream | undefined;
    opened = undefined; // Who keeps it keeps its request from the garbage collector.
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
