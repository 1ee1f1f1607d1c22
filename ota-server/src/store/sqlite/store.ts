import { chmodSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { expressionBuilder, Kysely, sql } from 'kysely';
import { Sequence } from '../../sequence.ts';
import { NO_OTHER_NODES } from '../node-bus.ts';
import { type Engine, heldJson } from '../sql/engine.ts';
import { SqlServerStore } from '../sql/server-store.ts';
import type { ServerTables } from '../sql/tables.ts';
import type { ServerStore } from '../store.ts';
import { nodeSqliteDialect } from './dialect.ts';
import { migrate } from './migrations.ts';

const { fn } = expressionBuilder();

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
  const db = new Kysely<ServerTables>({ dialect: nodeSqliteDialect(database) });
  return new SqlServerStore(db, sqliteEngine(database, db));
}

function sqliteEngine(database: DatabaseSync, db: Kysely<ServerTables>): Engine {
  const sequences = new Map<string, Sequence>();
  return {
    shared: false,
    bus: NO_OTHER_NODES,
    elements: (json) => sql<string>`(select value from json_each(${json}))`,
    isOneOf: (column, values) =>
      sql<boolean>`${sql.ref(column)} in (select value from json_each(${JSON.stringify(values)}))`,
    member: (json, key) => sql<string>`json_extract(${json}, '$."' || ${sql.ref(key)} || '"')`,
    memberOf: (column, key) => sql<string | null>`${sql.ref(column)} ->> ${key}`,
    recordsOf: (_table, alike, others) => ({
      rows: fn('json_each', [sql`${heldJson(others)}`]).as<'records'>('records'),
      column: (name) => {
        const value = (alike as Record<string, unknown>)[name];
        return value === undefined ? sql`records.value ->> ${name}` : sql`${value}`;
      },
    }),
    // One connection that one transaction has at a time: nothing else slips in.
    lock: async () => undefined,
    mayTryAgain: () => false,
    // The database file is this process's alone.
    exclusively(name, work) {
      const sequence = sequences.get(name) ?? new Sequence();
      sequences.set(name, sequence);
      return sequence.run(work);
    },
    async backup(path) {
      await backup(database, path);
      chmodSync(path, 0o600);
    },
    async close() {
      // A connection that was never used is not the driver's yet, so it would stay open.
      await sql`select 1`.execute(db);
      await db.destroy();
    },
  };
}
