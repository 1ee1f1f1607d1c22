import { NodeosError } from '@nodeos/contracts/errors.ts';

const WINDOW_MS = 60_000;

/** Counts failed attempts of an address within a minute: guessing tokens is slow. */
export class AttemptLimit {
  readonly #maximum: number;
  readonly #now: () => number;
  #windowStart = 0;
  #failures = new Map<string, number>();

  constructor(maximum: number, now: () => number = Date.now) {
    this.#maximum = maximum;
    this.#now = now;
  }

  /** @throws NodeosError RATE_LIMITED */
  check(address: string): void {
    if (this.#now() - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = this.#now();
      this.#failures = new Map();
    }
    if ((this.#failures.get(address) ?? 0) >= this.#maximum)
      throw new NodeosError('RATE_LIMITED', `too many failed attempts from ${address}; wait a minute`);
  }

  failed(address: string): void {
    this.#failures.set(address, (this.#failures.get(address) ?? 0) + 1);
  }
}
