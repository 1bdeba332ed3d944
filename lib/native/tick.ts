/** The number of this tick, that is, of what runs until process.nextTick() has its turn: what node:http writes is sent
 *  then. Who asks has the next number begin there, once for all that ask in the same tick. */
export const thisTick = countPeriods((next) => process.nextTick(next));

/** The same of a round of the event loop. */
export const thisRound = countPeriods((next) => void setImmediate(next));

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
