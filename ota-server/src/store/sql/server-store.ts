import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Kysely, sql } from 'kysely';
import type { NodeBus } from '../node-bus.ts';
import type { Accounts } from '../people.ts';
import type { FleetRecord, ServerStore, Store } from '../store.ts';
import type { Engine } from './engine.ts';
import { FleetScope } from './fleet-scope.ts';
import { SqlStore } from './fleet-store.ts';
import { SqlAccounts } from './people.ts';
import type { ServerTables, Tables } from './tables.ts';

/** A server's store in an SQL database. */
export class SqlServerStore implements ServerStore {
  readonly accounts: Accounts;
  readonly shared: boolean;
  readonly bus: NodeBus;
  readonly #db: Kysely<ServerTables>;
  readonly #engine: Engine;

  constructor(db: Kysely<ServerTables>, engine: Engine) {
    this.#db = db;
    this.#engine = engine;
    this.shared = engine.shared;
    this.bus = engine.bus;
    this.accounts = new SqlAccounts(db);
  }

  checkBackup(): void {
    if (this.#engine.backup !== null) return;
    throw new NodeosError('BACKUP_ELSEWHERE', 'the data of this server is in a database that has its own tools');
  }

  async backup(path: string): Promise<void> {
    this.checkBackup();
    await this.#engine.backup?.(path);
  }

  exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#engine.exclusively(name, work);
  }

  async claim(name: string, intervalMs: number, now: number): Promise<boolean> {
    const value = String(now);
    const row = await this.#db
      .insertInto('settings')
      .values({ name: `claim ${name}`, value })
      .onConflict((conflict) =>
        conflict
          .columns(['name'])
          .doUpdateSet({ value })
          .where(sql<number>`cast(settings.value as bigint)`, '<=', now - intervalMs),
      )
      .returning('name')
      .executeTakeFirst();
    return row !== undefined;
  }

  fleet(id: string): Store {
    const bound = this.#db.withPlugin(new FleetScope(id)) as unknown as Kysely<Tables>;
    return new SqlStore(bound, this.#engine, id);
  }

  close(): Promise<void> {
    return this.#engine.close();
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
    await this.#db
      .insertInto('settings')
      .values({ name, value })
      .onConflict((conflict) => conflict.columns(['name']).doUpdateSet({ value }))
      .execute();
  }
}
