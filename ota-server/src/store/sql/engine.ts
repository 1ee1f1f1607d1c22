import { type AliasedExpression, type Kysely, type RawBuilder, sql } from 'kysely';
import type { NodeBus } from '../node-bus.ts';
import type { Reach } from '../store.ts';
import type { Tables } from './tables.ts';

/** What differs between the databases below the same queries. */
export interface Engine {
  /** A subquery of the texts in a JSON array. */
  elements(json: RawBuilder<unknown>): RawBuilder<string>;
  /** `column in (…)` for a list of any length with one parameter. */
  isOneOf(column: string, values: readonly string[]): RawBuilder<boolean>;
  /** The text of one member of a JSON object. */
  member(json: string, key: string): RawBuilder<string>;
  /** The text of one member of the JSON object in a column, null where either is missing. */
  memberOf(column: string, key: string): RawBuilder<string | null>;
  /**
   * Rows of a table to select from: parameters of their own for each value would take twice as long.
   * @param alike what is the same in all of them
   * @param others each row with the rest
   */
  recordsOf(table: keyof Tables, alike: object, others: readonly object[]): Records;
  /** Waits until no other transaction reaches the same rows, and keeps others out until this one ends. */
  lock(transaction: Kysely<unknown>, fleet: string, reach: Reach): Promise<void>;
  /** True for a transaction that the database gave up in favour of another one: it can simply be tried again. */
  mayTryAgain(error: unknown): boolean;
  /** See `ServerStore.exclusively`. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** See `ServerStore`. */
  readonly shared: boolean;
  readonly bus: NodeBus;
  /** Null where the database has its own tools. */
  readonly backup: ((path: string) => Promise<void>) | null;
  close(): Promise<void>;
}

export interface Records {
  readonly rows: AliasedExpression<unknown, 'records'>;
  column(name: string): RawBuilder<unknown>;
}

/** What a database's JSON cannot hold: U+0000, and half of a character beyond U+FFFF. */
const NOT_HELD = /\\u(?:0000|d[89a-f])/;

/** JSON that a database reads; what it could not hold is U+FFFD. */
export function heldJson(content: object): string {
  const text = JSON.stringify(content);
  if (!NOT_HELD.test(text)) return text;
  return JSON.stringify(content, (_key, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\ufffd') : value,
  );
}

/** `on conflict` settings that put the new row in the place of the old one. */
export function overwriting(columns: readonly string[]): Record<string, RawBuilder<unknown>> {
  return Object.fromEntries(columns.map((column) => [column, sql`${sql.ref(`excluded.${column}`)}`]));
}

/** Rows of one statement: SQLite takes 32,766 values in one, PostgreSQL 65,535. */
const CHUNK = 500;

export function* chunks<T>(items: readonly T[], size = CHUNK): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
