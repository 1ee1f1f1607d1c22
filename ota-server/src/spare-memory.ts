import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SERVER_LIMITS } from './limits.ts';

/** Shares of the time in which the process has something to do. */
const BUSY = 0.75;
const CALM = 0.5;

/** Says when a burst is over. */
export class Bursts {
  #wasBusy = false;

  /** @param utilization share of the time since the last call. @returns true for the first calm time after a busy one */
  isOver(utilization: number): boolean {
    if (utilization >= BUSY) this.#wasBusy = true;
    if (utilization >= CALM || !this.#wasBusy) return false;
    this.#wasBusy = false;
    return true;
  }
}

type Collect = (how: { type: 'major'; flavor: 'last-resort' }) => void;
let collect: Collect | null = null;

/**
 * Collects all garbage and gives the memory back at once, as V8 does before it runs out of it: what it collects in the
 * ordinary way it keeps for itself as long as there is anything to do. Takes the thread for a moment.
 */
export function releaseMemory(): void {
  if (collect === null) {
    // The function is there for contexts that are made while the flag is set.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
    setFlagsFromString('--no-expose-gc');
  }
  collect({ type: 'major', flavor: 'last-resort' });
}

/** Gives back what was needed while a whole fleet came, when that is over. */
export function releaseAfterBursts(lookMs: number = SERVER_LIMITS.burstLookMs): NodeJS.Timeout {
  const bursts = new Bursts();
  let last = performance.eventLoopUtilization();
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    if (bursts.isOver(performance.eventLoopUtilization(now, last).utilization)) releaseMemory();
    last = now;
  };
  return setInterval(look, lookMs).unref();
}
