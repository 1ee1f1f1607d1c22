import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import type { Kysely } from 'kysely';
import type { ClaimTokenStore } from '../claim-tokens.ts';
import { claimTokenFromRow } from './rows.ts';
import type { Tables } from './tables.ts';

export class SqlClaimTokens implements ClaimTokenStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async add(token: ClaimToken): Promise<void> {
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

  async list(): Promise<ClaimToken[]> {
    const rows = await this.#db.selectFrom('claim_tokens').selectAll().orderBy('created_at', 'desc').execute();
    return rows.map(claimTokenFromRow);
  }

  async remove(token: string): Promise<void> {
    await this.#db.deleteFrom('claim_tokens').where('token', '=', token).execute();
  }

  async take(token: string, now: number): Promise<ClaimToken | null> {
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
}
