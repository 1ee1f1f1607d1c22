import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ServerAnswer } from '../ports.ts';

/** A server's word counts for this long at most: nobody shall put a device to sleep. */
const RETRY_AFTER_MAX_MS = 3_600_000;
const BUSY = new Set([429, 503]);

/** Milliseconds that an answer asks to wait, null where it does not. Seconds or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(answer: Pick<ServerAnswer, 'status' | 'headers'>, now: number): number | null {
  const header = answer.headers['retry-after'];
  if (!BUSY.has(answer.status) || header === undefined) return null;
  const wait = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) && wait > 0 ? Math.min(wait, RETRY_AFTER_MAX_MS) : null;
}

/** The server is there and asks for patience. */
export class ServerBusy extends NodeosError {
  readonly waitMs: number;
  constructor(message: string, waitMs: number) {
    super('FETCH_FAILED', message);
    this.waitMs = waitMs;
  }
}
