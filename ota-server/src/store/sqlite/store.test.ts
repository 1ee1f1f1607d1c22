import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { expressionBuilder, Kysely, sql } from 'kysely';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { FleetScope } from '../sql/fleet-scope.ts';
import { ROLLOUT_COLUMNS } from '../sql/rows.ts';
import { testStore } from '../store.suite.ts';
import { nodeSqliteDialect } from './dialect.ts';
import { migrate } from './migrations.ts';
import { openSqliteStore } from './store.ts';

testStore('sqlite', async (context) => {
  const store = openSqliteStore(join(await temporaryFolder(context), 'server.sqlite'));
  context.after(() => store.close());
  return store;
});

test('sqlite: what was written is there after a restart, for the owner only', async (context) => {
  const path = join(await temporaryFolder(context), 'server.sqlite');
  const first = openSqliteStore(path);
  await first.setSetting('name', 'value');
  await first.close();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const second = openSqliteStore(path);
  assert.equal(await second.getSetting('name'), 'value');
  await second.close();
});

test('sqlite: a second server on the same data and a database of a newer server are refused', async (context) => {
  const path = join(await temporaryFolder(context), 'server.sqlite');
  const first = openSqliteStore(path);
  assert.throws(() => openSqliteStore(path), { code: 'CONFLICT', message: /another server uses/ });
  await first.close();
  const raw = new DatabaseSync(path);
  raw.exec('pragma user_version = 999');
  raw.close();
  assert.throws(() => openSqliteStore(path), { code: 'CONFLICT', message: /schema 999/ });
});

test('sqlite: what a server without fleets wrote is the main fleet of one with fleets', async (context) => {
  const path = join(await temporaryFolder(context), 'server.sqlite');
  const old = new DatabaseSync(path);
  migrate(old, 1);
  const device = `'a', 'S-1', 'pc', 'active', '["all"]', 'key', null, '1.0.0', 9, 1, '{"apps":{"hello":{"version":"1.0.0"}}}', '{"generation":3}'`;
  old.exec(`
    insert into claim_tokens values ('token', 2, 1, null, '["x"]', 1, 5);
    insert into devices values (${device});
    insert into events values ('a', 1, 'boot', 'one');
    insert into updates values ('a', 'apps/a', 'd1', 4, '{"state":"confirmed"}');
    insert into deployments values (7, 'd1', 'apps/a', 'app', 'a', '1.0.0', '{"tag":"all"}', 'done', 2, 3);
    insert into assignments values ('d1', 'a', 'confirmed', null, null, 1);
    insert into releases values ('apps/a', 'app', 'a', '1.0.0', 6, 'f00d', 1, '{}', 1);
  `);
  old.close();
  const server = openSqliteStore(path);
  context.after(() => server.close());
  const store = server.fleet('main');
  assert.equal((await store.getDevice('a'))?.desired.generation, 3);
  assert.deepEqual((await store.listForRollout())[0]?.apps, { hello: { version: '1.0.0' } });
  assert.equal((await store.history.listEvents('a', 9)).length, 1);
  assert.equal((await store.history.latestUpdates()).get('a')?.at, 4);
  assert.equal((await store.claimTokens.list())[0]?.used, 1);
  assert.equal((await store.rollouts.getDeployment('d1'))?.sequence, 7);
  assert.equal((await store.rollouts.listAssignments({ deployment: 'd1' }))[0]?.state, 'confirmed');
  assert.equal((await store.releases.list()).length, 1);
  assert.equal(await store.hasBlob('f00d'), true);
});

test('sqlite: a query that cannot be bound to a fleet is refused', async () => {
  const scoped = new Kysely<{ devices: { id: string } }>({
    dialect: nodeSqliteDialect(new DatabaseSync(':memory:')),
  }).withPlugin(new FleetScope('main'));
  await assert.rejects(sql`select * from devices`.execute(scoped), { code: 'INTERNAL' });
  await assert.rejects(scoped.selectFrom(sql<{ id: string }>`devices`.as('d')).selectAll().execute(), {
    code: 'INTERNAL',
  });
  const joined = scoped.selectFrom('devices as a').innerJoin('devices as b', 'a.id', 'b.id').select('a.id').compile();
  assert.match(joined.sql, /on "a"."id" = "b"."id" and "b"."fleet" = \? where "a"."fleet" = \?/);
  const within = scoped
    .deleteFrom('devices')
    .where('id', 'in', (inner) => inner.selectFrom('devices as b').select('b.id'))
    .compile();
  assert.match(within.sql, /where "b"."fleet" = \?\) and "devices"."fleet" = \?/);
  const copied = scoped
    .insertInto('devices')
    .columns(['id'])
    .expression((inner) => inner.selectFrom('devices as b').select('b.id'));
  assert.match(
    copied.compile().sql,
    /\("id", "fleet"\) select "b"."id", \? as "fleet" from "devices" as "b" where "b"."fleet"/,
  );
  assert.deepEqual(copied.compile().parameters, ['main', 'main']);
  const { fn } = expressionBuilder();
  const rowsOf = (name: string) => scoped.selectFrom(fn<{ id: string }>(name, [sql`'[]'`]).as('rows')).select('id');
  for (const name of ['json_populate_recordset', 'json_each']) assert.doesNotThrow(() => rowsOf(name).compile(), name);
  assert.throws(() => rowsOf('query_to_xml').compile(), { code: 'INTERNAL' });
});

/** What SQLite does for a query, step by step. */
async function planOf(context: TestContext, queries: readonly string[]): Promise<string[][]> {
  const path = join(await temporaryFolder(context), 'server.sqlite');
  await openSqliteStore(path).close();
  const database = new DatabaseSync(path);
  const plans = queries.map((query) => database.prepare(`explain query plan ${query}`).all());
  database.close();
  return plans.map((steps) => steps.map(({ detail }) => String(detail)));
}

test('sqlite: the rows of a device are found by the device, however large the fleet is', async (context) => {
  const devices = `device in (select value from json_each(?)) and fleet = 'main'`;
  const plans = await planOf(context, [
    `select * from assignments where ${devices} order by device`,
    `update assignments set state = 'told' where state = 'waiting' and ${devices}`,
  ]);
  for (const [first] of plans)
    assert.match(first ?? '', /USING INDEX assignments_by_device \(fleet=\? AND device=\?\)/);
});

test('sqlite: what a rollout asks of all devices comes in its order, and no report is parsed for it', async (context) => {
  const columns = ROLLOUT_COLUMNS.map((column) => `devices.${column}`).join();
  const [plan] = await planOf(context, [
    `select ${columns}, desired from devices join desired_states on device = id and desired_states.fleet = 'main'
      where devices.fleet = 'main' and state = 'active' order by created_at, id`,
  ]);
  assert.match(plan?.[0] ?? '', /USING INDEX devices_for_rollouts \(fleet=\? AND state=\?\)/);
  assert.deepEqual(
    plan?.filter((step) => step.includes('TEMP B-TREE')),
    [],
  );
});
