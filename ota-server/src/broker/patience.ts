import { SERVER_LIMITS } from '../limits.ts';

/** How much one that was called says about how long the next one takes. */
const SHARE = 1 / 8;
/** One that asks has several such steps before it. */
const STEPS = 4;

/**
 * For how long a device that was called keeps its place: longer where those that are called take long to ask, since a
 * server that has no time for them has none for others in their place either. A slow download says nothing of it.
 */
export class Patience {
  #askMs = 0;

  /** @param askMs from the call to the question, or until now where none came */
  note(askMs: number): void {
    this.#askMs += (askMs - this.#askMs) * SHARE;
  }

  get ms(): number {
    return Math.min(SERVER_LIMITS.desiredCallMaxMs, STEPS * this.#askMs);
  }
}
