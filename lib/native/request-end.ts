import { control, controlAgain } from './layout.js';
import type { NativeRequest } from './request.js';
import { kExchange } from './request-head.js';
import { ranTicks } from './tick.js';

// With node:http what the last bytes of a body have brought about in promises and ticks has run before its end comes:
// parsers of forms tell an error from an end by it. Bytes and end come here in one record, so the end waits until the
// core calls once more.

/** Those whose body is complete. */
let waiting: NativeRequest[] = [];
let hasImmediate = false;

/** How many end at once: what they answer is sent before the others have their turn. */
const endsMax = 8;

export function endLater(request: NativeRequest): void {
  if (waiting.push(request) === 1) askAgain();
}

function askAgain(): void {
  control[controlAgain] = 1;
  if (hasImmediate) return;
  hasImmediate = true;
  setImmediate(goOnLate);
}

/** Outside of a call of the core nobody looks at what it is asked. */
function goOnLate(): void {
  hasImmediate = false;
  endSome();
}

/** As with node:http, what has come with a request is told, and what that brings about has run, before anything else
 *  comes. @returns As `ranTicks`. */
export function ranEnds(): boolean {
  if (control[controlAgain] === 0) return true;
  endSome();
  return ranTicks();
}

function endSome(): void {
  control[controlAgain] = 0;
  const some = waiting.slice(0, endsMax);
  waiting = waiting.slice(endsMax);
  if (waiting.length > 0) askAgain();
  for (const request of some) request[kExchange].scope.runInAsyncScope(end, undefined, request);
}

function end(request: NativeRequest): void {
  try {
    request[kExchange].body?.told();
    request.push(null);
  } catch (error) {
    // A listener of 'readable' has thrown: that is its request's, and must not keep the others from their end.
    throwInTick(request, error);
  }
}

/** Throw what a listener has thrown, where it is known whose it is. */
export function throwInTick(request: NativeRequest, error: unknown): void {
  request[kExchange].resource.runInAsyncScope(throwLater, undefined, error);
}

function throwLater(error: unknown): void {
  process.nextTick(rethrow, error);
}

function rethrow(error: unknown): never {
  throw error;
}
