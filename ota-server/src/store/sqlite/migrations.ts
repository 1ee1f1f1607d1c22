import type { DatabaseSync } from 'node:sqlite';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';

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
  // Fleets: every row of a fleet carries its name, and keys and references carry it too.
  `
  create table fleets (id text primary key, name text not null, created_at integer not null) strict;
  insert into fleets values ('main', 'Main fleet', 0);
  create table claim_tokens_2 (
    fleet text not null references fleets (id), token text primary key, uses integer, used integer not null,
    expires_at integer, tags text not null, auto_approve integer not null, created_at integer not null
  ) strict;
  insert into claim_tokens_2 select 'main', * from claim_tokens;
  create table devices_2 (
    fleet text not null references fleets (id), id text primary key, serial text not null, board text not null,
    state text not null, tags text not null, public_key text not null unique, certificate text,
    system_version text not null, last_seen integer, created_at integer not null, report text, desired text not null,
    unique (fleet, id)
  ) strict;
  insert into devices_2 select 'main', * from devices;
  create table events_2 (
    fleet text not null, device text not null, at integer not null, kind text not null, text text not null,
    unique (device, at, kind, text), foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) strict;
  insert into events_2 select 'main', * from events order by rowid;
  create table updates_2 (
    fleet text not null, device text not null, target text not null, deployment text not null, at integer not null,
    status text not null, primary key (fleet, device, target, deployment),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) strict;
  insert into updates_2 select 'main', * from updates order by rowid;
  create table releases_2 (
    fleet text not null references fleets (id), target text not null, kind text not null, name text not null,
    version text not null, bytes integer not null, sha256 text not null, published_at integer not null,
    custom text not null, listed integer not null, primary key (fleet, target)
  ) strict;
  insert into releases_2 select 'main', * from releases order by rowid;
  create table fleet_blobs (
    fleet text not null references fleets (id), sha256 text not null, primary key (fleet, sha256)
  ) strict;
  insert into fleet_blobs select distinct 'main', sha256 from releases;
  create table deployments_2 (
    fleet text not null references fleets (id), sequence integer primary key autoincrement, id text not null unique,
    target text not null, kind text not null, name text not null, version text not null, destination text not null,
    state text not null, created_at integer not null, ended_at integer, unique (fleet, id)
  ) strict;
  insert into deployments_2 select 'main', * from deployments;
  create table assignments_2 (
    fleet text not null, deployment text not null, device text not null, state text not null, percent real,
    reason text, generation integer not null, primary key (fleet, deployment, device),
    foreign key (fleet, deployment) references deployments (fleet, id),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) strict;
  insert into assignments_2 select 'main', * from assignments;
  drop table assignments;
  drop table deployments;
  drop table releases;
  drop table updates;
  drop table events;
  drop table devices;
  drop table claim_tokens;
  alter table claim_tokens_2 rename to claim_tokens;
  alter table devices_2 rename to devices;
  alter table events_2 rename to events;
  alter table updates_2 rename to updates;
  alter table releases_2 rename to releases;
  alter table deployments_2 rename to deployments;
  alter table assignments_2 rename to assignments;
  create index updates_by_time on updates (device, at);
  create index assignments_by_device on assignments (device);
  create index devices_by_fleet on devices (fleet, created_at);
  `,
  // People: sessions belong to somebody, so those of before end.
  `
  drop table sessions;
  create table users (
    name text primary key, password text not null, server integer not null, created_at integer not null
  ) strict;
  create table memberships (
    fleet text not null references fleets (id), user text not null references users (name) on delete cascade,
    role text not null, primary key (fleet, user)
  ) strict;
  create table api_tokens (
    fleet text not null references fleets (id), id text primary key, hash text not null unique, name text not null,
    user text references users (name) on delete cascade, scopes text not null, created_at integer not null,
    expires_at integer, last_used integer
  ) strict;
  create table sessions (
    hash text primary key, user text references users (name) on delete cascade, fleet text not null,
    address text not null, created_at integer not null, expires_at integer not null
  ) strict;
  create index memberships_by_user on memberships (user);
  create index api_tokens_by_fleet on api_tokens (fleet, created_at);
  create index sessions_by_user on sessions (user);
  `,
  // The audit log: what is written stays as it is.
  `
  create table audit (
    fleet text not null references fleets (id), sequence integer not null, at integer not null, actor text not null,
    address text not null, action text not null, target text not null, outcome text not null, details text not null,
    previous text not null, hash text not null, primary key (fleet, sequence)
  ) strict;
  create trigger audit_stays before update on audit begin select raise(abort, 'the audit log is append-only'); end;
  create trigger audit_keeps before delete on audit begin select raise(abort, 'the audit log is append-only'); end;
  `,
  // Rollouts: deployments go out in waves, to groups too, and devices can be pinned.
  `
  create table groups (
    fleet text not null references fleets (id), name text not null, query text, devices text not null,
    window text not null, created_at integer not null, primary key (fleet, name)
  ) strict;
  alter table devices add column pins text not null default '{}';
  alter table deployments add column rollout text not null default '${JSON.stringify(PLAIN_ROLLOUT)}';
  alter table deployments add column reason text;
  alter table deployments add column wave integer not null default 0;
  alter table deployments add column approved_wave integer not null default -1;
  alter table assignments add column wave integer not null default 0;
  alter table assignments add column attempts integer not null default 1;
  alter table assignments add column not_before integer;
  alter table assignments add column since integer not null default 0;
  alter table assignments add column released_at integer;
  alter table assignments add column previous text;
  `,
  // Webhooks and what is to be posted to them.
  `
  create table webhooks (
    fleet text not null references fleets (id), id text primary key, url text not null, topics text not null,
    secret text not null, created_at integer not null, unique (fleet, id)
  ) strict;
  create table webhook_deliveries (
    fleet text not null, id text primary key, webhook text not null, type text not null, state text not null,
    attempts integer not null, status integer, reason text, created_at integer not null, next_at integer,
    body text not null, foreign key (fleet, webhook) references webhooks (fleet, id) on delete cascade
  ) strict;
  create index webhook_deliveries_waiting on webhook_deliveries (fleet, state, next_at);
  create index webhook_deliveries_by_webhook on webhook_deliveries (webhook, created_at);
  `,
  // Provisioning: expected serial numbers, conditions of claim tokens, identities that are gone for good.
  `
  create table registrations (
    fleet text not null references fleets (id), serial text not null, tags text not null, approve integer not null,
    created_at integer not null, device text, primary key (fleet, serial)
  ) strict;
  create table removed_devices (
    fleet text not null references fleets (id), id text not null, at integer not null, primary key (fleet, id)
  ) strict;
  create table network_hardware (
    fleet text not null, mac text not null, device text not null, primary key (fleet, mac, device),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) strict;
  create index network_hardware_by_device on network_hardware (device);
  alter table claim_tokens add column approve_only text;
  create index devices_by_serial on devices (fleet, serial);
  `,
  // What apps are configured with.
  `
  create table app_configurations (
    fleet text not null references fleets (id), app text not null, level integer not null, name text not null,
    settings text not null, changed_at integer not null, primary key (fleet, app, level, name)
  ) strict;
  create index app_configurations_by_place on app_configurations (fleet, level, name);
  `,
  // What webhooks have been told of.
  `
  create table webhook_states (
    fleet text not null references fleets (id), key text not null, state text not null, primary key (fleet, key)
  ) strict;
  `,
  // Each report asks for the rows of its device: by the key alone, all rows of the fleet would be looked through.
  `
  drop index assignments_by_device;
  create index assignments_by_device on assignments (fleet, device);
  `,
  // What rollouts ask of a report, without parsing all of it.
  `
  alter table devices add column apps text generated always as (report -> '$.apps') virtual;
  `,
  // A rollout writes the desired states of the whole fleet: without reports and certificates that is little.
  `
  create table desired_states (
    fleet text not null, device text not null, desired text not null, primary key (fleet, device),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) strict;
  insert into desired_states select fleet, id, desired from devices;
  alter table devices drop column desired;
  `,
  // How devices got on in the last day. Rows of a device lie together: a report writes one page, and reads few.
  `
  create table metrics (
    fleet text not null, device text not null, slot integer not null, at integer not null,
    memory_available_kib integer not null, storage_free_kib integer, load real not null, temperature real,
    event_loop_delay_ms real, primary key (fleet, device, slot),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) strict, without rowid;
  `,
  // Of all that was ever deployed to a device, what may still decide about it is found without the rest.
  `
  alter table assignments add column past integer not null default 0;
  drop index assignments_by_device;
  create index assignments_by_device on assignments (fleet, device, past);
  `,
  // What a rollout asks of all devices lies together, in the order in which it is asked for.
  `
  create index devices_for_rollouts
    on devices (fleet, state, created_at, id, serial, board, tags, system_version, pins, apps);
  `,
];

/** Brings a database to the newest schema, or to an earlier one, each step in a transaction. */
export function migrate(database: DatabaseSync, wanted = MIGRATIONS.length): void {
  const { user_version: found } = database.prepare('pragma user_version').get() as { user_version: number };
  if (found > MIGRATIONS.length)
    throw new NodeosError('CONFLICT', `the database has schema ${found}, this server knows ${MIGRATIONS.length}`, {
      hint: 'Start the newer version of NodeOS that last used this data folder.',
    });
  for (let version = found; version < wanted; version++) {
    database.exec(`begin immediate; ${MIGRATIONS[version]}; pragma user_version = ${version + 1}; commit;`);
  }
}
