import type { NativeExchange } from './exchange.js';

// As with node:http all requests of a connection that is gone learn of it, 'aborted', before the first of them hears
// 'close': so that waits for the last record of an abort.

let gone: NativeExchange[] = [];

/** Tell a request that its client is gone. @param how A ConnectionEnd of the core. */
export function tellGone(exchange: NativeExchange, how: number): void {
  if (gone[0] !== undefined && gone[0].connection !== exchange.connection) closeGone();
  gone.push(exchange);
  let isTold = false;
  try {
    exchange.tellAborted(how);
    isTold = true;
  } finally {
    if (!isTold) closeGone(); // A listener has thrown.
  }
}

/** Tell 'close' to those that have been told. */
export function closeGone(): void {
  if (gone.length === 0) return;
  const list = gone;
  gone = [];
  closeFrom(list, 0);
}

function closeFrom(list: readonly NativeExchange[], first: number): void {
  let at = first;
  try {
    while (at < list.length) {
      const exchange = list[at++] as NativeExchange;
      exchange.scope.runInAsyncScope(exchange.tellClosed, exchange);
    }
  } finally {
    if (at < list.length) process.nextTick(closeFrom, list, at);
  }
}
