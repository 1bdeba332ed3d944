import { addon } from './layout.js';

// What keeps the process alive: servers that listen, and connections. Those whose clients wait for the program to read on
// do not, as with node:http, once nothing listens.

let refs = 0;
let flushes = false;

/** One more server that keeps the process alive. */
export function refCore(): void {
  if (refs++ === 0) addon.setRef(true);
}

/** One server less. */
export function unrefCore(): void {
  flushAtEnd();
  if (--refs === 0) addon.setRef(false);
}

/** From now on connections alone may have to keep the process alive. What is written to them in the last turn of the event
 *  loop is sent, and may make it go on: the core looks once more when the loop has nothing left. Not earlier, so that what
 *  the program's own listeners of 'beforeExit' write is there. */
export function flushAtEnd(): void {
  if (flushes) return;
  flushes = true;
  process.on('beforeExit', addon.flush);
}
