import { exchanges } from './exchanges.js';
import { addon, commandWords } from './layout.js';

// node:http sends with the end of a response, and tells of it in the next tick. So what is ended for somebody who waits
// for that is sent in the next tick here, all that was ended in one tick at once.

let isDue = false;
/** Of those that have left already, and are told in the next tick: three words each, as the core gives them. */
let left: number[] = [];

/** Send in the next tick, and tell those that wait for it. */
export function sendSoon(): void {
  if (isDue) return;
  isDue = true;
  process.nextTick(sendDue);
}

/** Send at once: somebody asks what has left. */
export function sendNow(): void {
  const count = addon.sendNow();
  // The next command is written to where these stand.
  for (let i = 0; i < 3 * count; i++) left.push(commandWords[i] as number);
  if (left.length > 0) sendSoon();
}

/** Send at once what somebody waits for: the connection is about to end, and as with node:http those hear of it in the
 *  next tick. */
export function sendBeforeEnd(): void {
  if (isDue) sendNow();
}

function sendDue(): void {
  isDue = true; // What is found now is told below.
  sendNow();
  isDue = false;
  const list = left;
  left = [];
  if (list.length > 0) tell(list, 0);
}

/** @param list Index, generation and code of each. @param first Of those that are left. */
function tell(list: readonly number[], first: number): void {
  let at = first;
  let connection: number | undefined;
  try {
    while (at < list.length) {
      const exchange = exchanges[list[at] as number];
      const [generation, code] = [list[at + 1], list[at + 2] as number];
      if (exchange === undefined || exchange.generation !== generation) {
        at += 3;
        continue;
      }
      // As with node:http, one that was pipelined has its turn when the one in front is closed.
      if (exchange.connection === connection) return;
      connection = exchange.connection;
      at += 3;
      exchange.scope.runInAsyncScope(exchange.flushed, exchange, code);
    }
  } finally {
    // Also when a listener has thrown, which is no reason for the others to hear nothing.
    if (at < list.length) process.nextTick(tell, list, at);
  }
}
