import { expressionBuilder, Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { Sequence } from '../../sequence.ts';
import { type Engine, heldJson } from '../sql/engine.ts';
import { SqlServerStore } from '../sql/server-store.ts';
import type { ServerTables } from '../sql/tables.ts';
import type { ServerStore } from '../store.ts';
import {
  CHANGED_UNDERNEATH,
  type ConnectionSettings,
  connectionSettings,
  kyselyPool,
  storeError,
} from './connection.ts';
import { migrate } from './migrations.ts';
import { joinNodes, type PostgresBus } from './node-bus.ts';

/** Connections of one server; PostgreSQL takes 100 from all, unless told otherwise. */
const CONNECTIONS = 16;
/** SQLSTATE of a transaction to be tried again: serialization_failure, deadlock_detected, tables that changed. */
const TRY_AGAIN = new Set(['40001', '40P01', CHANGED_UNDERNEATH]);

const { fn } = expressionBuilder();

/**
 * Opens a database that several servers may share, and makes its tables where there are none.
 * @param address `postgres://user@host/database`, see `connectionSettings`
 * @param alone there must be no other server on this database; see `joinNodes`
 * @throws NodeosError STORE_UNREACHABLE, INPUT_INVALID, CONFLICT where a newer server made the tables or the servers
 *   do not go together
 */
export async function openPostgresStore(address: string, alone = false): Promise<ServerStore> {
  const settings = connectionSettings(address);
  const pool = new pg.Pool({ ...settings, max: CONNECTIONS });
  // An idle connection that breaks is replaced by the next one; without a listener it would end the process.
  pool.on('error', () => undefined);
  const db = new Kysely<ServerTables>({ dialect: new PostgresDialect({ pool: kyselyPool(pool) }) });
  try {
    await migrate(db as unknown as Kysely<unknown>);
    return new SqlServerStore(db, postgresEngine(settings, db, await joinNodes(settings, alone)));
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

function postgresEngine(settings: ConnectionSettings, db: Kysely<ServerTables>, bus: PostgresBus): Engine {
  const sequences = new Map<string, Sequence>();
  return {
    shared: true,
    bus,
    elements: (json) => sql<string>`(select json_array_elements_text((${json})::json))`,
    // The planner counts the elements of an array, and takes those of a subquery for a hundred.
    isOneOf: (column, values) =>
      values.length === 1
        ? sql<boolean>`${sql.ref(column)} = ${values[0]}`
        : sql<boolean>`${sql.ref(column)} = any(${values}::text[])`,
    member: (json, key) => sql<string>`(${json}::jsonb ->> ${sql.ref(key)})`,
    memberOf: (column, key) => sql<string | null>`(${sql.ref(column)}::json ->> ${key}::text)`,
    recordsOf: (table, alike, others) => {
      const all = sql`json_populate_record(null::${sql.table(table)}, ${heldJson(alike)}::json)`;
      const rows = fn('json_populate_recordset', [all, sql`${heldJson(others)}::json`]).as<'records'>('records');
      return { rows, column: (name) => sql.ref(`records.${name}`) };
    },
    async lock(transaction, fleet, reach) {
      const key = (name: string) => sql`hashtextextended(${name}, 0)`;
      if (typeof reach === 'string') {
        await sql`select pg_advisory_xact_lock(${key(`${reach} ${fleet}`)})`.execute(transaction);
        return;
      }
      const [all, one] = [key(`fleet ${fleet}`), key(`device ${fleet} ${reach.device}`)];
      // The output columns are worked out from left to right: the fleet first, always.
      await sql`select pg_advisory_xact_lock_shared(${all}), pg_advisory_xact_lock(${one})`.execute(transaction);
    },
    mayTryAgain: (error) => TRY_AGAIN.has((error as { code?: string }).code ?? ''),
    exclusively(name, work) {
      const sequence = sequences.get(name) ?? new Sequence();
      sequences.set(name, sequence);
      return sequence.run(() => lockedByServer(settings, name, work));
    },
    backup: null,
    async close() {
      await bus.close();
      await db.destroy();
    },
  };
}

/** On a connection of its own: the work may need every connection of the pool. It is let go when this process dies. */
async function lockedByServer<T>(settings: ConnectionSettings, name: string, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client(settings);
  // The work goes on with its own connections, which meet the same fault.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`exclusively ${name}`]);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw storeError(error);
  }
  try {
    return await work();
  } finally {
    await client.end().catch(() => undefined);
  }
}
