export interface Clock {
  /** Milliseconds. */
  now(): number;
  wait(milliseconds: number): Promise<void>;
}
const CLOCK: Clock = {
  now: () => performance.now(),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/**
 * Work that many ask for at once. Whoever asks gets what was begun after that, together with all who ask until it begins;
 * between two runs there is a pause of so many times as long as the work took.
 */
export class SharedWork<T> {
  readonly #work: () => Promise<T>;
  readonly #pauseShare: number;
  readonly #clock: Clock;
  #next: Promise<T> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(work: () => Promise<T>, pauseShare: number, clock: Clock = CLOCK) {
    this.#work = work;
    this.#pauseShare = pauseShare;
    this.#clock = clock;
  }

  get(): Promise<T> {
    this.#next ??= this.#last.then(() => this.#run());
    return this.#next;
  }

  #run(): Promise<T> {
    this.#next = null;
    const began = this.#clock.now();
    const result = this.#work();
    const pause = (): Promise<void> => this.#clock.wait(this.#pauseShare * (this.#clock.now() - began));
    this.#last = result.then(pause, pause);
    return result;
  }
}
