import { backoffDelay } from '../backoff.ts';
import { ServerBusy } from './retry-after.ts';

const RETRY_BACKOFF = { baseMs: 200, capMs: 30_000 };

export interface Rhythm {
  readonly intervalMs: number;
  /** How near its time must be for `nowIfSoon`. */
  readonly soonMs: number;
  /** Called when its time has come by itself: something else may go along. */
  readonly onTime: () => void;
}
export interface Repetition {
  /** Does it now; resolves when it was done, or could not be. */
  now(): Promise<void>;
  /** What failed before may work now. */
  retryNow(): void;
  /** Does it now if its time comes soon. */
  nowIfSoon(): void;
  stop(): void;
}

/**
 * Does `work` when asked to and at intervals; after a failure sooner, with growing waits. Never twice at once.
 * @param onFault the first of several failures
 */
export function repeat(
  { intervalMs, soonMs, onTime }: Rhythm,
  work: () => Promise<void>,
  onFault: (error: unknown) => void,
): Repetition {
  let timer: NodeJS.Timeout | null = null;
  let isSoon = false;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let failures = 0;
  let askedToWaitMs: number | null = null;

  async function run(): Promise<void> {
    do {
      again = false;
      try {
        await work();
        failures = 0;
        askedToWaitMs = null;
      } catch (error) {
        failures++;
        askedToWaitMs = error instanceof ServerBusy ? error.waitMs : null;
        if (failures === 1) onFault(error);
      }
    } while (again && failures === 0 && !stopped);
    running = null;
    // Half a tenth more or less, so that a fleet does not come in step.
    let nextMs = failures > 0 ? backoffDelay(failures, RETRY_BACKOFF) : intervalMs * (0.95 + Math.random() / 10);
    // The server gives each device its own moment.
    if (askedToWaitMs !== null) nextMs = askedToWaitMs * (1 + Math.random() / 20);
    if (stopped) return;
    const restMs = Math.min(nextMs, soonMs);
    timer = setTimeout(() => {
      isSoon = true;
      timer = setTimeout(() => {
        void now();
        onTime();
      }, restMs);
    }, nextMs - restMs);
  }

  function now(): Promise<void> {
    if (stopped) return Promise.resolve();
    if (running) {
      again = true;
      return running;
    }
    if (timer) clearTimeout(timer);
    isSoon = false;
    running = run();
    return running;
  }

  return {
    now,
    retryNow() {
      if (failures === 0) return;
      failures = 0;
      void now();
    },
    nowIfSoon() {
      // One that failed has times of its own.
      if (isSoon && failures === 0) void now();
    },
    stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
    },
  };
}
