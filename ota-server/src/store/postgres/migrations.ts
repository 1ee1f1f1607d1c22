import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Kysely, sql } from 'kysely';

/** Sorted by its octets, as everywhere else, whatever the database's own language. */
const TEXT = 'text collate "C"';

/**
 * Each entry brings the schema from version `index` to `index + 1`. Entries are never edited, only added. `rowid` is the
 * order in which rows came, as SQLite has it in every table.
 */
const MIGRATIONS: readonly string[] = [
  `
  create table settings (name ${TEXT} primary key, value text not null);
  create table fleets (id ${TEXT} primary key, name text not null, created_at bigint not null);
  insert into fleets values ('main', 'Main fleet', 0);
  create table users (
    name ${TEXT} primary key, password text not null, server integer not null, created_at bigint not null
  );
  create table memberships (
    fleet ${TEXT} not null references fleets (id), "user" ${TEXT} not null references users (name) on delete cascade,
    role text not null, primary key (fleet, "user")
  );
  create index memberships_by_user on memberships ("user");
  create table api_tokens (
    fleet ${TEXT} not null references fleets (id), id ${TEXT} primary key, hash ${TEXT} not null unique,
    name text not null, "user" ${TEXT} references users (name) on delete cascade, scopes text not null,
    created_at bigint not null, expires_at bigint, last_used bigint
  );
  create index api_tokens_by_fleet on api_tokens (fleet, created_at);
  create index api_tokens_by_user on api_tokens ("user");
  create table sessions (
    hash ${TEXT} primary key, "user" ${TEXT} references users (name) on delete cascade, fleet ${TEXT} not null,
    address text not null, created_at bigint not null, expires_at bigint not null
  );
  create index sessions_by_user on sessions ("user");
  create table claim_tokens (
    fleet ${TEXT} not null references fleets (id), token ${TEXT} primary key, uses bigint, used bigint not null,
    expires_at bigint, tags text not null, auto_approve integer not null, approve_only text, created_at bigint not null
  );
  create table devices (
    fleet ${TEXT} not null references fleets (id), id ${TEXT} primary key, serial ${TEXT} not null,
    board ${TEXT} not null, state ${TEXT} not null, tags text not null, public_key ${TEXT} not null unique,
    certificate text, system_version text not null, last_seen bigint, created_at bigint not null, report text,
    desired text not null, pins text not null default '{}', unique (fleet, id)
  );
  create index devices_by_fleet on devices (fleet, created_at);
  create index devices_by_serial on devices (fleet, serial);
  create table events (
    rowid bigint generated always as identity, fleet ${TEXT} not null, device ${TEXT} not null, at bigint not null,
    kind ${TEXT} not null, text text not null,
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  );
  create unique index events_once on events (device, at, kind, md5(text));
  create table updates (
    rowid bigint generated always as identity, fleet ${TEXT} not null, device ${TEXT} not null, target ${TEXT} not null,
    deployment ${TEXT} not null, at bigint not null, status text not null,
    primary key (fleet, device, target, deployment),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  );
  create index updates_by_time on updates (device, at);
  create table releases (
    rowid bigint generated always as identity, fleet ${TEXT} not null references fleets (id), target ${TEXT} not null,
    kind text not null, name text not null, version text not null, bytes bigint not null, sha256 text not null,
    published_at bigint not null, custom text not null, listed integer not null, primary key (fleet, target)
  );
  create table fleet_blobs (
    fleet ${TEXT} not null references fleets (id), sha256 ${TEXT} not null, primary key (fleet, sha256)
  );
  create table deployments (
    fleet ${TEXT} not null references fleets (id), sequence bigint generated always as identity primary key,
    id ${TEXT} not null unique, target text not null, kind text not null, name text not null, version text not null,
    destination text not null, rollout text not null, state text not null, reason text, wave integer not null,
    approved_wave integer not null, created_at bigint not null, ended_at bigint, unique (fleet, id)
  );
  create table assignments (
    fleet ${TEXT} not null, deployment ${TEXT} not null, device ${TEXT} not null, state ${TEXT} not null,
    percent double precision, reason text, generation bigint not null, wave integer not null, attempts integer not null,
    not_before bigint, since bigint not null, released_at bigint, previous text,
    primary key (fleet, deployment, device),
    foreign key (fleet, deployment) references deployments (fleet, id),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  );
  create index assignments_by_device on assignments (device);
  create table groups (
    fleet ${TEXT} not null references fleets (id), name ${TEXT} not null, query text, devices text not null,
    "window" text not null, created_at bigint not null, primary key (fleet, name)
  );
  create table audit (
    fleet ${TEXT} not null references fleets (id), sequence bigint not null, at bigint not null, actor ${TEXT} not null,
    address text not null, action text not null, target text not null, outcome text not null, details text not null,
    previous text not null, hash text not null, primary key (fleet, sequence)
  );
  create function audit_refuses() returns trigger language plpgsql as
    $$ begin raise exception 'the audit log is append-only'; end $$;
  create trigger audit_stays before update or delete on audit for each row execute function audit_refuses();
  create trigger audit_keeps before truncate on audit for each statement execute function audit_refuses();
  create table webhooks (
    fleet ${TEXT} not null references fleets (id), id ${TEXT} primary key, url text not null, topics text not null,
    secret text not null, created_at bigint not null, unique (fleet, id)
  );
  create table webhook_deliveries (
    fleet ${TEXT} not null, id ${TEXT} primary key, webhook ${TEXT} not null, type text not null,
    state ${TEXT} not null, attempts integer not null, status integer, reason text, created_at bigint not null,
    next_at bigint, body text not null,
    foreign key (fleet, webhook) references webhooks (fleet, id) on delete cascade
  );
  create index webhook_deliveries_waiting on webhook_deliveries (fleet, state, next_at);
  create index webhook_deliveries_by_webhook on webhook_deliveries (webhook, created_at);
  create table registrations (
    fleet ${TEXT} not null references fleets (id), serial ${TEXT} not null, tags text not null,
    approve integer not null, created_at bigint not null, device text, primary key (fleet, serial)
  );
  create table removed_devices (
    fleet ${TEXT} not null references fleets (id), id ${TEXT} not null, at bigint not null, primary key (fleet, id)
  );
  create table network_hardware (
    fleet ${TEXT} not null, mac ${TEXT} not null, device ${TEXT} not null, primary key (fleet, mac, device),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  );
  create index network_hardware_by_device on network_hardware (device);
  `,
  // What apps are configured with.
  `
  create table app_configurations (
    fleet ${TEXT} not null references fleets (id), app ${TEXT} not null, level integer not null, name ${TEXT} not null,
    settings text not null, changed_at bigint not null, primary key (fleet, app, level, name)
  );
  create index app_configurations_by_place on app_configurations (fleet, level, name);
  `,
  // What webhooks have been told of.
  `
  create table webhook_states (
    fleet ${TEXT} not null references fleets (id), key ${TEXT} not null, state text not null, primary key (fleet, key)
  );
  `,
  // Each report asks for the rows of its device: by the key alone, all rows of the fleet would be looked through.
  `
  drop index assignments_by_device;
  create index assignments_by_device on assignments (fleet, device);
  `,
  // Their rows are written anew with each report: where the page has room for it, no index needs to be touched.
  `
  alter table devices set (fillfactor = 50);
  alter table assignments set (fillfactor = 50);
  `,
  // What rollouts ask of a report, without parsing all of it. Reports of before may hold what the database cannot read as JSON.
  `
  update devices set report = regexp_replace(report, '\\\\u(0000|d[89a-f][0-9a-f]{2})', '\\\\ufffd', 'g')
    where report ~ '\\\\u(0000|d[89a-f][0-9a-f]{2})';
  alter table devices add column apps text generated always as ((report::json -> 'apps')::text) stored;
  `,
  // A rollout writes the desired states of the whole fleet: next to reports and certificates no page has room for that.
  `
  create table desired_states (
    fleet ${TEXT} not null, device ${TEXT} not null, desired text not null, primary key (fleet, device),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) with (fillfactor = 50);
  insert into desired_states select fleet, id, desired from devices;
  alter table devices drop column desired;
  `,
  // Foreign keys are looked up row by row, and took half of what a rollout's rows take; this looks them up together. It
  // sees what is committed: rows of a fleet come, and its devices go, in transactions that keep each other out.
  `
  alter table assignments drop constraint assignments_fleet_deployment_fkey,
    drop constraint assignments_fleet_device_fkey;
  create function assignments_belong() returns trigger language plpgsql as $$
    begin
      -- Counted for each row, so that this never reads all devices for one row.
      if exists (
        select from added cross join lateral
          (select count(*) from devices where fleet = added.fleet and id = added.device) found where count = 0
      ) or exists (
        select from (select distinct fleet, deployment from added) named where not exists
          (select from deployments where fleet = named.fleet and id = named.deployment)
      ) then
        raise foreign_key_violation using message = 'assignments: there is no such device or deployment';
      end if;
      return null;
    end $$;
  create trigger assignments_belong after insert on assignments
    referencing new table as added for each statement execute function assignments_belong();
  create function assignments_go() returns trigger language plpgsql as $$
    begin
      delete from assignments where fleet = old.fleet and device = old.id;
      return null;
    end $$;
  create trigger assignments_go after delete on devices for each row execute function assignments_go();
  `,
  // How devices got on in the last day. Rows of one page are written anew at the same time, a day later, each in its page.
  `
  create table metrics (
    fleet ${TEXT} not null, device ${TEXT} not null, slot smallint not null, at bigint not null,
    memory_available_kib bigint not null, storage_free_kib bigint, load real not null, temperature real,
    event_loop_delay_ms real, primary key (fleet, device, slot),
    foreign key (fleet, device) references devices (fleet, id) on delete cascade
  ) with (fillfactor = 80);
  `,
  // Of all that was ever deployed to a device, what may still decide about it is found without the rest.
  `
  alter table assignments add column past smallint not null default 0;
  drop index assignments_by_device;
  create index assignments_by_device on assignments (fleet, device, past);
  `,
];

