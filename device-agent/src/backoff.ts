/** Waiting times grow from `baseMs` to `capMs` by doubling. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Milliseconds to wait after the given number of failures in a row (1 and up): half of it fixed, half random, so that
 * a fleet that lost its server at one moment does not come back at one moment.
 */
export function backoffDelay(failures: number, { baseMs, capMs }: Backoff, random: () => number = Math.random): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30));
  return Math.round(full / 2 + (random() * full) / 2);
}

/** Resolves after the time or when the signal is given, whichever is first. */
export function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener('abort', end);
  });
}

/**
 * Calls `attempt` until it succeeds.
 * @param onFailure gets each error and the time to the next attempt
 */
export async function retryForever<T>(
  attempt: () => Promise<T>,
  backoff: Backoff,
  onFailure: (error: unknown, nextMs: number, failures: number) => void,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      const waitMs = backoffDelay(failures, backoff);
      onFailure(error, waitMs, failures);
      await delay(waitMs);
    }
  }
}
