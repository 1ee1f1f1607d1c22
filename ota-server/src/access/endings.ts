/**
 * Tells open connections that the right to them has ended: a session was closed, a token revoked, a role changed. Keys
 * are `session <hash>`, `token <id>` and `user <name>`.
 */
export class Endings {
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #tellOthers: (key: string) => void;

  constructor(tellOthers: (key: string) => void = () => undefined) {
    this.#tellOthers = tellOthers;
  }

  /** @returns ends the subscription */
  subscribe(keys: readonly string[], onEnd: () => void): () => void {
    for (const key of keys) {
      const listeners = this.#listeners.get(key) ?? new Set();
      this.#listeners.set(key, listeners.add(onEnd));
    }
    return () => {
      for (const key of keys) {
        const listeners = this.#listeners.get(key);
        listeners?.delete(onEnd);
        if (listeners?.size === 0) this.#listeners.delete(key);
      }
    };
  }

  end(key: string): void {
    this.receive(key);
    this.#tellOthers(key);
  }

  /** It ended at another server. */
  receive(key: string): void {
    for (const onEnd of [...(this.#listeners.get(key) ?? [])]) onEnd();
  }

  /** Some right may have ended unheard: whoever still has it comes again. */
  receiveAll(): void {
    for (const key of [...this.#listeners.keys()]) this.receive(key);
  }
}
