import type { NativeExchange } from './exchange.js';

/** The exchanges that the core knows, by index. */
export const exchanges: (NativeExchange | undefined)[] = [];

/** Those of a connection that have no whole answer yet, in no order. */
export function unansweredOn(connection: number): NativeExchange[] {
  return exchanges.filter((each): each is NativeExchange => each?.connection === connection && !each.ended);
}
