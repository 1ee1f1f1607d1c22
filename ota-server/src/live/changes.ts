export const CHANGE_TOPICS = ['devices', 'deployments', 'releases', 'groups'] as const;

/** What the dashboard reloads; `id` is a device id, deployment id or target path, empty for any of them. */
export interface Change {
  readonly topic: (typeof CHANGE_TOPICS)[number];
  readonly id: string;
}

/** Tells listeners what changed, those of other servers on the same data too. */
export class Changes {
  readonly #listeners = new Set<(change: Change) => void>();

  readonly #tellOthers: (change: Change) => void;

  constructor(tellOthers: (change: Change) => void = () => undefined) {
    this.#tellOthers = tellOthers;
  }

  publish(topic: Change['topic'], id: string): void {
    this.receive({ topic, id });
    this.#tellOthers({ topic, id });
  }

  /** It changed at another server. */
  receive(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** @returns ends the subscription */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
