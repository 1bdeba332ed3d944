import { kExchange, type NativeRequest } from './request.js';

// With node:http what the last bytes of a body have brought about in promises and ticks has run before its end comes:
// parsers of forms tell an error from an end by it. Bytes and end come here in one record, so the end waits for the
// event loop to go round.

/** Those whose body is complete. */
let waiting: NativeRequest[] = [];

/** How many end at once: what they answer is sent before the others have their turn. */
const endsMax = 8;

export function endLater(request: NativeRequest): void {
  if (waiting.push(request) === 1) setImmediate(endSome);
}

function endSome(): void {
  const some = waiting.slice(0, endsMax);
  waiting = waiting.slice(endsMax);
  if (waiting.length > 0) setImmediate(endSome);
  for (const request of some) request[kExchange].scope.runInAsyncScope(end, undefined, request);
}

function end(request: NativeRequest): void {
  request.push(null);
}