/**
 * Brings the database to the newest schema, or to an earlier one. Servers that start at once wait for each other.
 * @throws NodeosError CONFLICT where a newer server made the schema, INPUT_INVALID for a database that is not UTF-8
 */
export async function migrate(db: Kysely<unknown>, wanted = MIGRATIONS.length): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('nodeos schema', 0))`.execute(transaction);
    const { rows: settings } = await sql<{ server_encoding: string }>`show server_encoding`.execute(transaction);
    if (settings[0]?.server_encoding !== 'UTF8')
      throw new NodeosError(
        'INPUT_INVALID',
        `the database has the encoding ${settings[0]?.server_encoding}, not UTF8`,
        {
          hint: "Make it with `create database … encoding 'UTF8' template template0`.",
        },
      );
    await sql`create table if not exists nodeos_schema (version integer not null)`.execute(transaction);
    const { rows } = await sql<{ version: number }>`select version from nodeos_schema`.execute(transaction);
    const found = rows[0]?.version ?? 0;
    if (found > MIGRATIONS.length)
      throw new NodeosError('CONFLICT', `the database has schema ${found}, this server knows ${MIGRATIONS.length}`, {
        hint: 'Start the newer version of NodeOS that last used this database.',
      });
    for (const migration of MIGRATIONS.slice(found, wanted)) await sql.raw(migration).execute(transaction);
    await sql`delete from nodeos_schema`.execute(transaction);
    await sql`insert into nodeos_schema values (${Math.max(found, wanted)})`.execute(transaction);
  });
}
