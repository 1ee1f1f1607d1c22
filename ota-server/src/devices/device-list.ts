import type { DeviceFilter, DevicePageRequest, FleetOverview } from '@nodeos/contracts/device-list.ts';
import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import type { Broker } from '../broker/broker.ts';
import { parseQuery } from '../groups/query.ts';
import { matchesQuery } from '../groups/query-match.ts';
import type { Store, UpdateRecord } from '../store/store.ts';
import { asksReports, type DeviceEntry, fits, inOrder } from './device-status.ts';
import { overviewOf } from './overview.ts';
import { nameOf, summarise } from './summary.ts';

export interface DeviceListOptions {
  readonly store: Store;
  readonly broker: Pick<Broker, 'isOnline'>;
}

/** What operators see of many devices at once. Of all of them little is read; of those that are shown, all. */
export class DeviceList {
  readonly #options: DeviceListOptions;

  constructor(options: DeviceListOptions) {
    this.#options = options;
  }

  /** `total` is how many fit. @throws NodeosError QUERY_INVALID */
  async page({ order, offset, limit, ...filter }: DevicePageRequest): Promise<{
    devices: DeviceSummary[];
    total: number;
  }> {
    const { store, broker } = this.#options;
    const found = inOrder(await this.#find(filter), order);
    const shown = found.slice(offset, limit === undefined ? undefined : offset + limit).map(({ device }) => device.id);
    const records = limit === undefined ? await store.listDevices() : await store.getDevices(shown);
    const byId = new Map(records.map((record) => [record.id, record]));
    const updates = await store.latestUpdates(limit === undefined ? undefined : shown);
    const devices = shown.flatMap((id) => {
      const record = byId.get(id);
      return record === undefined ? [] : [summarise(record, broker.isOnline(id), updates.get(id) ?? null)];
    });
    return { devices, total: found.length };
  }

  /** Ids of those that fit, in the order in which they came. @throws NodeosError QUERY_INVALID */
  async ids(filter: DeviceFilter): Promise<string[]> {
    return (await this.#find(filter)).map(({ device }) => device.id);
  }

  async overview(): Promise<FleetOverview> {
    return overviewOf(await this.#entries({ reports: true, updates: true }));
  }

  async #find(filter: DeviceFilter): Promise<DeviceEntry[]> {
    const query = filter.query === undefined ? null : parseQuery(filter.query);
    const reports = query !== null || asksReports(filter.status);
    const entries = await this.#entries({ reports, updates: filter.status !== undefined });
    return entries.filter(
      (entry) => fits(entry, filter) && (query === null || matchesQuery(query, { ...entry.device, name: entry.name })),
    );
  }

  /** @param read what of their reports and updates is asked for: without them, the list of a large fleet is little */
  async #entries(read: { reports: boolean; updates: boolean }): Promise<DeviceEntry[]> {
    const { store, broker } = this.#options;
    const updates = read.updates ? await store.latestUpdates() : new Map<string, UpdateRecord>();
    return (await store.listForList(read.reports)).map((device) => ({
      device,
      name: nameOf(device, device.hostname),
      online: broker.isOnline(device.id),
      update: updates.get(device.id) ?? null,
    }));
  }
}
