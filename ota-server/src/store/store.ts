import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { DeviceSummary, Pins } from '@nodeos/contracts/operator-api.ts';
import type { AuditStore } from './audit.ts';
import type { ClaimTokenStore } from './claim-tokens.ts';
import type { ConfigurationStore } from './configurations.ts';
import type { HistoryStore } from './history.ts';
import type { MetricsStore } from './metrics.ts';
import type { NodeBus } from './node-bus.ts';
import type { Accounts, FleetPeople } from './people.ts';
import type { ProvisioningStore } from './provisioning.ts';
import type { ReleaseStore } from './releases.ts';
import type { Rollouts } from './rollouts.ts';
import type { WebhookStore } from './webhooks.ts';

export interface DeviceRecord {
  readonly id: string;
  readonly serial: string;
  readonly board: string;
  readonly state: DeviceSummary['state'];
  readonly tags: readonly string[];
  /** SubjectPublicKeyInfo, base64. */
  readonly publicKey: string;
  /** PEM, null before the approval. */
  readonly certificate: string | null;
  readonly systemVersion: string;
  readonly lastSeen: number | null;
  readonly createdAt: number;
  readonly report: DeviceReport | null;
  readonly desired: DesiredState;
  readonly pins: Pins;
}
/** A device as rollouts see it: its report is parsed where something asks for more of it than its apps. */
export interface RolloutDevice extends Omit<DeviceRecord, 'publicKey' | 'certificate' | 'lastSeen' | 'createdAt'> {
  /** @throws NodeosError INTERNAL where reports were not read */
  readonly report: DeviceReport | null;
  readonly apps: Readonly<Record<string, { readonly version: string }>>;
}
/** A device as lists show it; its report is parsed where something asks for it. */
export interface ListedDevice
  extends Pick<DeviceRecord, 'id' | 'serial' | 'board' | 'state' | 'tags' | 'systemVersion'> {
  readonly lastSeen: number | null;
  readonly createdAt: number;
  /** As reported; null before that. */
  readonly hostname: string | null;
  readonly apps: DeviceSummary['apps'];
  /** @throws NodeosError INTERNAL where reports were not read */
  readonly report: DeviceReport | null;
}
/** The desired state is the rollouts' to set. */
export type DevicePatch = Partial<Omit<DeviceRecord, 'id' | 'createdAt' | 'publicKey' | 'desired'>>;

export interface FleetRecord {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
}

/** What belongs to no one fleet, and the way to the stores of the fleets. Times are milliseconds since 1970. */
export interface ServerStore {
  readonly accounts: Accounts;
  /** Other servers may work on the same data. */
  readonly shared: boolean;
  readonly bus: NodeBus;
  /** @throws NodeosError BACKUP_ELSEWHERE where `backup` is left to the database's own tools */
  checkBackup(): void;
  /** Writes a copy as of one moment to a new file, while others read and write. @throws as `checkBackup` */
  backup(path: string): Promise<void>;
  /** Runs the work while no other of this name runs, in any process on this database. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** The rows of one fleet and of no other. */
  fleet(id: string): Store;
  /** True for one server in each interval: the one that is to do the work of this name. */
  claim(name: string, intervalMs: number, now: number): Promise<boolean>;
  close(): Promise<void>;

  addFleet(fleet: FleetRecord): Promise<void>;
  listFleets(): Promise<FleetRecord[]>;
  /** Ids of devices and claim tokens are unique on the server: they lead to their fleet. Null where unknown. */
  fleetOfDevice(id: string): Promise<string | null>;
  fleetOfClaimToken(token: string): Promise<string | null>;

  getSetting(name: string): Promise<string | null>;
  setSetting(name: string, value: string): Promise<void>;
}

/**
 * What a transaction decides by and writes: all of the fleet but the audit log and webhooks, one device's rows, the audit
 * log, or what webhooks are told.
 */
export type Reach = 'fleet' | 'audit' | 'webhooks' | { readonly device: string };

/**
 * All that the server remembers of one fleet but blobs, keys and TUF metadata. A handle is bound to its fleet: whatever
 * it is asked for, it reads and writes the rows of that fleet only. Times are milliseconds since 1970.
 */
export interface Store {
  /**
   * All of the work or nothing; calls inside must use the store it is given. No two with overlapping reach run at once,
   * whatever process they are of. The work may be run again from its start where the database asks for it.
   */
  transaction<T>(work: (store: Store) => Promise<T>, reach?: Reach): Promise<T>;

  readonly people: FleetPeople;
  readonly rollouts: Rollouts;
  readonly audit: AuditStore;
  readonly webhooks: WebhookStore;
  readonly claimTokens: ClaimTokenStore;
  readonly provisioning: ProvisioningStore;
  readonly configurations: ConfigurationStore;
  readonly history: HistoryStore;
  readonly metrics: MetricsStore;
  readonly releases: ReleaseStore;

  /** Blobs are kept once for all fleets; these rows say whose they are. */
  addBlob(sha256: string): Promise<void>;
  hasBlob(sha256: string): Promise<boolean>;

  addDevice(device: DeviceRecord): Promise<void>;
  getDevice(id: string): Promise<DeviceRecord | null>;
  listDevices(filter?: { tag?: string; state?: DeviceRecord['state'] }): Promise<DeviceRecord[]>;
  getDevices(ids: readonly string[]): Promise<DeviceRecord[]>;
  /** All or these, in the order of `listDevices`. @param reports read them too; they are most of what there is */
  listForList(reports: boolean, ids?: readonly string[]): Promise<ListedDevice[]>;
  /** Those that are active, in the order of `listDevices`. @param reports read them too; they are most of what there is */
  listForRollout(reports?: boolean): Promise<RolloutDevice[]>;
  getForRollout(ids: readonly string[], reports?: boolean): Promise<RolloutDevice[]>;
  /** Forgets the device and its history. */
  removeDevice(id: string): Promise<void>;
  /** Devices with this serial number that are not shut out. */
  findBySerial(serial: string): Promise<string[]>;
  listDeviceIds(filter: { state: DeviceRecord['state'] }): Promise<string[]>;
  countDevices(): Promise<Record<DeviceRecord['state'], number>>;
  updateDevice(id: string, patch: DevicePatch): Promise<void>;
}
