/** What the dashboard reloads; `id` is a device id, deployment id or target path. */
export interface Change {
  readonly topic: 'devices' | 'deployments' | 'releases' | 'groups';
  readonly id: string;
}

/** Tells listeners in this process what changed. */
export class Changes {
  readonly #listeners = new Set<(change: Change) => void>();

  publish(topic: Change['topic'], id: string): void {
    for (const listener of this.#listeners) listener({ topic, id });
  }

  /** @returns ends the subscription */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
