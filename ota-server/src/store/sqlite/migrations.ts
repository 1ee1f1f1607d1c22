import type { DatabaseSync } from 'node:sqlite';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** Each entry brings the schema from version `index` to `index + 1`. Entries are never edited, only added. */
const MIGRATIONS: readonly string[] = [
  `
  create table settings (name text primary key, value text not null) strict;
  create table sessions (hash text primary key, expires_at integer not null) strict;
  create table claim_tokens (
    token text primary key, uses integer, used integer not null, expires_at integer, tags text not null,
    auto_approve integer not null, created_at integer not null
  ) strict;
  create table devices (
    id text primary key, serial text not null, board text not null, state text not null, tags text not null,
    public_key text not null unique, certificate text, system_version text not null, last_seen integer,
    created_at integer not null, report text, desired text not null
  ) strict;
  create table events (
    device text not null references devices (id), at integer not null, kind text not null, text text not null,
    unique (device, at, kind, text)
  ) strict;
  create table updates (
    device text not null references devices (id), target text not null, deployment text not null, at integer not null,
    status text not null, primary key (device, target, deployment)
  ) strict;
  create index updates_by_time on updates (device, at);
  create table releases (
    target text primary key, kind text not null, name text not null, version text not null, bytes integer not null,
    sha256 text not null, published_at integer not null, custom text not null, listed integer not null
  ) strict;
  create table deployments (
    sequence integer primary key autoincrement, id text not null unique, target text not null, kind text not null,
    name text not null, version text not null, destination text not null, state text not null,
    created_at integer not null, ended_at integer
  ) strict;
  create table assignments (
    deployment text not null references deployments (id), device text not null references devices (id),
    state text not null, percent real, reason text, generation integer not null, primary key (deployment, device)
  ) strict;
  create index assignments_by_device on assignments (device);
  `,
];

/** Brings a database to the newest schema, each step in a transaction. */
export function migrate(database: DatabaseSync): void {
  const { user_version: found } = database.prepare('pragma user_version').get() as { user_version: number };
  if (found > MIGRATIONS.length)
    throw new NodeosError('CONFLICT', `the database has schema ${found}, this server knows ${MIGRATIONS.length}`, {
      hint: 'Start the newer version of NodeOS that last used this data folder.',
    });
  for (let version = found; version < MIGRATIONS.length; version++) {
    database.exec(`begin immediate; ${MIGRATIONS[version]}; pragma user_version = ${version + 1}; commit;`);
  }
}
