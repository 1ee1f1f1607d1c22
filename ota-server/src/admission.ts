/**
 * Lets so many requests a second in, a burst at most, and gives each of the others its own later moment: a fleet that
 * comes back at once is spread out by the answers it gets.
 */
export class Admission {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;
  /** The first moment that was not yet promised to anybody. */
  #nextFreeMs = 0;

  /** @param now milliseconds of a clock that never jumps */
  constructor(perSecond: number, burst: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#filledAt = now();
  }

  /** Null where the request may come in, else the whole seconds after which to come again. */
  ask(maximumSeconds: number): number | null {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return null;
    }
    // Half of the rate is promised: the other half is for those that come unannounced.
    this.#nextFreeMs = Math.max(this.#nextFreeMs, now + 1000) + 2000 / this.#perSecond;
    if (this.#nextFreeMs - now > maximumSeconds * 1000) this.#nextFreeMs = now + 1000;
    return Math.ceil((this.#nextFreeMs - now) / 1000);
  }
}
