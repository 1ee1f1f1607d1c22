import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { SqliteDialect } from 'kysely';

/** Kysely's SQLite dialect over `node:sqlite`: the dialect expects the shape of better-sqlite3's statements. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  return new SqliteDialect({
    database: {
      close: () => database.close(),
      prepare: (text) => {
        const statement = database.prepare(text);
        const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
        return {
          // Only a statement that gives rows has columns (also `insert … returning`).
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...values(parameters)),
          run: (parameters) => statement.run(...values(parameters)),
          iterate: (parameters) => statement.iterate(...values(parameters)),
        };
      },
    },
  });
}
