import type { DeviceEvents, DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { Deployments } from '../deployments/deployments.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Changes } from '../live/changes.ts';
import type { DeviceRecord, Store } from '../store/store.ts';
import type { Devices } from './devices.ts';
import { metricSampleOf } from './metric-sample.ts';

export interface DeviceReportsOptions {
  readonly store: Store;
  readonly devices: Pick<Devices, 'active' | 'cut'>;
  readonly deployments: Pick<Deployments, 'mayRegroup' | 'noteReport' | 'recompute' | 'reported' | 'follow'>;
  readonly changes: Pick<Changes, 'publish'>;
  readonly now?: () => number;
}

/** What the devices of a fleet say of themselves, and what is noticed of them. */
export class DeviceReports {
  readonly #options: DeviceReportsOptions;
  readonly #now: () => number;

  constructor(options: DeviceReportsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @param device as it was before */
  async take({ id, report: before }: Pick<DeviceRecord, 'id' | 'report'>, report: DeviceReport): Promise<void> {
    const { store, deployments, changes } = this.#options;
    const sample = metricSampleOf(report, this.#now());
    const regroups = await deployments.mayRegroup(report, before);
    const { concerned, written } = await store.transaction(
      async (inside) => {
        await inside.updateDevice(id, { report, systemVersion: report.system.version, lastSeen: this.#now() });
        await inside.history.putUpdates(id, report.updates, this.#now());
        if (sample !== null) await inside.metrics.add(id, sample);
        return {
          concerned: await deployments.noteReport(inside, id, report),
          written: regroups ? await deployments.recompute(inside, [id]) : null,
        };
      },
      regroups ? 'fleet' : { device: id },
    );
    if (before === null) await this.#noteDoubles(id, report);
    deployments.reported(id, report, concerned);
    if (written !== null) await deployments.follow(written);
    changes.publish('devices', id);
  }

  async addEvents(id: string, events: DeviceEvents['events']): Promise<void> {
    await this.#options.store.history.addEvents(id, events);
    this.#options.changes.publish('devices', id);
  }

  /** Remembers that the device was heard of; not for each of many requests in a row. */
  async seen(device: Pick<DeviceRecord, 'id' | 'lastSeen'>): Promise<void> {
    const now = this.#now();
    if (now - (device.lastSeen ?? 0) < SERVER_LIMITS.lastSeenResolutionMs) return;
    await this.#options.store.updateDevice(device.id, { lastSeen: now });
  }

  /** The broker saw it come or go. */
  async presence(id: string): Promise<void> {
    await this.#options.store.updateDevice(id, { lastSeen: this.#now() });
    // Shut out between the check at the door and its connection.
    if ((await this.#options.devices.active(id)) === null) await this.#options.devices.cut(id);
    this.#options.changes.publish('devices', id);
  }

  /** A card that was flashed anew comes with a new identity, but its network hardware is the same. */
  async #noteDoubles(id: string, report: DeviceReport): Promise<void> {
    const macs = (report.inventory?.network ?? []).map(({ mac }) => mac);
    const { store } = this.#options;
    for (const { mac, device } of await store.provisioning.noteHardware(id, macs)) {
      const text = `has the network hardware ${mac} of device ${device}: was it flashed anew?`;
      await store.history.addEvents(id, [{ at: this.#now(), kind: 'double', text }]);
    }
  }
}
