import { addon, control, controlDispatching } from './layout.js';

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

/** What Node runs between two timers of one tick: promise jobs and ticks. It costs 35 ns when there are none. With
 *  --pending-deprecation another function, which warns, is in its place. */
const { _tickCallback: tickCallback } = process as { _tickCallback?: () => void };
const runTicks = tickCallback?.name === 'runNextTicks' ? tickCallback : undefined;

/** What is put off by `afterTicks`. */
let due: (() => void) | undefined;
/** Records are being handled: what is due runs with the ticks that they bring about. */
let isTurn = false;

/** Run something when promise jobs and ticks have run, once for all that ask meanwhile. In a turn that costs nothing
 *  (a tick of its own for each request takes 0.2 us); elsewhere it is a tick. */
export function afterTicks(run: () => void): void {
  if (isTurn) due = run;
  else process.nextTick(run);
}

/** Records are handled from here on. */
export function beginTurn(): void {
  isTurn = runTicks !== undefined;
}

/** @param isHandled No record has thrown: then ticks may run. */
export function endTurn(isHandled: boolean): void {
  if (isHandled && due !== undefined) ranTicks();
  isTurn = false;
  // Ticks are left: it runs behind them.
  if (due !== undefined) process.nextTick(due);
  due = undefined;
}

/** Run promise jobs and ticks, and what is due then. What one throws is uncaught here: further up Node would find its
 *  async ids in disorder.
 *  @returns false when they did not all run: the core has to return to the loop of events, which runs the rest. */
export function ranTicks(): boolean {
  if (runTicks === undefined) return false;
  try {
    runTicks();
    while (due !== undefined) {
      const run = due;
      due = undefined;
      run();
      runTicks();
    }
    return true;
  } catch (error) {
    addon.fatalException(error);
    return false;
  }
}
