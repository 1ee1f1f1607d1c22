import { CONFIGURATION_LIMITS, type Configurations as Effective } from '@nodeos/contracts/app-configuration.ts';
import type { AppConfiguration, ConfigurationChange, ConfigurationPlace } from '@nodeos/contracts/configuration-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { DesiredNews } from '../broker/desired-news.ts';
import { createMembership } from '../groups/membership.ts';
import type { DeviceRecord, Store } from '../store/store.ts';

export interface ConfigurationsOptions {
  readonly store: Store;
  readonly news: Pick<DesiredNews, 'tell'>;
  readonly now?: () => number;
}

/** What apps are configured with: set for the fleet, a group or a device, and what a device gets of it. */
export class Configurations {
  readonly #options: ConfigurationsOptions;
  readonly #now: () => number;

  constructor(options: ConfigurationsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  list(): Promise<AppConfiguration[]> {
    return this.#options.store.configurations.list();
  }

  /** Changes some keys and keeps the others; devices that are online are told. @throws NodeosError NOT_FOUND, PAYLOAD_TOO_LARGE */
  async change(app: string, { to, set = {}, unset = [] }: ConfigurationChange): Promise<AppConfiguration> {
    const { store } = this.#options;
    await this.#mustExist(to);
    const record = await store.transaction(async (inside) => {
      const known = await inside.configurations.listFor('device' in to ? to.device : '');
      const ofApp = known.filter((each) => each.app === app);
      const before = ofApp.find((each) => isSamePlace(each.to, to))?.values ?? {};
      const kept = Object.entries(before).filter(([key]) => !unset.includes(key));
      const changed = { app, to, values: { ...Object.fromEntries(kept), ...set }, changedAt: this.#now() };
      checkSize([...ofApp.filter((each) => !isSamePlace(each.to, to)), changed], app);
      await inside.configurations.put(changed);
      return changed;
    });
    await this.#tell(to);
    return record;
  }

  /** What the apps of a device get. */
  async of(device: DeviceRecord): Promise<Effective> {
    const { store } = this.#options;
    const known = await store.configurations.listFor(device.id);
    const hasGroups = known.some(({ to }) => 'group' in to);
    const { belongs } = createMembership(hasGroups ? await store.rollouts.listGroups() : []);
    const effective: Effective = {};
    for (const { app, to, values } of known)
      if ('fleet' in to || belongs(to, device)) effective[app] = { ...effective[app], ...values };
    return effective;
  }

  /** @throws NodeosError NOT_FOUND */
  async ofDevice(id: string): Promise<Effective> {
    const device = await this.#options.store.getDevice(id);
    if (device === null) throw new NodeosError('NOT_FOUND', `there is no device ${id.slice(0, 64)}`);
    return this.of(device);
  }

  async #mustExist(to: ConfigurationPlace): Promise<void> {
    const { store } = this.#options;
    if ('group' in to && (await store.rollouts.getGroup(to.group)) === null)
      throw new NodeosError('NOT_FOUND', `there is no group ${to.group}`);
    if ('device' in to && (await store.getDevice(to.device)) === null)
      throw new NodeosError('NOT_FOUND', `there is no device ${to.device}`);
  }

  /** Those that are not online ask when they come back. */
  async #tell(to: ConfigurationPlace): Promise<void> {
    const { store, news } = this.#options;
    const { belongs } = createMembership('group' in to ? await store.rollouts.listGroups() : []);
    const devices = 'device' in to ? await store.getForRollout([to.device]) : await store.listForRollout();
    const concerned = devices.filter((device) => 'fleet' in to || belongs(to, device));
    await news.tell(new Map(concerned.map(({ id, desired }) => [id, desired.generation])));
  }
}

function checkSize(records: readonly AppConfiguration[], app: string): void {
  for (const { values } of records)
    if (Object.keys(values).length > CONFIGURATION_LIMITS.keysMax)
      throw new NodeosError('PAYLOAD_TOO_LARGE', `${app} has more than ${CONFIGURATION_LIMITS.keysMax} keys`);
  const bytes = records.reduce((sum, { values }) => sum + Buffer.byteLength(JSON.stringify(values)), 0);
  if (bytes > CONFIGURATION_LIMITS.maxBytes)
    throw new NodeosError(
      'PAYLOAD_TOO_LARGE',
      `what is set for ${app} has more than ${CONFIGURATION_LIMITS.maxBytes} bytes`,
    );
}

function isSamePlace(one: ConfigurationPlace, other: ConfigurationPlace): boolean {
  if ('device' in one) return 'device' in other && one.device === other.device;
  if ('group' in one) return 'group' in other && one.group === other.group;
  return 'fleet' in other;
}
