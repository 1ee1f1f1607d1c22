/** Work that may wait: so much of it at once, begun in the order in which it came, and of one name once while it waits. */
export class Backlog {
  readonly #atOnce: number;
  readonly #onFault: (error: unknown, name: string) => void;
  readonly #waiting = new Map<string, () => Promise<unknown>>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(atOnce: number, onFault: (error: unknown, name: string) => void) {
    this.#atOnce = atOnce;
    this.#onFault = onFault;
  }

  /** @param name what waits under this name already does for both */
  add(name: string, work: () => Promise<unknown>): void {
    if (this.#waiting.has(name)) return;
    this.#waiting.set(name, work);
    this.#begin();
  }

  /** Resolves when there is nothing left to do. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #begin(): void {
    for (const [name, work] of this.#waiting) {
      if (this.#underWay.size >= this.#atOnce) return;
      this.#waiting.delete(name);
      const done = Promise.resolve()
        .then(work)
        .then(
          () => undefined,
          (error: unknown) => this.#onFault(error, name),
        )
        .finally(() => {
          this.#underWay.delete(done);
          this.#begin();
        });
      this.#underWay.add(done);
    }
  }
}
