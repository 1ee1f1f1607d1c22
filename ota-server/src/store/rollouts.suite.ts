import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import { NOTHING_DESIRED } from '../deployments/plan.ts';
import { assignment, deployment, device, type TestedStore } from '../testing/store-records.ts';
import type { ReleaseRecord } from './releases.ts';

/** What a store must do with releases, deployments and groups. */
export function testRollouts({ name, openServer, options }: TestedStore): void {
  const open = async (context: TestContext) => (await openServer(context)).fleet('main');
  const openWith = async (context: TestContext, devices: readonly string[]) => {
    const server = await openServer(context);
    const main = server.fleet('main');
    for (const id of devices) await main.addDevice(device(id));
    await server.addFleet({ id: 'north', name: 'North', createdAt: 1 });
    return { rollouts: main.rollouts, other: server.fleet('north') };
  };

  test(`${name}: releases, deployments and assignments`, options, async (context) => {
    const store = await open(context);
    const release: ReleaseRecord = {
      target: 'apps/a/1.0.0/any.sqfs',
      kind: 'app',
      name: 'a',
      version: '1.0.0',
      bytes: 3_000_000_000,
      sha256: 'f'.repeat(64),
      publishedAt: 1,
      custom: { kind: 'app', app: appManifest('1.0.0', { name: 'a' }), notes: '' },
      listed: true,
    };
    await store.releases.put(release);
    await store.releases.put({ ...release, listed: false });
    assert.deepEqual(await store.releases.list(), [{ ...release, listed: false }]);
    await store.addDevice(device('a'));
    const { rollouts } = store;
    const first = await rollouts.addDeployment(deployment('d1'));
    const second = await rollouts.addDeployment(deployment('d2'));
    assert.ok(second.sequence > first.sequence);
    assert.deepEqual(
      (await rollouts.listDeployments()).map(({ id }) => id),
      ['d2', 'd1'],
    );
    const working = { ...assignment('d1', 'a'), percent: 12.5, previous: { version: '0.9.0', target: null } };
    await rollouts.putAssignments([working]);
    assert.deepEqual(await rollouts.listAssignments({ deployment: 'd1' }), [working]);
    await rollouts.putAssignments([{ ...working, state: 'failed', reason: 'why' }, assignment('d2', 'a')]);
    const rows = await rollouts.listAssignments({ devices: ['a', 'b'] });
    assert.deepEqual(
      rows.map(({ deployment, reason }) => [deployment, reason]),
      [
        ['d1', 'why'],
        ['d2', null],
      ],
    );
    await rollouts.updateDeployment('d1', { state: 'halted', reason: 'too many', endedAt: 7 });
    await rollouts.updateDeployment('d1', { wave: 1, approvedWave: 1 });
    const changed = { state: 'halted', reason: 'too many', endedAt: 7, wave: 1, approvedWave: 1 };
    assert.deepEqual(await rollouts.getDeployment('d1'), { ...first, ...changed });
  });

  test(`${name}: of many assignments, how many there are and those that tell most`, options, async (context) => {
    const { rollouts, ...store } = await openWith(context, ['a', 'b', 'c', 'd']);
    for (const id of ['d1', 'd2', 'd3']) await rollouts.addDeployment(deployment(id));
    await rollouts.addAssignments([
      { ...assignment('d1', 'a'), state: 'confirmed' },
      { ...assignment('d1', 'b'), state: 'waiting', wave: 1 },
      { ...assignment('d1', 'c'), state: 'failed' },
      { ...assignment('d1', 'd'), state: 'confirmed', wave: 2 },
      { ...assignment('d2', 'b'), state: 'failed' },
      assignment('d3', 'a'),
    ]);
    const counts = await rollouts.countAssignments(['d1', 'd2', 'none']);
    assert.deepEqual(counts.map((one) => `${one.deployment} ${one.wave} ${one.state} ${one.count}`).sort(), [
      'd1 0 confirmed 1',
      'd1 0 failed 1',
      'd1 1 waiting 1',
      'd1 2 confirmed 1',
      'd2 0 failed 1',
    ]);
    const order = ['failed', 'waiting', 'confirmed'] as const;
    const rows = await rollouts.listFirstAssignments(['d1', 'd2'], order, 3);
    const of = (id: string) => rows.filter((row) => row.deployment === id).map(({ device: on }) => on);
    assert.deepEqual([of('d1'), of('d2')], [['c', 'b', 'a'], ['b']]);
    assert.deepEqual(await rollouts.listFirstAssignments(['d3'], order, 3), [assignment('d3', 'a')]);
    assert.deepEqual(await rollouts.listFirstAssignments([], order, 3), []);
    assert.deepEqual(await store.other.rollouts.countAssignments(['d1']), [], 'another fleet');
    assert.deepEqual(await store.other.rollouts.listFirstAssignments(['d1'], order, 3), []);
  });

  test(`${name}: assignments are kept as they are given, whatever they have in common`, options, async (context) => {
    const store = await open(context);
    const ids = Array.from({ length: 4 }, (_, index) => `device${index}`);
    for (const id of ids) await store.addDevice(device(id));
    await store.rollouts.addDeployment(deployment('d1'));
    const common = ids.map((id) => assignment('d1', id));
    const previous = { version: '0.9.0', target: 'apps/a/0.9.0/any.sqfs' };
    const full = { percent: 12.5, reason: 'a "reason"', notBefore: 7, releasedAt: null, previous };
    const mixed = common.map((row, index) => (index % 2 === 0 ? row : { ...row, ...full, since: index, attempts: 2 }));
    await store.rollouts.addAssignments(common.slice(1));
    await assert.rejects(store.rollouts.addAssignments(common.slice(0, 2)), /unique/i);
    assert.deepEqual(await store.rollouts.listAssignments({ deployment: 'd1' }), common.slice(1));
    for (const rows of [common, mixed, mixed.map((row) => ({ ...row, ...full })), common]) {
      await store.rollouts.putAssignments(rows);
      assert.deepEqual(await store.rollouts.listAssignments({ deployment: 'd1' }), rows);
    }
  });

  test(`${name}: assignments that are past are asked for apart, and come to count again`, options, async (context) => {
    const store = (await openServer(context)).fleet('main');
    const { rollouts } = store;
    for (const id of ['a', 'b']) await store.addDevice(device(id));
    for (const id of ['d1', 'd2']) await rollouts.addDeployment(deployment(id));
    const old = ['a', 'b'].map((id) => ({ ...assignment('d1', id), state: 'failed' as const, past: true as const }));
    const now = ['a', 'b'].map((id) => assignment('d2', id));
    await rollouts.addAssignments([...old, ...now]);
    const devices = ['a', 'b'];
    assert.deepEqual(await rollouts.listAssignments({ devices, past: true }), old);
    assert.deepEqual(await rollouts.listAssignments({ devices, past: false }), now);
    const all = await rollouts.listAssignments({ devices: ['a'] });
    assert.deepEqual(new Set(all), new Set([old[0], now[0]]));
    assert.deepEqual(await rollouts.listAssignments({ deployment: 'd1' }), old);
    await rollouts.putAssignments([assignment('d1', 'a'), { ...assignment('d2', 'a'), state: 'confirmed' }]);
    assert.deepEqual(await rollouts.listAssignments({ devices, past: true }), [old[1]]);
  });

  test(`${name}: no assignment is of a device or a deployment that is not there`, options, async (context) => {
    const server = await openServer(context);
    const store = server.fleet('main');
    await server.addFleet({ id: 'other', name: 'Other', createdAt: 1 });
    for (const id of ['a', 'b']) await store.addDevice(device(id));
    await server.fleet('other').addDevice(device('foreign'));
    await store.rollouts.addDeployment(deployment('d1'));
    const rows = ['a', 'b'].map((id) => assignment('d1', id));
    for (const wrong of [assignment('d1', 'c'), assignment('d2', 'a'), assignment('d1', 'foreign')]) {
      await assert.rejects(store.rollouts.putAssignments([wrong]), /foreign|no such/i);
      await assert.rejects(store.rollouts.putAssignments([...rows, wrong]), /foreign|no such/i);
    }
    assert.deepEqual(await store.rollouts.listAssignments({}), []);
    await store.rollouts.putAssignments(rows);
    await store.removeDevice('a');
    assert.deepEqual(
      (await store.rollouts.listAssignments({})).map((row) => row.device),
      ['b'],
    );
    await store.addDevice(device('a'));
    assert.deepEqual((await store.getDevice('a'))?.desired, NOTHING_DESIRED);
  });

  test(
    `${name}: only those that wait are told, and desired states of many devices are written at once`,
    options,
    async (context) => {
      const store = await open(context);
      const { rollouts } = store;
      const ids = Array.from({ length: 1200 }, (_, index) => `device${index}`);
      for (const id of ids) await store.addDevice(device(id));
      await rollouts.addDeployment(deployment('d1'));
      await rollouts.addDeployment(deployment('d2'));
      await rollouts.putAssignments(ids.map((id) => ({ ...assignment('d1', id), state: 'waiting' as const })));
      await rollouts.putAssignments([{ ...assignment('d2', 'device0'), state: 'planned' }]);
      assert.deepEqual(await rollouts.markTold(ids.slice(0, 1100), 9), ['d1']);
      assert.deepEqual(await rollouts.markTold(ids.slice(0, 1100), 10), []);
      const states = (await rollouts.listAssignments({})).map(({ state, since }) => `${state} ${since}`);
      const counts = ['told 9', 'waiting 5', 'planned 5'].map((one) => states.filter((state) => state === one).length);
      assert.deepEqual(counts, [1100, 100, 1]);
      const wanted = ids.map((id, index): [string, DesiredState] => [
        id,
        // Half of them want the same.
        { ...NOTHING_DESIRED, generation: index % 2 === 0 ? 5_000 : index, removeApps: ['"a"'] },
      ]);
      await rollouts.setDesired(new Map(wanted.slice(1)));
      const devices = new Map((await store.getDevices(ids)).map((one) => [one.id, one.desired]));
      assert.deepEqual(devices.get('device0'), NOTHING_DESIRED);
      for (const [id, desired] of wanted.slice(1)) assert.deepEqual(devices.get(id), desired);
    },
  );

  test(`${name}: groups are made, changed and removed`, options, async (context) => {
    const { rollouts } = await open(context);
    const window = { days: ['sat' as const], from: '22:00', to: '02:00' };
    const group = { name: 'kiosks', query: 'tag:kiosk', devices: ['a'], window, createdAt: 1 };
    await rollouts.putGroup({ ...group, window: null });
    await rollouts.putGroup(group);
    assert.deepEqual(await rollouts.listGroups(), [group]);
    assert.deepEqual(await rollouts.getGroup('kiosks'), group);
    await rollouts.removeGroup('kiosks');
    assert.equal(await rollouts.getGroup('kiosks'), null);
  });
}
