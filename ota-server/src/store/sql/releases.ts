import { type Kysely, sql } from 'kysely';
import type { ReleaseRecord, ReleaseStore } from '../releases.ts';
import { overwriting } from './engine.ts';
import { releaseFromRow, releaseToRow } from './rows.ts';
import type { Tables } from './tables.ts';

export class SqlReleases implements ReleaseStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async put(release: ReleaseRecord): Promise<void> {
    const row = releaseToRow(release);
    await this.#db
      .insertInto('releases')
      .values(row)
      .onConflict((conflict) => conflict.columns(['target']).doUpdateSet(overwriting(Object.keys(row))))
      .execute();
  }

  async get(target: string): Promise<ReleaseRecord | null> {
    const row = await this.#db.selectFrom('releases').selectAll().where('target', '=', target).executeTakeFirst();
    return row === undefined ? null : releaseFromRow(row);
  }

  async list(): Promise<ReleaseRecord[]> {
    const rows = await this.#db
      .selectFrom('releases')
      .selectAll()
      .orderBy('published_at', 'desc')
      .orderBy(sql`rowid`, 'desc')
      .execute();
    return rows.map(releaseFromRow);
  }
}
