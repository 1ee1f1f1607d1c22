import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import { type Insertable, type Kysely, sql } from 'kysely';
import { SERVER_LIMITS } from '../../limits.ts';
import type { AuditStore } from '../audit.ts';
import type { ConfigurationStore } from '../configurations.ts';
import type { MetricsStore } from '../metrics.ts';
import type { FleetPeople } from '../people.ts';
import type { ProvisioningStore } from '../provisioning.ts';
import type { Rollouts } from '../rollouts.ts';
import type {
  DeviceEvent,
  DevicePatch,
  DeviceRecord,
  ListedDevice,
  Reach,
  ReleaseRecord,
  RolloutDevice,
  Store,
  UpdateRecord,
} from '../store.ts';
import type { WebhookStore } from '../webhooks.ts';
import { SqlAudit } from './audit.ts';
import { SqlConfigurations } from './configurations.ts';
import { type Engine, overwriting } from './engine.ts';
import { SqlMetrics } from './metrics.ts';
import { SqlFleetPeople } from './people.ts';
import { SqlProvisioning } from './provisioning.ts';
import { SqlRollouts } from './rollouts.ts';
import {
  claimTokenFromRow,
  deviceFromRow,
  deviceToRow,
  LIST_COLUMNS,
  listedDevicesFromRows,
  ROLLOUT_COLUMNS,
  releaseFromRow,
  releaseToRow,
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
  readonly provisioning: ProvisioningStore;
  readonly configurations: ConfigurationStore;
  readonly metrics: MetricsStore;
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
    this.provisioning = new SqlProvisioning(db);
    this.configurations = new SqlConfigurations(db);
    this.metrics = new SqlMetrics(db);
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

  async addClaimToken(token: ClaimToken): Promise<void> {
    await this.#db
      .insertInto('claim_tokens')
      .values({
        token: token.token,
        uses: token.uses,
        used: token.used,
        expires_at: token.expiresAt,
        tags: JSON.stringify(token.tags),
        auto_approve: token.autoApprove ? 1 : 0,
        approve_only: token.approveOnly === undefined ? null : JSON.stringify(token.approveOnly),
        created_at: token.createdAt,
      })
      .execute();
  }

  async listClaimTokens(): Promise<ClaimToken[]> {
    const rows = await this.#db.selectFrom('claim_tokens').selectAll().orderBy('created_at', 'desc').execute();
    return rows.map(claimTokenFromRow);
  }

  async removeClaimToken(token: string): Promise<void> {
    await this.#db.deleteFrom('claim_tokens').where('token', '=', token).execute();
  }

  async takeClaimToken(token: string, now: number): Promise<ClaimToken | null> {
    const row = await this.#db
      .updateTable('claim_tokens')
      .set((expression) => ({ used: expression('used', '+', 1) }))
      .where('token', '=', token)
      .where((expression) =>
        expression.or([expression('uses', 'is', null), expression('used', '<', expression.ref('uses'))]),
      )
      .where((expression) => expression.or([expression('expires_at', 'is', null), expression('expires_at', '>', now)]))
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? null : claimTokenFromRow(row);
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

  async addEvents(device: string, events: readonly DeviceEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#db
      .insertInto('events')
      .values(events.map((event) => ({ device, ...event })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await this.#db
      .deleteFrom('events')
      .where('device', '=', device)
      .where(
        sql<boolean>`rowid not in (select rowid from events where device = ${device} order by at desc, rowid desc limit ${SERVER_LIMITS.eventsKeptPerDevice})`,
      )
      .execute();
  }

  async listEvents(device: string, limit: number): Promise<DeviceEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .select(['at', 'kind', 'text'])
      .where('device', '=', device)
      .orderBy('at', 'desc')
      .orderBy(sql`rowid`, 'desc')
      .limit(limit)
      .execute();
    return rows as DeviceEvent[];
  }

  async putUpdates(device: string, updates: readonly UpdateStatus[], at: number): Promise<boolean> {
    let changed = false;
    for (const update of updates) {
      const status = JSON.stringify(update);
      const result = await this.#db
        .insertInto('updates')
        .values({ device, target: update.target, deployment: update.deployment ?? '', at, status })
        .onConflict((conflict) =>
          conflict
            .columns(['device', 'target', 'deployment'])
            .doUpdateSet({ at, status })
            .where('updates.status', '!=', status),
        )
        .executeTakeFirst();
      changed ||= (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
    }
    return changed;
  }

  async listUpdates(device: string, limit: number): Promise<UpdateRecord[]> {
    const rows = await this.#db
      .selectFrom('updates')
      .select(['at', 'status'])
      .where('device', '=', device)
      .orderBy('at', 'desc')
      .orderBy(sql`rowid`, 'desc')
      .limit(limit)
      .execute();
    return rows.map((row) => ({ ...(JSON.parse(row.status) as UpdateStatus), at: row.at }));
  }

  async latestUpdates(ids?: readonly string[]): Promise<Map<string, UpdateRecord>> {
    const rows = await this.#db
      .selectFrom((from) =>
        from
          .selectFrom('updates')
          .select([
            'device',
            'status',
            'at',
            sql<number>`row_number() over (partition by device order by at desc, rowid desc)`.as('place'),
          ])
          .$if(ids !== undefined, (all) => all.where(this.#engine.isOneOf('device', ids ?? [])))
          .as('latest'),
      )
      .select(['device', 'status', 'at'])
      .where('place', '=', 1)
      .execute();
    return new Map(rows.map((row) => [row.device, { ...(JSON.parse(row.status) as UpdateStatus), at: row.at }]));
  }

  async putRelease(release: ReleaseRecord): Promise<void> {
    const row = releaseToRow(release);
    await this.#db
      .insertInto('releases')
      .values(row)
      .onConflict((conflict) => conflict.columns(['target']).doUpdateSet(overwriting(Object.keys(row))))
      .execute();
  }

  async getRelease(target: string): Promise<ReleaseRecord | null> {
    const row = await this.#db.selectFrom('releases').selectAll().where('target', '=', target).executeTakeFirst();
    return row === undefined ? null : releaseFromRow(row);
  }

  async listReleases(): Promise<ReleaseRecord[]> {
    const rows = await this.#db
      .selectFrom('releases')
      .selectAll()
      .orderBy('published_at', 'desc')
      .orderBy(sql`rowid`, 'desc')
      .execute();
    return rows.map(releaseFromRow);
  }
}
