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

/** V8's collector, which is there for contexts that are made while its flag is set. */
function exposedCollector(): (how: { type: 'major'; flavor: 'last-resort' }) => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return collect;
}

/**
 * Gives back what was needed while a whole fleet came, when that is over: collects as V8 does before it runs out of
 * memory, because what it collects in the ordinary way it keeps as long as there is anything to do. Takes the thread for
 * a moment.
 */
export function releaseAfterBursts(lookMs: number = SERVER_LIMITS.burstLookMs): NodeJS.Timeout {
  const collect = exposedCollector();
  const bursts = new Bursts();
  let last = performance.eventLoopUtilization();
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    if (bursts.isOver(performance.eventLoopUtilization(now, last).utilization))
      collect({ type: 'major', flavor: 'last-resort' });
    last = now;
  };
  return setInterval(look, lookMs).unref();
}
