import type { WebhookTopic } from '@nodeos/contracts/webhooks.ts';
import { deviceName } from '../devices/summary.ts';
import type { Change } from '../live/changes.ts';
import type { Store } from '../store/store.ts';

export interface Happening {
  readonly topic: WebhookTopic;
  /** e.g. `deployment.failed`. */
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Finds in the stream of changes, most of which are progress, those that change a state. */
export class StateWatch {
  readonly #store: Store;
  readonly #states = new Map<string, string>();
  #releases = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Remembers how things are: only what differs later has happened. */
  async begin(): Promise<void> {
    for (const { id, state } of await this.#store.listDevices()) this.#states.set(`device ${id}`, state);
    for (const { id, state } of await this.#store.rollouts.listDeployments())
      this.#states.set(`deployment ${id}`, state);
    this.#releases = await this.#listed();
  }

  async see({ topic, id }: Change): Promise<Happening[]> {
    if (topic === 'devices') {
      const device = await this.#store.getDevice(id);
      const state = device?.state ?? 'removed';
      if (!this.#isNew(`device ${id}`, state)) return [];
      const facts = device === null ? {} : { name: deviceName(device), board: device.board, tags: device.tags };
      return [{ topic: 'device', type: `device.${state}`, data: { id, state, ...facts } }];
    }
    if (topic === 'deployments') {
      const deployment = await this.#store.rollouts.getDeployment(id);
      if (deployment === null || !this.#isNew(`deployment ${id}`, deployment.state)) return [];
      const { state, kind, name, version, target, reason } = deployment;
      return [
        { topic: 'deployment', type: `deployment.${state}`, data: { id, state, kind, name, version, target, reason } },
      ];
    }
    if (topic !== 'releases') return [];
    const [before, after] = [this.#releases, await this.#listed()];
    this.#releases = after;
    const published = [...after].filter((target) => !before.has(target));
    return published.map((target) => ({ topic: 'release', type: 'release.published', data: { target } }));
  }

  async #listed(): Promise<Set<string>> {
    return new Set((await this.#store.listReleases()).filter(({ listed }) => listed).map(({ target }) => target));
  }

  #isNew(key: string, state: string): boolean {
    if (this.#states.get(key) === state) return false;
    this.#states.set(key, state);
    return true;
  }
}
