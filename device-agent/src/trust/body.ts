import type { Readable } from 'node:stream';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';

export interface RateLimits {
  readonly fetchMinBytesPerSecond: number;
  readonly fetchRateWindowMs: number;
}

/** Looks at the rate this often in a window: a window may be that part longer than it says. */
const CHECKS_A_WINDOW = 4;

/**
 * Pieces of an answer's body. Time in which the caller works on a piece does not count against the rate.
 * @param what names the file in errors
 * @throws NodeosError FETCH_STALLED below the minimum rate, FETCH_FAILED where the connection broke
 */
export async function* readBody(body: Readable, what: string, limits: RateLimits): AsyncGenerator<Buffer> {
  const needed = (limits.fetchMinBytesPerSecond * limits.fetchRateWindowMs) / 1000;
  let waiting = true;
  let received = 0;
  let checks = 0;
  const timer = setInterval(() => {
    if (!waiting || ++checks < CHECKS_A_WINDOW) return;
    if (received < needed) {
      const seconds = limits.fetchRateWindowMs / 1000;
      body.destroy(new NodeosError('FETCH_STALLED', `${what}: only ${received} bytes in ${seconds} s`));
    }
    received = 0;
    checks = 0;
  }, limits.fetchRateWindowMs / CHECKS_A_WINDOW);
  try {
    for await (const piece of body) {
      waiting = false;
      received += (piece as Buffer).length;
      yield piece as Buffer;
      waiting = true;
    }
  } catch (cause) {
    if (isNodeosError(cause)) throw cause;
    throw new NodeosError('FETCH_FAILED', `${what}: ${(cause as Error).message}`, { cause });
  } finally {
    clearInterval(timer);
    body.destroy();
  }
}
