import type { EnrolAnswer, EnrolRequest } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { MetricSample } from '@nodeos/contracts/metrics.ts';
import type { Tell } from '@nodeos/contracts/mqtt.ts';
import type { DeviceDetail, DeviceSummary, Pins } from '@nodeos/contracts/operator-api.ts';
import type { Authority } from '../authority.ts';
import type { Broker } from '../broker/broker.ts';
import type { Deployments } from '../deployments/deployments.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Changes } from '../live/changes.ts';
import type { ReleaseStore } from '../store/releases.ts';
import type { DeviceRecord, Store } from '../store/store.ts';
import type { DeviceConnections } from './connections.ts';
import { enrol } from './enrolment.ts';
import { summarise } from './summary.ts';

export interface DevicesOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly broker: Pick<Broker, 'isOnline' | 'disconnect' | 'tell'>;
  readonly deployments: Deployments;
  readonly changes: Changes;
  readonly connections: Pick<DeviceConnections, 'cut'>;
  readonly now?: () => number;
}

/** The devices of a fleet: enrolment, and what operators see of them and do with them. */
export class Devices {
  readonly #options: DevicesOptions;
  readonly #now: () => number;

  constructor(options: DevicesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @param address from which the request comes */
  enrol(request: EnrolRequest, address: string): Promise<EnrolAnswer> {
    const { store, authority, deployments, changes } = this.#options;
    const add = async (work: (inside: Store) => Promise<DeviceRecord>): Promise<DeviceRecord> => {
      const { added, written } = await store.transaction(async (inside) => {
        const device = await work(inside);
        return { added: device, written: await deployments.recompute(inside, [device.id]) };
      });
      changes.publish('devices', added.id);
      await deployments.follow(written);
      return added;
    };
    return enrol({ store, authority, add, address, now: this.#now }, request);
  }

  /** The device of a client certificate, where it may talk to the server. */
  async active(id: string): Promise<DeviceRecord | null> {
    const device = await this.#options.store.getDevice(id);
    return device?.state === 'active' ? device : null;
  }

  /** Of the active devices those that are connected to this server. */
  async countOnline(): Promise<number> {
    const ids = await this.#options.store.listDeviceIds({ state: 'active' });
    return ids.filter((id) => this.#options.broker.isOnline(id)).length;
  }

  /** @throws NodeosError NOT_FOUND */
  async mustExist(id: string): Promise<void> {
    await this.#get(id);
  }

  /** @throws NodeosError NOT_FOUND */
  async detail(id: string): Promise<DeviceDetail> {
    const device = await this.#get(id);
    const updates = await this.#options.store.history.listUpdates(id, SERVER_LIMITS.updatesShownPerDevice);
    const events = await this.#options.store.history.listEvents(id, SERVER_LIMITS.eventsShownPerDevice);
    return { ...this.#summarise(device, updates[0] ?? null), report: device.report, updates, events };
  }

  /** How it got on in the last day, oldest first. @throws NodeosError NOT_FOUND */
  async metrics(id: string): Promise<MetricSample[]> {
    await this.mustExist(id);
    return this.#options.store.metrics.list(id, this.#now() - SERVER_LIMITS.metricsKeptMs);
  }

  /** @throws NodeosError NOT_FOUND, CONFLICT */
  async approve(id: string): Promise<DeviceSummary> {
    const device = await this.#get(id);
    if (device.state === 'revoked') throw revokedForGood(id);
    if (device.state === 'pending') await this.approveAll([id]);
    return this.#summary(id);
  }

  /** Lets those of these devices in that wait. */
  approveAll(ids: readonly string[]): Promise<void> {
    return this.#setState(ids, 'active');
  }

  /** Its certificate is worth nothing from now on. @throws NodeosError NOT_FOUND */
  async revoke(id: string): Promise<DeviceSummary> {
    await this.#get(id);
    await this.revokeAll([id]);
    return this.#summary(id);
  }

  /** Their certificates are worth nothing from now on. */
  async revokeAll(ids: readonly string[]): Promise<void> {
    await this.#setState(ids, 'revoked');
    for (const id of ids) await this.cut(id);
  }

  /**
   * A device that came back with a new identity, or stands in for another one, gets the old one's tags, pins and
   * configuration; the old one is shut out. @throws NodeosError NOT_FOUND, CONFLICT
   */
  async replace(id: string, oldId: string): Promise<DeviceSummary> {
    const [device, old] = [await this.#get(id), await this.#get(oldId)];
    if (id === oldId) throw new NodeosError('CONFLICT', 'a device cannot replace itself');
    if (device.state === 'revoked') throw revokedForGood(id);
    if (device.board !== old.board)
      throw new NodeosError('CONFLICT', `device ${id} is a ${device.board}, device ${oldId} a ${old.board}`);
    const at = this.#now();
    await this.#change([id, oldId], async (inside) => {
      await inside.updateDevice(id, { state: 'active', tags: old.tags, pins: old.pins });
      await inside.updateDevice(oldId, { state: 'revoked' });
      for (const record of await inside.configurations.listFor(oldId))
        if ('device' in record.to) await inside.configurations.put({ ...record, to: { device: id } });
      await inside.history.addEvents(id, [{ at, kind: 'replaced', text: `takes the place of device ${oldId}` }]);
      await inside.history.addEvents(oldId, [{ at, kind: 'replaced', text: `device ${id} took its place` }]);
    });
    await this.cut(oldId);
    return this.#summary(id);
  }

  /** Takes a device and its history out of the fleet; its identity stays out for good. @throws NodeosError NOT_FOUND */
  async remove(id: string): Promise<void> {
    const { store, changes } = this.#options;
    await this.revoke(id);
    await store.transaction(async (inside) => {
      await inside.provisioning.addRemovedDevice(id, this.#now());
      await inside.configurations.removePlace({ device: id });
      await inside.removeDevice(id);
    });
    changes.publish('devices', id);
  }

  /** @throws NodeosError NOT_FOUND */
  async setTags(id: string, tags: readonly string[]): Promise<DeviceSummary> {
    await this.#get(id);
    await this.setAllTags(new Map([[id, tags]]));
    return this.#summary(id);
  }

  /** @param tags of each device, all that it is to have */
  setAllTags(tags: ReadonlyMap<string, readonly string[]>): Promise<void> {
    return this.#change([...tags.keys()], async (inside) => {
      for (const [id, wanted] of tags) await inside.updateDevice(id, { tags: [...new Set(wanted)].sort() });
    });
  }

  /** Releases that the device keeps whatever is deployed. @throws NodeosError NOT_FOUND, RELEASE_UNKNOWN, RELEASE_INCOMPATIBLE */
  async setPins(id: string, pins: Pins): Promise<DeviceSummary> {
    await checkPins(this.#options.store.releases, await this.#get(id), pins);
    await this.#change([id], (inside) => inside.updateDevice(id, { pins }));
    return this.#summary(id);
  }

  /** @throws NodeosError NOT_FOUND, DEVICE_OFFLINE */
  async reboot(id: string): Promise<void> {
    await this.#get(id);
    await this.#tell(id, { kind: 'reboot' });
  }

  /** Lets a device show for so many seconds which one it is. @throws NodeosError NOT_FOUND, DEVICE_OFFLINE */
  async identify(id: string, seconds: number): Promise<void> {
    await this.#get(id);
    await this.#tell(id, { kind: 'identify', seconds });
  }

  /** Lets a device whose data partition is beyond repair make it anew. @throws NodeosError NOT_FOUND, CONFLICT, DEVICE_OFFLINE */
  async reformatData(id: string): Promise<void> {
    const { report } = await this.#get(id);
    if (report?.dataStore !== 'ram')
      throw new NodeosError('CONFLICT', `device ${id} has its data on the disk: nothing needs to be made anew`);
    await this.#tell(id, { kind: 'reformat-data' });
  }

  /** Ends what connections it has, downloads that are under way too. */
  async cut(id: string): Promise<void> {
    this.#options.connections.cut(id);
    await this.#options.broker.disconnect(id);
  }

  /** Of these devices those that may come into the state: what is revoked stays so. */
  async #setState(ids: readonly string[], state: 'active' | 'revoked'): Promise<void> {
    const kind = state === 'active' ? 'approved' : 'revoked';
    await this.#change(ids, async (inside) => {
      for (const { id, state: before } of await inside.getDevices(ids)) {
        if (before === state || before === 'revoked') continue;
        await inside.updateDevice(id, { state });
        await inside.history.addEvents(id, [{ at: this.#now(), kind, text: `${kind} by an operator` }]);
      }
    });
  }

  /** A change of devices with all that follows from it for what they want, or neither. */
  async #change(ids: readonly string[], work: (inside: Store) => Promise<void>): Promise<void> {
    const { store, changes, deployments } = this.#options;
    const written = await store.transaction(async (inside) => {
      await work(inside);
      return deployments.recompute(inside, ids);
    });
    for (const id of ids) changes.publish('devices', id);
    await deployments.follow(written);
  }

  async #tell(id: string, message: Tell): Promise<void> {
    if (!(await this.#options.broker.tell(id, message)))
      throw new NodeosError('DEVICE_OFFLINE', `device ${id} is not connected`);
  }

  async #get(id: string): Promise<DeviceRecord> {
    const device = await this.#options.store.getDevice(id);
    if (device === null) throw new NodeosError('NOT_FOUND', `there is no device ${id.slice(0, 64)}`);
    return device;
  }

  async #summary(id: string): Promise<DeviceSummary> {
    const [latest] = await this.#options.store.history.listUpdates(id, 1);
    return this.#summarise(await this.#get(id), latest ?? null);
  }

  #summarise(device: DeviceRecord, update: Parameters<typeof summarise>[2]): DeviceSummary {
    return summarise(device, this.#options.broker.isOnline(device.id), update);
  }
}

async function checkPins(
  releases: Pick<ReleaseStore, 'get'>,
  { id, board }: Pick<DeviceRecord, 'id' | 'board'>,
  pins: Pins,
): Promise<void> {
  for (const [lane, target] of Object.entries(pins)) {
    const release = await releases.get(target);
    if (release === null || !release.listed) throw new NodeosError('RELEASE_UNKNOWN', `${target} is not published`);
    const fits = release.kind === 'system' ? lane === 'system' && release.name === board : lane === release.name;
    if (!fits) throw new NodeosError('RELEASE_INCOMPATIBLE', `${target} is no release of ${lane} for device ${id}`);
  }
}

export const revokedForGood = (id: string): NodeosError =>
  new NodeosError('CONFLICT', `device ${id} is revoked and stays so`);
