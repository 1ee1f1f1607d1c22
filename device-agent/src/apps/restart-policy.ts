import { type Backoff, backoffDelay } from '../backoff.ts';

export const RESTART_LIMITS = {
  /** An app that ran this long was well; its next end counts as the first. */
  stableMs: 60_000,
  /** Ends in a row, each before `stableMs`, that are called a crash loop. */
  loopEnds: 5,
  backoff: { baseMs: 2_000, capMs: 60_000 } satisfies Backoff,
} as const;

export interface RestartState {
  /** Ends in a row without a stable run between them. */
  readonly earlyEnds: number;
}
export interface RestartDecision {
  readonly state: RestartState;
  /** Milliseconds until the next start: 1 to 2 s at first, 30 to 60 s at last. */
  readonly delayMs: number;
  /** True at the end that makes it a crash loop, so that it is reported once. */
  readonly loopBegins: boolean;
}

export const NO_RESTARTS: RestartState = { earlyEnds: 0 };

/** What follows when an app has ended by itself after `ranMs`; it is started again for ever. */
export function decideRestart(state: RestartState, ranMs: number, random: () => number = Math.random): RestartDecision {
  const earlyEnds = ranMs >= RESTART_LIMITS.stableMs ? 1 : state.earlyEnds + 1;
  return {
    state: { earlyEnds },
    delayMs: backoffDelay(earlyEnds, RESTART_LIMITS.backoff, random),
    loopBegins: earlyEnds === RESTART_LIMITS.loopEnds,
  };
}
