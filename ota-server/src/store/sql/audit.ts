import type { AuditEntry } from '@nodeos/contracts/audit.ts';
import type { Kysely } from 'kysely';
import type { AuditStore } from '../audit.ts';
import { chunks } from './engine.ts';
import type { Tables } from './tables.ts';

export class SqlAudit implements AuditStore {
  readonly #db: Kysely<Tables>;
  readonly #hold: () => Promise<void>;

  constructor(db: Kysely<Tables>, hold: () => Promise<void>) {
    this.#db = db;
    this.#hold = hold;
  }

  hold(): Promise<void> {
    return this.#hold();
  }

  async append(entries: readonly AuditEntry[]): Promise<void> {
    for (const chunk of chunks(entries)) {
      await this.#db
        .insertInto('audit')
        .values(chunk.map((entry) => ({ ...entry })))
        .execute();
    }
  }

  async list(filter: { before?: number; limit: number; actor?: string }): Promise<AuditEntry[]> {
    let query = this.#db.selectFrom('audit').selectAll().orderBy('sequence', 'desc').limit(filter.limit);
    if (filter.before !== undefined) query = query.where('sequence', '<', filter.before);
    if (filter.actor !== undefined) query = query.where('actor', '=', filter.actor);
    return (await query.execute()).map((row) => ({ ...row }) as AuditEntry);
  }
}
