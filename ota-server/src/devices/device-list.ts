import type { DeviceFilter, DeviceIssue, DevicePageRequest, FleetOverview } from '@nodeos/contracts/device-list.ts';
import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import type { Broker } from '../broker/broker.ts';
import { parseQuery } from '../groups/query.ts';
import { matchesQuery } from '../groups/query-match.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { SharedWork } from '../shared-work.ts';
import type { UpdateRecord } from '../store/history.ts';
import type { ListedDevice, Store } from '../store/store.ts';
import { asksReports, type DeviceEntry, fits, inOrder, issuesOfReport } from './device-status.ts';
import { overviewOf } from './overview.ts';
import { nameOf, summarise } from './summary.ts';

export interface DeviceListOptions {
  readonly store: Store;
  readonly broker: Pick<Broker, 'isOnline'>;
}

/** What operators see of many devices at once. Of all of them little is read; of those that are shown, all. */
export class DeviceList {
  readonly #options: DeviceListOptions;
  /** Reports are most of what there is, and few of them change between two looks. */
  readonly #issues = new Map<string, { readonly seen: number | null; readonly found: readonly DeviceIssue[] }>();

  readonly #overview = new SharedWork(
    async () => overviewOf(await this.#entries({ reports: false, updates: true, issues: true })),
    SERVER_LIMITS.overviewPauseShare,
  );

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
    const updates = await store.history.latestUpdates(limit === undefined ? undefined : shown);
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

  /** Every open dashboard asks for it whenever a device has changed: in a large fleet that is always. */
  overview(): Promise<FleetOverview> {
    return this.#overview.get();
  }

  async #find(filter: DeviceFilter): Promise<DeviceEntry[]> {
    const query = filter.query === undefined ? null : parseQuery(filter.query);
    const { status } = filter;
    const read = { reports: query !== null, updates: status !== undefined, issues: asksReports(status) };
    const entries = await this.#entries(read);
    return entries.filter(
      (entry) => fits(entry, filter) && (query === null || matchesQuery(query, { ...entry.device, name: entry.name })),
    );
  }

  /** @param read what is asked for beside the rows: without it, the list of a large fleet is little */
  async #entries(read: { reports: boolean; updates: boolean; issues: boolean }): Promise<DeviceEntry[]> {
    const { store, broker } = this.#options;
    const updates = read.updates ? await store.history.latestUpdates() : new Map<string, UpdateRecord>();
    const devices = await store.listForList(read.reports);
    if (read.issues) await this.#readIssues(devices);
    return devices.map((device) => ({
      device,
      name: nameOf(device, device.hostname),
      online: broker.isOnline(device.id),
      update: updates.get(device.id) ?? null,
      reported: (read.issues && this.#issues.get(device.id)?.found) || [],
    }));
  }

  /** Of devices that were heard of since they were looked at last. */
  async #readIssues(devices: readonly ListedDevice[]): Promise<void> {
    const gone = new Set(this.#issues.keys());
    const stale: string[] = [];
    for (const { id, lastSeen } of devices) {
      gone.delete(id);
      if (this.#issues.get(id)?.seen !== lastSeen) stale.push(id);
    }
    for (const id of gone) this.#issues.delete(id);
    if (stale.length === 0) return;
    for (const { id, lastSeen, report } of await this.#options.store.listForList(true, stale))
      this.#issues.set(id, { seen: lastSeen, found: report === null ? [] : issuesOfReport(report) });
  }
}
