import { control, controlDispatching } from './layout.js';

/** The number of this tick, that is, of what runs until process.nextTick() has its turn: what node:http writes is sent
 *  then. Who asks has the next number begin there, once for all that ask in the same tick. */
export const thisTick = countPeriods((next) => process.nextTick(next));

/** The same of a round of the event loop. */
export const thisRound = countPeriods((next) => void setImmediate(next));

/** As node:http closes what it has destroyed: when what was put off with setImmediate() by now, or in this tick, has run. */
export function afterImmediates(run: () => void): void {
  if (control[controlDispatching] === 0) setImmediate(run);
  else setImmediate(() => setImmediate(run));
}

function countPeriods(later: (next: () => void) => void): () => number {
  let current = 0;
  let isWatched = false;
  const next = (): void => {
    isWatched = false;
    current++;
  };
  return () => {
    if (!isWatched) {
      isWatched = true;
      later(next);
    }
    return current;
  };
}
