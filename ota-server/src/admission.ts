export interface AdmissionLimits {
  readonly perSecond: number;
  readonly burst: number;
  /** Requests that have come in and are not answered yet. */
  readonly atOnce: number;
  /** How many come again in a second where those that are in are too many. */
  readonly whenFullPerSecond: number;
}

/**
 * Lets so many requests a second in, a burst at most, and no more at once than can be answered in time; gives each of
 * the others its own later moment: a fleet that comes back at once is spread out by the answers it gets.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;
  #inside = 0;
  /** The first moment that was not yet promised to anybody. */
  #nextFreeMs = 0;

  /** @param now milliseconds of a clock that never jumps */
  constructor(limits: AdmissionLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#tokens = limits.burst;
    this.#filledAt = now();
  }

  /** Null where the request may come in, which then ends with `left`; else the whole seconds after which to come again. */
  ask(maximumSeconds: number): number | null {
    const { perSecond, burst, atOnce, whenFullPerSecond } = this.#limits;
    const now = this.#now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    const isFull = this.#inside >= atOnce;
    if (this.#tokens >= 1 && !isFull) {
      this.#tokens--;
      this.#inside++;
      return null;
    }
    // Half of the rate is promised: the other half is for those that come unannounced.
    const step = isFull ? 1000 / whenFullPerSecond : 2000 / perSecond;
    this.#nextFreeMs = Math.max(this.#nextFreeMs, now + 1000) + step;
    if (this.#nextFreeMs - now > maximumSeconds * 1000) this.#nextFreeMs = now + 1000;
    return Math.ceil((this.#nextFreeMs - now) / 1000);
  }

  left(): void {
    this.#inside--;
  }
}
