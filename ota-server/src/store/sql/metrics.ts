import type { MetricSample } from '@nodeos/contracts/metrics.ts';
import type { Kysely } from 'kysely';
import { SERVER_LIMITS } from '../../limits.ts';
import type { MetricsStore } from '../metrics.ts';
import { overwriting } from './engine.ts';
import type { Tables } from './tables.ts';

const INTERVAL_MS = SERVER_LIMITS.metricsIntervalMs;
const SLOTS = SERVER_LIMITS.metricsKeptMs / INTERVAL_MS;

/**
 * Each device has a ring of slots, one for each interval of the day: a sample takes the place of that of the day before,
 * so one statement by the primary key does for adding, for leaving out and for pruning.
 */
export class SqlMetrics implements MetricsStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async add(device: string, sample: MetricSample): Promise<void> {
    const interval = Math.floor(sample.at / INTERVAL_MS);
    const values = {
      at: sample.at,
      memory_available_kib: sample.memoryAvailableKiB,
      storage_free_kib: sample.storageFreeKiB,
      load: sample.load,
      temperature: sample.temperature,
      event_loop_delay_ms: sample.eventLoopDelayMs,
    };
    await this.#db
      .insertInto('metrics')
      .values({ device, slot: interval % SLOTS, ...values })
      .onConflict((conflict) =>
        conflict
          .columns(['device', 'slot'])
          .doUpdateSet(overwriting(Object.keys(values)))
          .where('metrics.at', '<', interval * INTERVAL_MS),
      )
      .execute();
  }

  async list(device: string, after: number): Promise<MetricSample[]> {
    const query = this.#db.selectFrom('metrics').selectAll().where('device', '=', device).where('at', '>', after);
    return (await query.orderBy('at').execute()).map((row) => ({
      at: row.at,
      memoryAvailableKiB: row.memory_available_kib,
      storageFreeKiB: row.storage_free_kib,
      load: row.load,
      temperature: row.temperature,
      eventLoopDelayMs: row.event_loop_delay_ms,
    }));
  }
}
