import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { type Kysely, sql } from 'kysely';
import { SERVER_LIMITS } from '../../limits.ts';
import type { DeviceEvent, HistoryStore, UpdateRecord } from '../history.ts';
import type { Engine } from './engine.ts';
import type { Tables } from './tables.ts';

export class SqlHistory implements HistoryStore {
  readonly #db: Kysely<Tables>;
  readonly #engine: Engine;

  constructor(db: Kysely<Tables>, engine: Engine) {
    this.#db = db;
    this.#engine = engine;
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
}
