import { addon, control, controlDispatching, dispatchingInPoll } from './layout.js';

/** The number of this tick, that is, of what runs until process.nextTick() has its turn: what node:http writes is sent
 *  then. Who asks has the next number begin there, once for all that ask in the same tick. */
export const thisTick = countPeriods((next) => process.nextTick(next));

/** The same of a round of the event loop. */
export const thisRound = countPeriods((next) => void setImmediate(next));

/** As node:http closes what it has destroyed: when what was put off with setImmediate() by now, or in this tick, has run.
 *  Where the core calls before the event loop polls, only what was by now: a client in this process must not see it
 *  first. */
export function afterImmediates(run: () => void): void {
  if (control[controlDispatching] === dispatchingInPoll) setImmediate(() => setImmediate(run));
  else setImmediate(run);
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

/** What is put off by `beforeTicks`. */
let due: (() => void) | undefined;
/** Handlers run, and no ticks. */
let isHandling = false;
let rounds = 0;

/** How often ticks have had their turn behind handlers. */
export function roundOfTicks(): number {
  return rounds;
}

/** Whether handlers of that round run, or ticks and promise jobs that they have brought about. */
export function isInRound(round: number): boolean {
  return round === rounds && control[controlDispatching] !== 0;
}

/** Run something when the handlers that run now have returned, and before the ticks that they have brought about; once
 *  for all that ask meanwhile. It costs next to nothing, where a tick for each request takes 0.2 us.
 *  @returns false, and nothing is put off, when none runs. */
export function beforeTicks(run: () => void): boolean {
  if (isHandling) due = run;
  return isHandling;
}

/** Whether a handler runs now, and none of the promise jobs and ticks that it has brought about. */
export function inHandler(): boolean {
  return isHandling;
}

/** Records are handled from here on. */
export function beginHandling(): void {
  rounds++;
  isHandling = true;
}

/** They are handled, or one has thrown. Ticks run next. */
export function endHandling(): void {
  isHandling = false;
  const run = due;
  due = undefined;
  run?.();
}

/** Run promise jobs and ticks. What one throws is uncaught here: further up Node would find its async ids in disorder.
 *  @returns false when they did not all run: the core has to return to the loop of events, which runs the rest. */
export function ranTicks(): boolean {
  if (runTicks === undefined) return false;
  endHandling();
  try {
    runTicks();
    beginHandling();
    return true;
  } catch (error) {
    addon.fatalException(error);
    return false;
  }
}
