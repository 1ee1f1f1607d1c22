import { chmodSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import { Kysely, sql } from 'kysely';
import { SERVER_LIMITS } from '../../limits.ts';
import type { AuditStore } from '../audit.ts';
import type { ConfigurationStore } from '../configurations.ts';
import type { Accounts, FleetPeople } from '../people.ts';
import type { ProvisioningStore } from '../provisioning.ts';
import type { Rollouts } from '../rollouts.ts';
import type {
  DeviceEvent,
  DevicePatch,
  DeviceRecord,
  FleetRecord,
  ReleaseRecord,
  ServerStore,
  Store,
  UpdateRecord,
} from '../store.ts';
import type { WebhookStore } from '../webhooks.ts';
import { SqliteAudit } from './audit.ts';
import { SqliteConfigurations } from './configurations.ts';
import { nodeSqliteDialect } from './dialect.ts';
import { FleetScope } from './fleet-scope.ts';
import { migrate } from './migrations.ts';
import { SqliteAccounts, SqliteFleetPeople } from './people.ts';
import { SqliteProvisioning } from './provisioning.ts';
import { SqliteRollouts } from './rollouts.ts';
import { claimTokenFromRow, deviceFromRow, deviceToRow, releaseFromRow, releaseToRow } from './rows.ts';
import type { DeviceRow, ServerTables, Tables } from './tables.ts';
import { SqliteWebhooks } from './webhooks.ts';

/**
 * Opens (or makes) the database file, held by one server at a time.
 * @throws NodeosError CONFLICT where another server uses it or a newer one wrote it
 */
export function openSqliteStore(path: string): ServerStore {
  const database = new DatabaseSync(path, { timeout: 500 });
  try {
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal;');
    database.exec('pragma synchronous = normal; pragma foreign_keys = off; begin immediate; commit;');
    migrate(database);
    database.exec('pragma foreign_keys = on');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === 5)
      throw new NodeosError('CONFLICT', `another server uses the database ${path}`, {
        hint: 'Stop the other server, or choose another data folder with --data.',
        cause: error,
      });
    throw error;
  }
  if (path !== ':memory:') chmodSync(path, 0o600);
  return new SqliteServerStore(database);
}

class SqliteServerStore implements ServerStore {
  readonly accounts: Accounts;
  readonly #db: Kysely<ServerTables>;

  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    const db = new Kysely<ServerTables>({ dialect: nodeSqliteDialect(database) });
    this.#database = database;
    this.#db = db;
    this.accounts = new SqliteAccounts(db);
  }

  async backup(path: string): Promise<void> {
    await backup(this.#database, path);
    chmodSync(path, 0o600);
  }

  fleet(id: string): Store {
    return new SqliteStore(this.#db.withPlugin(new FleetScope(id)) as unknown as Kysely<Tables>);
  }

  async close(): Promise<void> {
    // A connection that was never used is not the driver's yet, so it would stay open.
    await sql`select 1`.execute(this.#db);
    await this.#db.destroy();
  }

  async addFleet({ id, name, createdAt }: FleetRecord): Promise<void> {
    await this.#db.insertInto('fleets').values({ id, name, created_at: createdAt }).execute();
  }

  async listFleets(): Promise<FleetRecord[]> {
    const rows = await this.#db.selectFrom('fleets').selectAll().orderBy('created_at').orderBy('id').execute();
    return rows.map(({ id, name, created_at }) => ({ id, name, createdAt: created_at }));
  }

  async fleetOfDevice(id: string): Promise<string | null> {
    const row = await this.#db.selectFrom('devices').select('fleet').where('id', '=', id).executeTakeFirst();
    return row?.fleet ?? null;
  }

  async fleetOfClaimToken(token: string): Promise<string | null> {
    const row = await this.#db.selectFrom('claim_tokens').select('fleet').where('token', '=', token).executeTakeFirst();
    return row?.fleet ?? null;
  }

  async getSetting(name: string): Promise<string | null> {
    const row = await this.#db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
    return row?.value ?? null;
  }

  async setSetting(name: string, value: string): Promise<void> {
    await this.#db.replaceInto('settings').values({ name, value }).execute();
  }
}

class SqliteStore implements Store {
  readonly people: FleetPeople;
  readonly rollouts: Rollouts;
  readonly audit: AuditStore;
  readonly webhooks: WebhookStore;
  readonly provisioning: ProvisioningStore;
  readonly configurations: ConfigurationStore;
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
    this.people = new SqliteFleetPeople(db);
    this.rollouts = new SqliteRollouts(db);
    this.audit = new SqliteAudit(db);
    this.webhooks = new SqliteWebhooks(db);
    this.provisioning = new SqliteProvisioning(db);
    this.configurations = new SqliteConfigurations(db);
  }

  transaction<T>(work: (store: Store) => Promise<T>): Promise<T> {
    return this.#db.transaction().execute((transaction) => work(new SqliteStore(transaction)));
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
    } as DeviceRow;
    await this.#db.insertInto('devices').values(row).execute();
  }

  async getDevice(id: string): Promise<DeviceRecord | null> {
    const row = await this.#db.selectFrom('devices').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : deviceFromRow(row);
  }

  async listDevices(filter: { tag?: string; state?: DeviceRecord['state'] } = {}): Promise<DeviceRecord[]> {
    let query = this.#db.selectFrom('devices').selectAll().orderBy('created_at').orderBy('id');
    if (filter.state !== undefined) query = query.where('state', '=', filter.state);
    if (filter.tag !== undefined)
      query = query.where(sql<boolean>`exists (select 1 from json_each(tags) where value = ${filter.tag})`);
    return (await query.execute()).map(deviceFromRow);
  }

  async getDevices(ids: readonly string[]): Promise<DeviceRecord[]> {
    const rows = await this.#db
      .selectFrom('devices')
      .selectAll()
      .where(sql<boolean>`id in (select value from json_each(${JSON.stringify(ids)}))`)
      .execute();
    return rows.map(deviceFromRow);
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

  async latestUpdates(): Promise<Map<string, UpdateRecord>> {
    // SQLite takes the other columns of a group from the row that has the maximum.
    const rows = await this.#db
      .selectFrom('updates')
      .select(['device', 'status', (expression) => expression.fn.max('at').as('at')])
      .groupBy('device')
      .execute();
    return new Map(
      rows.map((row) => [row.device, { ...(JSON.parse(row.status) as UpdateStatus), at: Number(row.at) }]),
    );
  }

  async putRelease(release: ReleaseRecord): Promise<void> {
    await this.#db.replaceInto('releases').values(releaseToRow(release)).execute();
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
