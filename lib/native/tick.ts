let current = 0;
let isWatched = false;

/** The number of this tick, that is, of what runs until process.nextTick() has its turn: what node:http writes is sent
 *  then. Who asks has the next number begin there, once for all that ask in the same tick. */
export function thisTick(): number {
  if (!isWatched) {
    isWatched = true;
    process.nextTick(pass);
  }
  return current;
}

function pass(): void {
  isWatched = false;
  current++;
}
