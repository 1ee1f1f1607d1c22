import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { AuditLog } from './audit/audit-log.ts';
import type { Authority } from './authority.ts';
import type { Blobs } from './blobs/blobs.ts';
import { fleetBlobs } from './blobs/fleet-blobs.ts';
import type { Broker } from './broker/broker.ts';
import { DesiredNews } from './broker/desired-news.ts';
import { Configurations } from './configurations/configurations.ts';
import { Deployments } from './deployments/deployments.ts';
import type { DeviceConnections } from './devices/connections.ts';
import { DeviceActions } from './devices/device-actions.ts';
import { DeviceList } from './devices/device-list.ts';
import { DeviceReports } from './devices/device-reports.ts';
import { Devices } from './devices/devices.ts';
import type { Door } from './door.ts';
import { Groups } from './groups/groups.ts';
import { SERVER_LIMITS } from './limits.ts';
import { CHANGE_TOPICS, type Change, Changes } from './live/changes.ts';
import type { ServerStore, Store } from './store/store.ts';
import type { OnlineKey, OnlineRole } from './tuf/online-keys.ts';
import { openRepository, type Repository } from './tuf/repository.ts';
import { Webhooks } from './webhooks/webhooks.ts';

/** The fleet that a new server has; others are added by name. */
export const MAIN_FLEET = 'main';

/** One fleet's parts: all that a request may reach. Each holds a store that is bound to the fleet. */
export interface FleetContext {
  readonly id: string;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly repository: Repository;
  readonly changes: Changes;
  readonly devices: Devices;
  readonly deviceList: DeviceList;
  readonly deviceActions: DeviceActions;
  readonly deviceReports: DeviceReports;
  readonly deployments: Deployments;
  readonly groups: Groups;
  readonly configurations: Configurations;
  readonly audit: AuditLog;
  readonly webhooks: Webhooks;
}

export interface FleetsOptions {
  readonly dataDir: string;
  readonly store: ServerStore;
  readonly blobs: Blobs;
  readonly keys: Readonly<Record<OnlineRole, OnlineKey>>;
  readonly authority: Authority;
  readonly broker: Broker;
  readonly connections: DeviceConnections;
  readonly door: Door;
  /** Told of faults in work that nobody waits for. */
  readonly onFault?: (error: unknown) => void;
}

/** Every fleet of the server, each put together once. */
export class Fleets {
  readonly #options: FleetsOptions;
  /** Of all fleets: they share the processor. */
  readonly #news: DesiredNews;
  readonly #open = new Map<string, Promise<FleetContext>>();

  constructor(options: FleetsOptions) {
    this.#options = options;
    this.#news = new DesiredNews(options.broker, options.store.shared);
  }

  /** @throws NodeosError NOT_FOUND */
  async get(id: string): Promise<FleetContext> {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const fleets = await this.#options.store.listFleets();
    if (!fleets.some((fleet) => fleet.id === id))
      throw new NodeosError('NOT_FOUND', `there is no fleet ${id.slice(0, 64)}`);
    const opened = this.#open.get(id) ?? this.#assemble(id);
    this.#open.set(id, opened);
    return opened;
  }

  async all(): Promise<FleetContext[]> {
    return Promise.all((await this.#options.store.listFleets()).map(({ id }) => this.get(id)));
  }

  /** Something changed at another server: null for anything in any fleet. */
  async receive(change: (Change & { readonly fleet: string }) | null): Promise<void> {
    if (change !== null) {
      const { fleet, topic, id } = change;
      (await this.#open.get(fleet))?.changes.receive({ topic, id });
      return;
    }
    for (const fleet of this.#open.values())
      for (const topic of CHANGE_TOPICS) (await fleet).changes.receive({ topic, id: '' });
  }

  /** Takes up what servers have left behind that are no more; one server at a time does. */
  async sweep(): Promise<void> {
    const { store } = this.#options;
    for (const { id, deployments, webhooks } of await this.all()) {
      if (!(await store.claim(`sweep ${id}`, SERVER_LIMITS.sweepIntervalMs / 2, Date.now()))) continue;
      await deployments.sweep();
      await webhooks.sweep();
    }
  }

  /** Ends the work that goes on by itself. */
  async close(): Promise<void> {
    for (const fleet of this.#open.values()) {
      const { deployments, webhooks } = await fleet;
      await deployments.close();
      await webhooks.close();
    }
  }

  async ofDevice(deviceId: string): Promise<FleetContext | null> {
    const id = await this.#options.store.fleetOfDevice(deviceId);
    return id === null ? null : this.get(id);
  }

  /** True for devices that are enrolled, approved and not revoked. */
  async mayConnect(deviceId: string): Promise<boolean> {
    return (await (await this.ofDevice(deviceId))?.devices.active(deviceId)) != null;
  }

  /** Ids of all devices that may connect. */
  async activeDevices(): Promise<string[]> {
    const fleets = await this.all();
    return (await Promise.all(fleets.map(({ store }) => store.listDeviceIds({ state: 'active' })))).flat();
  }

  async ofClaimToken(token: string): Promise<FleetContext | null> {
    const id = await this.#options.store.fleetOfClaimToken(token);
    return id === null ? null : this.get(id);
  }

  async #assemble(id: string): Promise<FleetContext> {
    const { dataDir, keys, authority, broker, connections, door, onFault } = this.#options;
    const store = this.#options.store.fleet(id);
    const blobs = fleetBlobs(this.#options.blobs, store);
    const folder = id === MAIN_FLEET ? join(dataDir, 'tuf') : join(dataDir, 'fleets', id, 'tuf');
    const repository = await openRepository({
      ...{ folder, keys, blobs, store },
      exclusively: (work) => this.#options.store.exclusively(`repository ${id}`, work),
    });
    const changes = new Changes((change) => this.#options.store.bus.send({ kind: 'change', fleet: id, ...change }));
    const deployments = new Deployments({
      store,
      changes,
      broker,
      news: this.#news,
      door,
      onFault,
      shared: this.#options.store.shared,
    });
    const devices = new Devices({ store, authority, broker, deployments, changes, connections });
    const deviceList = new DeviceList({ store, broker });
    const deviceActions = new DeviceActions({ store, list: deviceList, devices });
    const deviceReports = new DeviceReports({ store, devices, deployments, changes });
    const groups = new Groups({ store, changes, deployments });
    const configurations = new Configurations({ store, news: this.#news });
    const webhooks = new Webhooks({ fleet: id, store, changes, onFault });
    await webhooks.start();
    const audit = new AuditLog(store);
    await deployments.start();
    return {
      id,
      store,
      blobs,
      repository,
      changes,
      devices,
      deviceList,
      deviceActions,
      deviceReports,
      deployments,
      groups,
      configurations,
      audit,
      webhooks,
    };
  }
}
