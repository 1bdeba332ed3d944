import type { Handler } from './exchange.js';
import type { Options } from './options.js';

/** Count what the handler is given.
 *  @param reached Called once, when it has been given its `--max-requests`, and up to `--max-requests-jitter` more:
 *  workers that were started together do not end together.
 *  @returns The handler itself when there is no limit. */
export function countRequests(handler: Handler, options: Options, reached: () => void): Handler {
  const { maxRequests, maxRequestsJitter } = options;
  if (maxRequests === 0) return handler;
  let left = maxRequests + Math.floor(Math.random() * (maxRequestsJitter + 1));
  return {
    interface: handler.interface,
    ...(handler.nodePrototypes === undefined ? {} : { nodePrototypes: handler.nodePrototypes }),
    handle(exchange): void {
      left -= 1;
      // First, so that this response already says `connection: close`.
      if (left === 0) reached();
      handler.handle(exchange);
    },
  };
}
