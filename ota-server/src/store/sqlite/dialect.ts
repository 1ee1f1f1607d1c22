import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { SqliteDialect, type SqliteStatement } from 'kysely';

/** The server's own statements are fewer; those with a list of any length come on top. */
const STATEMENTS_KEPT = 300;

/** Kysely's SQLite dialect over `node:sqlite`: the dialect expects the shape of better-sqlite3's statements. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  const known = new Map<string, SqliteStatement>();
  return new SqliteDialect({
    database: {
      close: () => database.close(),
      // Preparing takes longer than most of the statements themselves.
      prepare: (text) => {
        const statement = known.get(text) ?? prepare(text);
        known.delete(text);
        known.set(text, statement);
        for (const oldest of known.keys()) {
          if (known.size <= STATEMENTS_KEPT) break;
          known.delete(oldest);
        }
        return statement;
      },
    },
  });

  function prepare(text: string): SqliteStatement {
    const statement = database.prepare(text);
    const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
    return {
      // Only a statement that gives rows has columns (also `insert … returning`).
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...values(parameters)),
      run: (parameters) => statement.run(...values(parameters)),
      iterate: (parameters) => statement.iterate(...values(parameters)),
    };
  }
}
