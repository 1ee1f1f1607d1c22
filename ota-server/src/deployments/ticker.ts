/** How much longer than a step the rest after it is. */
const REST = 4;
/** Timers take at most so much; a later moment is looked at again on the way. */
const TIMER_MAX_MS = 3_600_000;

/**
 * Asks for work on deployments when something has happened to them or their time has come. One step of a deployment at
 * a time, and many events one step; after each there is a rest, so that the steps get no more than a part of the time
 * however much happens.
 */
export class Ticker {
  /** @returns when to be asked again, null for not by itself */
  readonly #step: (id: string) => Promise<number | null>;
  readonly #onFault: (error: unknown) => void;
  readonly #now: () => number;
  readonly #clock: () => number;
  readonly #dirty = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #pauses = new Map<string, NodeJS.Timeout>();
  #closed = false;

  /** @param clock milliseconds that never jump */
  constructor(
    step: (id: string) => Promise<number | null>,
    onFault: (error: unknown) => void,
    now: () => number,
    clock: () => number = () => performance.now(),
  ) {
    this.#step = step;
    this.#onFault = onFault;
    this.#now = now;
    this.#clock = clock;
  }

  /** Something happened: a step is due soon. */
  touch(id: string): void {
    if (this.#closed) return;
    this.#dirty.add(id);
    if (this.#running.has(id) || this.#pauses.has(id)) return;
    this.#pause(id, 0);
  }

  /** No step by itself for so long, whatever happens: there is something to do that comes first. */
  rest(id: string, milliseconds: number): void {
    clearTimeout(this.#pauses.get(id));
    this.#pauses.delete(id);
    if (!this.#closed) this.#pause(id, milliseconds);
  }

  /** A step now, whatever was asked for before. */
  async now(id: string): Promise<void> {
    this.#dirty.add(id);
    await this.settled(id);
  }

  /** Resolves when all that was asked for so far has been done; for all deployments where none is named. */
  async settled(id?: string): Promise<void> {
    const ids = id === undefined ? [...new Set([...this.#dirty, ...this.#running.keys()])] : [id];
    for (const each of ids) {
      await this.#running.get(each);
      if (this.#dirty.has(each)) await this.#run(each);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of [...this.#timers.values(), ...this.#pauses.values()]) clearTimeout(timer);
    await Promise.allSettled(this.#running.values());
  }

  #run(id: string): Promise<void> {
    const known = this.#running.get(id);
    if (known !== undefined) return known;
    const running = this.#steps(id).finally(() => this.#running.delete(id));
    this.#running.set(id, running);
    return running;
  }

  async #steps(id: string): Promise<void> {
    clearTimeout(this.#pauses.get(id));
    this.#pauses.delete(id);
    const began = this.#clock();
    try {
      for (let again = true; again && !this.#closed; ) {
        this.#dirty.delete(id);
        const wakeAt = await this.#step(id);
        again = wakeAt !== null && wakeAt <= this.#now();
        if (!again) this.#wakeAt(id, wakeAt);
      }
    } catch (error) {
      this.#onFault(error);
      this.#wakeAt(id, this.#now() + 1000);
      throw error;
    } finally {
      if (!this.#closed) this.#pause(id, (this.#clock() - began) * REST);
    }
  }

  #wakeAt(id: string, at: number | null): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    if (at === null || this.#closed) return;
    const timer = setTimeout(() => this.touch(id), Math.min(TIMER_MAX_MS, Math.max(1, at - this.#now())));
    this.#timers.set(id, timer.unref());
  }

  #pause(id: string, milliseconds: number): void {
    if (this.#pauses.has(id)) return;
    const timer = setTimeout(() => {
      this.#pauses.delete(id);
      if (this.#dirty.has(id) && !this.#closed) this.#run(id).catch(() => undefined);
    }, milliseconds);
    this.#pauses.set(id, timer.unref());
  }
}
