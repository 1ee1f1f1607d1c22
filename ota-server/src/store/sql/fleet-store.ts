import { type Insertable, type Kysely, sql } from 'kysely';
import type { AuditStore } from '../audit.ts';
import type { ClaimTokenStore } from '../claim-tokens.ts';
import type { ConfigurationStore } from '../configurations.ts';
import type { HistoryStore } from '../history.ts';
import type { MetricsStore } from '../metrics.ts';
import type { FleetPeople } from '../people.ts';
import type { ProvisioningStore } from '../provisioning.ts';
import type { ReleaseStore } from '../releases.ts';
import type { Rollouts } from '../rollouts.ts';
import type { DevicePatch, DeviceRecord, ListedDevice, Reach, RolloutDevice, Store } from '../store.ts';
import type { WebhookStore } from '../webhooks.ts';
import { SqlAudit } from './audit.ts';
import { SqlClaimTokens } from './claim-tokens.ts';
import { SqlConfigurations } from './configurations.ts';
import type { Engine } from './engine.ts';
import { SqlHistory } from './history.ts';
import { SqlMetrics } from './metrics.ts';
import { SqlFleetPeople } from './people.ts';
import { SqlProvisioning } from './provisioning.ts';
import { SqlReleases } from './releases.ts';
import { SqlRollouts } from './rollouts.ts';
import {
  deviceFromRow,
  deviceToRow,
  LIST_COLUMNS,
  listedDevicesFromRows,
  ROLLOUT_COLUMNS,
  rolloutDevicesFromRows,
} from './rows.ts';
import type { DeviceRow, Tables } from './tables.ts';
import { SqlWebhooks } from './webhooks.ts';

const TRANSACTION_ATTEMPTS = 5;

/** A fleet in an SQL database; what differs between databases is the engine's. */
export class SqlStore implements Store {
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
  readonly #db: Kysely<Tables>;
  readonly #engine: Engine;
  readonly #fleet: string;

  constructor(db: Kysely<Tables>, engine: Engine, fleet: string) {
    this.#db = db;
    this.#engine = engine;
    this.#fleet = fleet;
    this.people = new SqlFleetPeople(db);
    this.rollouts = new SqlRollouts(db, engine);
    this.audit = new SqlAudit(db, () => this.#lock(db, 'audit'));
    this.webhooks = new SqlWebhooks(db);
    this.claimTokens = new SqlClaimTokens(db);
    this.provisioning = new SqlProvisioning(db);
    this.configurations = new SqlConfigurations(db);
    this.history = new SqlHistory(db, engine);
    this.metrics = new SqlMetrics(db);
    this.releases = new SqlReleases(db);
  }

  async transaction<T>(work: (store: Store) => Promise<T>, reach: Reach = 'fleet'): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#db.transaction().execute(async (transaction) => {
          await this.#lock(transaction, reach);
          return work(new SqlStore(transaction, this.#engine, this.#fleet));
        });
      } catch (error) {
        if (attempt === TRANSACTION_ATTEMPTS || !this.#engine.mayTryAgain(error)) throw error;
      }
    }
  }

  #lock(transaction: Kysely<Tables>, reach: Reach): Promise<void> {
    return this.#engine.lock(transaction.withoutPlugins() as unknown as Kysely<unknown>, this.#fleet, reach);
  }

  async addBlob(sha256: string): Promise<void> {
    await this.#db
      .insertInto('fleet_blobs')
      .values({ sha256 })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async hasBlob(sha256: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('fleet_blobs')
      .select('sha256')
      .where('sha256', '=', sha256)
      .executeTakeFirst();
    return row !== undefined;
  }

  async addDevice(device: DeviceRecord): Promise<void> {
    const row = {
      ...deviceToRow(device),
      id: device.id,
      public_key: device.publicKey,
      created_at: device.createdAt,
    } as Insertable<DeviceRow>;
    await this.#db.insertInto('devices').values(row).execute();
    const desired = { device: device.id, desired: JSON.stringify(device.desired) };
    await this.#db.insertInto('desired_states').values(desired).execute();
  }

  /** With what is desired of each. */
  get #devices() {
    return this.#db.selectFrom('devices').innerJoin('desired_states', 'desired_states.device', 'devices.id');
  }

  async getDevice(id: string): Promise<DeviceRecord | null> {
    const row = await this.#devices.selectAll('devices').select('desired').where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : deviceFromRow(row);
  }

  async listDevices(filter: { tag?: string; state?: DeviceRecord['state'] } = {}): Promise<DeviceRecord[]> {
    let query = this.#devices.selectAll('devices').select('desired').orderBy('created_at').orderBy('id');
    if (filter.state !== undefined) query = query.where('state', '=', filter.state);
    if (filter.tag !== undefined)
      query = query.where(sql<boolean>`${filter.tag} in ${this.#engine.elements(sql.ref('tags'))}`);
    return (await query.execute()).map(deviceFromRow);
  }

  async getDevices(ids: readonly string[]): Promise<DeviceRecord[]> {
    const query = this.#devices.selectAll('devices').select('desired').where(this.#engine.isOneOf('id', ids));
    return (await query.execute()).map(deviceFromRow);
  }

  async listForList(reports: boolean, ids?: readonly string[]): Promise<ListedDevice[]> {
    const query = this.#db
      .selectFrom('devices')
      .select(LIST_COLUMNS)
      .select(this.#engine.memberOf('report', 'hostname').as('hostname'))
      .$if(reports, (selected) => selected.select('report'))
      .$if(ids !== undefined, (selected) => selected.where(this.#engine.isOneOf('id', ids ?? [])));
    return listedDevicesFromRows(await query.orderBy('created_at').orderBy('id').execute());
  }

  async listForRollout(reports = true): Promise<RolloutDevice[]> {
    const query = this.#forRollout(reports).where('state', '=', 'active');
    return rolloutDevicesFromRows(await query.orderBy('created_at').orderBy('id').execute());
  }

  async getForRollout(ids: readonly string[], reports = true): Promise<RolloutDevice[]> {
    const query = this.#forRollout(reports).where(this.#engine.isOneOf('id', ids));
    return rolloutDevicesFromRows(await query.execute());
  }

  #forRollout(reports: boolean) {
    return this.#devices
      .select(ROLLOUT_COLUMNS)
      .select('desired')
      .$if(reports, (query) => query.select('report'));
  }

  async removeDevice(id: string): Promise<void> {
    await this.#db.deleteFrom('devices').where('id', '=', id).execute();
  }

  async findBySerial(serial: string): Promise<string[]> {
    const query = this.#db
      .selectFrom('devices')
      .select('id')
      .where('serial', '=', serial)
      .where('state', '!=', 'revoked');
    return (await query.execute()).map(({ id }) => id);
  }

  async listDeviceIds(filter: { state: DeviceRecord['state'] }): Promise<string[]> {
    const rows = await this.#db.selectFrom('devices').select('id').where('state', '=', filter.state).execute();
    return rows.map(({ id }) => id);
  }

  async countDevices(): Promise<Record<DeviceRecord['state'], number>> {
    const rows = await this.#db
      .selectFrom('devices')
      .select(['state', (expression) => expression.fn.countAll().as('count')])
      .groupBy('state')
      .execute();
    return {
      pending: 0,
      active: 0,
      revoked: 0,
      ...Object.fromEntries(rows.map((row) => [row.state, Number(row.count)])),
    };
  }

  async updateDevice(id: string, patch: DevicePatch): Promise<void> {
    await this.#db.updateTable('devices').set(deviceToRow(patch)).where('id', '=', id).execute();
  }
}
