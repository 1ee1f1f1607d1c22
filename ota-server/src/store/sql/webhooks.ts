import { type Kysely, sql } from 'kysely';
import type { DeliveryRecord, WebhookRecord, WebhookStore } from '../webhooks.ts';
import { chunks, overwriting } from './engine.ts';
import type { Tables } from './tables.ts';

export class SqlWebhooks implements WebhookStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async add({ id, url, topics, secret, createdAt }: WebhookRecord): Promise<void> {
    const row = { id, url, topics: JSON.stringify(topics), secret, created_at: createdAt };
    await this.#db.insertInto('webhooks').values(row).execute();
  }

  async list(): Promise<WebhookRecord[]> {
    const rows = await this.#db.selectFrom('webhooks').selectAll().orderBy('created_at').orderBy('id').execute();
    return rows.map(({ id, url, topics, secret, created_at }) => ({
      ...{ id, url, topics: JSON.parse(topics), secret, createdAt: created_at },
    }));
  }

  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom('webhooks').where('id', '=', id).execute();
  }

  async addDelivery(delivery: DeliveryRecord): Promise<void> {
    const { id, webhook, type, state, attempts, status, reason, createdAt, nextAt, body } = delivery;
    const row = { id, webhook, type, state, attempts, status, reason, created_at: createdAt, next_at: nextAt, body };
    await this.#db.insertInto('webhook_deliveries').values(row).execute();
  }

  async updateDelivery(
    id: string,
    {
      state,
      attempts,
      status,
      reason,
      nextAt,
    }: Pick<DeliveryRecord, 'state' | 'attempts' | 'status' | 'reason' | 'nextAt'>,
  ): Promise<void> {
    const row = { state, attempts, status, reason, next_at: nextAt };
    await this.#db.updateTable('webhook_deliveries').set(row).where('id', '=', id).execute();
  }

  async listWaiting(limit: number): Promise<DeliveryRecord[]> {
    const query = this.#db.selectFrom('webhook_deliveries').selectAll().where('state', '=', 'waiting');
    return (await query.orderBy('next_at').orderBy('created_at').limit(limit).execute()).map(deliveryFromRow);
  }

  async takeDelivery({ id, nextAt }: Pick<DeliveryRecord, 'id' | 'nextAt'>, until: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('webhook_deliveries')
      .set({ next_at: until })
      .where('id', '=', id)
      .where('state', '=', 'waiting')
      .where('next_at', '=', nextAt)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async listDeliveries(webhook: string, limit: number): Promise<DeliveryRecord[]> {
    const query = this.#db.selectFrom('webhook_deliveries').selectAll().where('webhook', '=', webhook);
    return (await query.orderBy('created_at', 'desc').orderBy('id').limit(limit).execute()).map(deliveryFromRow);
  }

  async forgetDeliveries(before: number): Promise<void> {
    await this.#db
      .deleteFrom('webhook_deliveries')
      .where('created_at', '<', before)
      .where('state', '!=', 'waiting')
      .execute();
  }

  async states(): Promise<Map<string, string>> {
    const rows = await this.#db.selectFrom('webhook_states').select(['key', 'state']).execute();
    return new Map(rows.map(({ key, state }) => [key, state]));
  }

  async noteStates(states: ReadonlyMap<string, string>): Promise<ReadonlySet<string>> {
    const changed = new Set<string>();
    for (const chunk of chunks([...states])) {
      const rows = await this.#db
        .insertInto('webhook_states')
        .values(chunk.map(([key, state]) => ({ key, state })))
        .onConflict((conflict) =>
          conflict
            .columns(['key'])
            .doUpdateSet(overwriting(['state']))
            .where(sql<boolean>`webhook_states.state != excluded.state`),
        )
        .returning('key')
        .execute();
      for (const { key } of rows) changed.add(key);
    }
    return changed;
  }

  async forgetStates(): Promise<void> {
    await this.#db.deleteFrom('webhook_states').execute();
  }
}

const deliveryFromRow = (row: Tables['webhook_deliveries']): DeliveryRecord => ({
  id: row.id,
  webhook: row.webhook,
  type: row.type,
  state: row.state as DeliveryRecord['state'],
  attempts: row.attempts,
  status: row.status,
  reason: row.reason,
  createdAt: row.created_at,
  nextAt: row.next_at,
  body: row.body,
});
