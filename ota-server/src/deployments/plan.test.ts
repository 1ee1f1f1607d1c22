import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';
import fc from 'fast-check';
import type { Assignment } from '../store/rollouts.ts';
import { deviceReport } from '../testing/running-server.ts';
import {
  type Belongs,
  type Candidate,
  desiredState,
  type EngineDeployment,
  isOpen,
  laneOf,
  NOTHING_DESIRED,
  reaches,
  syncDevice,
  winners,
} from './plan.ts';
import { isReleased } from './plan-rollout.ts';
import { afterReport } from './progress.ts';

const deployment = (sequence: number, change: Partial<EngineDeployment> = {}): EngineDeployment => ({
  ...{ id: `d${sequence}`, sequence, kind: 'app', name: 'hello', version: `${sequence}.0.0` },
  ...{ target: `apps/hello/${sequence}.0.0/any.sqfs`, to: { tag: 'all' }, rollout: PLAIN_ROLLOUT, state: 'running' },
  ...{ wave: 0, approvedWave: -1 },
  ...change,
});
const device: Candidate = {
  ...{ id: 'x', board: 'pc', tags: ['all'], state: 'active', pins: {}, apps: {}, systemVersion: '1.0.0' },
};
const row = (change: Partial<Assignment> = {}): Assignment => ({
  ...{ deployment: 'd1', device: 'x', state: 'told', percent: null, reason: null, generation: 1, wave: 0 },
  ...{ attempts: 1, notBefore: null, since: 0, releasedAt: 0, previous: null },
  ...change,
});
const belongs: Belongs = (to, of) =>
  'device' in to
    ? to.device === of.id
    : 'tag' in to
      ? of.tags.includes(to.tag)
      : 'query' in to && to.query === of.board;
const app = (version: string, state: 'running' | 'backing-off' = 'running') => ({
  hello: { version, sha256: 'f'.repeat(64), state, restarts: 0, reason: null },
});
const report = (change: Partial<DeviceReport> = {}): DeviceReport =>
  deviceReport({ board: 'pc', generation: 1, ...change });
const status = (
  state: 'fetching' | 'soaking' | 'downloaded' | 'confirmed' | 'failed',
  of = 'd1',
): DeviceReport['updates'][number] => ({
  ...{ lane: 'app', name: 'hello', version: '1.0.0', target: 'apps/hello/1.0.0/any.sqfs', deployment: of, state },
  percent: state === 'fetching' ? 40 : null,
  reason: state === 'failed' ? 'APP_START_FAILED: exit code 1' : null,
});
const desire = (rows: Assignment[], deployments: EngineDeployment[], of = device, before = NOTHING_DESIRED) =>
  desiredState(of, before, deployments, rows, belongs);

test('a device by id, a tag, a board: only those are reached', () => {
  assert.ok(reaches(deployment(1), device, belongs));
  assert.ok(!reaches(deployment(1), { ...device, tags: [] }, belongs));
  assert.ok(!reaches(deployment(1), { ...device, state: 'pending' }, belongs));
  assert.ok(reaches(deployment(1, { to: { device: 'x' } }), { ...device, tags: [] }, belongs));
  assert.ok(!reaches(deployment(1, { kind: 'system', name: 'other-board' }), device, belongs));
});

test('only what was released to the device is wanted; aborting the newest brings back what was before', () => {
  const rows = [row(), row({ deployment: 'd2', state: 'planned' })];
  const first = desire(rows, [deployment(1), deployment(2)]);
  assert.equal(first.apps.hello?.version, '1.0.0');
  const both = [row({ state: 'confirmed' }), row({ deployment: 'd2' })];
  const second = desire(both, [deployment(1), deployment(2)], device, first);
  assert.equal(second.apps.hello?.version, '2.0.0');
  const aborted = desire(both, [deployment(1), deployment(2, { state: 'aborted' })], device, second);
  assert.deepEqual(aborted.apps, first.apps);
  assert.deepEqual(
    [first, second, aborted].map(({ generation }) => generation),
    [1, 2, 3],
  );
});

test('a further attempt has another name, so that the device tries again', () => {
  assert.equal(desire([row({ attempts: 3 })], [deployment(1)]).apps.hello?.deployment, 'd1.3');
  const after = (of: string) =>
    afterReport(row({ attempts: 3 }), deployment(1), report({ updates: [status('failed', of)] }), 5);
  assert.equal(after('d1').state, 'told');
  assert.equal(after('d1.3').state, 'failed');
});

test('turned back: to the deployment before, to what the device ran, or away where it had nothing', () => {
  const back = deployment(2, { state: 'turning-back' });
  const previous = { version: '0.9.0', target: 'apps/hello/0.9.0/any.sqfs' };
  const returning = row({ deployment: 'd2', state: 'returning', previous });
  const wanted = (rows: Assignment[], deployments: EngineDeployment[]) => desire(rows, deployments).apps.hello?.version;
  assert.equal(wanted([returning], [back]), '0.9.0');
  assert.equal(wanted([row({ state: 'confirmed' }), returning], [deployment(1), back]), '1.0.0');
  assert.equal(wanted([row({ state: 'failed' }), returning], [deployment(1), back]), '0.9.0');
  assert.equal(wanted([returning, row({ deployment: 'd3' })], [back, deployment(3)]), '3.0.0');
  const nothing = desire([row({ deployment: 'd2', state: 'returning' })], [back]);
  assert.deepEqual([nothing.apps, nothing.removeApps], [{}, ['hello']]);
});

test('a pin stands above every deployment', () => {
  const pinned = { ...device, pins: { hello: 'apps/hello/0.5.0/any.sqfs' } };
  assert.equal(desire([row({ state: 'confirmed' })], [deployment(1)], pinned).apps.hello?.version, '0.5.0');
  assert.match(syncDevice(pinned, [deployment(1)], [], belongs, 0)[0]?.reason ?? '', /pinned to 0.5.0/);
});

test('a newer version is left alone, unless going back is asked for', () => {
  const newer = { ...device, apps: app('3.0.0') };
  const [skipped] = syncDevice(newer, [deployment(1)], [], belongs, 0);
  assert.deepEqual([skipped?.state, skipped?.reason], ['skipped', 'the device runs 3.0.0, which is newer']);
  const asked = deployment(1, { rollout: { ...PLAIN_ROLLOUT, allowDowngrade: true } });
  assert.equal(syncDevice(newer, [asked], [], belongs, 0)[0]?.state, 'planned');
});

test('a device that took an update stays, also where the query no longer finds it', () => {
  const byQuery = deployment(1, { to: { query: 'pc' } });
  const other = { ...device, board: 'pi' };
  assert.deepEqual(syncDevice(other, [byQuery], [row({ state: 'working' })], belongs, 0), []);
  assert.equal(syncDevice(other, [byQuery], [row({ state: 'planned' })], belongs, 0)[0]?.state, 'superseded');
});

test('a report moves its own deployment only', () => {
  const after = (before: Assignment, change: Partial<DeviceReport>) =>
    afterReport(before, deployment(1), report(change), 5);
  assert.deepEqual(after(row(), { updates: [status('fetching')] }), row({ state: 'working', percent: 40, since: 5 }));
  assert.equal(after(row(), { updates: [status('confirmed', 'd2')] }).state, 'told');
  const failed = after(row({ state: 'working' }), { updates: [status('soaking'), status('failed')] });
  assert.deepEqual([failed.state, failed.reason], ['failed', 'APP_START_FAILED: exit code 1']);
  const over = row({ state: 'superseded' });
  assert.equal(after(over, { updates: [status('confirmed')] }), over);
  const done = row({ state: 'confirmed' });
  assert.equal(after(done, { updates: [status('soaking')] }), done, 'an old report came late');
});

test('a device that runs the release already is confirmed, but not by a report from before', () => {
  const apps = app('1.0.0');
  assert.equal(afterReport(row(), deployment(1), report({ apps }), 5).state, 'confirmed');
  assert.equal(afterReport(row({ generation: 2 }), deployment(1), report({ apps }), 5).state, 'told');
  const system = deployment(1, { kind: 'system', name: 'pc' });
  const on = (trial: boolean) => report({ system: { version: '1.0.0', slot: 'b', trial } });
  assert.equal(afterReport(row(), system, on(false), 5).state, 'confirmed');
  assert.equal(afterReport(row(), system, on(true), 5).state, 'told');
});

test('soak: what was confirmed must hold', () => {
  const soaks = deployment(1, { rollout: { ...PLAIN_ROLLOUT, soakSeconds: 60 } });
  assert.equal(afterReport(row(), soaks, report({ updates: [status('confirmed')] }), 5).state, 'soaking');
  const soaking = row({ state: 'soaking' });
  assert.equal(afterReport(soaking, soaks, report({ apps: app('1.0.0') }), 5), soaking);
  assert.match(afterReport(soaking, soaks, report({ apps: app('0.9.0') }), 5).reason ?? '', /did not hold.*runs 0.9.0/);
  assert.match(
    afterReport(soaking, soaks, report({ apps: app('1.0.0', 'backing-off') }), 5).reason ?? '',
    /backing-off/,
  );
  const stopped = { apps: { hello: { ...app('1.0.0').hello, state: 'stopped' as const } } };
  assert.match(afterReport(soaking, soaks, report(stopped), 5).reason ?? '', /the app is stopped/);
  assert.equal(afterReport(soaking, soaks, report({ ...stopped, development: { app: 'hello' } }), 5), soaking);
});

test('back is who has heard of it and runs the release no more', () => {
  const returning = row({ state: 'returning', generation: 4, previous: { version: '0.9.0', target: 't' } });
  const after = (version: string, generation: number) =>
    afterReport(returning, deployment(1), report({ apps: app(version), generation }), 5).state;
  assert.equal(after('0.9.0', 3), 'returning');
  assert.equal(after('1.0.0', 4), 'returning');
  assert.equal(after('0.9.0', 4), 'returned');
  const failed = afterReport(returning, deployment(1), report({ generation: 3, updates: [status('failed')] }), 5);
  assert.deepEqual([failed.state, failed.reason], ['failed', 'APP_START_FAILED: exit code 1']);
});

test('fetched is enough where nothing more was asked for', () => {
  const only = deployment(1, { rollout: { ...PLAIN_ROLLOUT, downloadOnly: true } });
  assert.equal(desire([row()], [only]).apps.hello?.apply, 'download');
  assert.equal(afterReport(row(), only, report({ updates: [status('downloaded')] }), 5).state, 'confirmed');
});

test('what is forced says so to the device', () => {
  const forced = deployment(1, { rollout: { ...PLAIN_ROLLOUT, forced: true } });
  assert.equal(desire([row()], [forced]).apps.hello?.force, true);
  assert.ok(!('force' in (desire([row()], [deployment(1)]).apps.hello ?? { force: true })));
});

test('a device whose apps hold the update back is under way, says why, and has not stalled', () => {
  const held = {
    ...status('soaking'),
    state: 'installing' as const,
    reason: 'UPDATE_HELD: hello: a print is running',
  };
  const waiting = afterReport(row(), deployment(1), report({ updates: [held] }), 5);
  assert.deepEqual([waiting.state, waiting.reason, waiting.since], ['working', held.reason, 5]);
  assert.equal(afterReport(waiting, deployment(1), report({ updates: [held] }), 9).since, 9);
  const on = afterReport(waiting, deployment(1), report({ updates: [status('soaking')] }), 9);
  assert.deepEqual([on.state, on.reason, on.since], ['working', null, 5]);
  const other = { ...held, reason: 'FETCH_FAILED: no route' };
  const [working] = [row({ state: 'working' })];
  assert.equal(afterReport(working, deployment(1), report({ updates: [other] }), 9), working);
});

const anyState = fc.constantFrom<EngineDeployment['state'][]>(
  ...(['running', 'done', 'failed', 'aborted', 'paused', 'halted', 'turned-back', 'turning-back'] as const),
);
const anyDeployments = fc
  .array(
    fc.record({
      kind: fc.constantFrom('app' as const, 'system' as const),
      name: fc.constantFrom('hello', 'clock'),
      to: fc.constantFrom({ device: 'x' }, { device: 'y' }, { tag: 'all' }, { tag: 'beta' }, { query: 'pc' }),
      state: anyState,
    }),
    { maxLength: 10 },
  )
  .map((list) => list.map((one, index) => deployment(index + 1, one.kind === 'system' ? { ...one, name: 'pc' } : one)));
const anyDevice = fc.record({
  id: fc.constantFrom('x', 'y'),
  board: fc.constantFrom('pc', 'pi'),
  tags: fc.subarray(['all', 'beta']),
  state: fc.constantFrom('active' as const, 'pending' as const, 'revoked' as const),
});
const released = fc.constantFrom<Assignment['state'][]>(
  'planned',
  'waiting',
  'told',
  'working',
  'confirmed',
  'failed',
  'returning',
);

test('for any history: rows settle, one release a lane wins, and it is the newest that the device was given', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyDevice, anyDeployments, fc.array(released, { minLength: 10, maxLength: 10 })), {
        minLength: 1,
        maxLength: 5,
      }),
      (history) => {
        const rows = new Map<string, Assignment>();
        let desired = NOTHING_DESIRED;
        for (const [change, deployments, states] of history) {
          const of = { ...device, ...change };
          const sync = () => syncDevice(of, deployments, [...rows.values()], belongs, 1);
          for (let pass = 0; pass < 3; pass++) for (const one of sync()) rows.set(one.deployment, one);
          assert.deepEqual(sync(), [], 'settled');
          for (const one of rows.values())
            if (one.state === 'planned')
              rows.set(one.deployment, {
                ...one,
                state: states[deployments.findIndex(({ id }) => id === one.deployment)] ?? 'planned',
              });
          for (let pass = 0; pass < 3; pass++) for (const one of sync()) rows.set(one.deployment, one);

          const winning = winners(of, deployments, [...rows.values()], belongs);
          assert.equal(new Set(winning.map(({ deployment: one }) => laneOf(one))).size, winning.length);
          for (const { deployment: winner } of winning)
            for (const other of deployments) {
              const one = rows.get(other.id);
              if (laneOf(other) !== laneOf(winner) || other.sequence <= winner.sequence || one === undefined) continue;
              const stays = isReleased(one) && !['aborted', 'turning-back', 'turned-back'].includes(other.state);
              assert.ok(!stays || !reaches(other, of, belongs), `${other.id} is newer than ${winner.id}`);
            }
          for (const one of rows.values()) {
            const own = deployments.find(({ id }) => id === one.deployment);
            if (own === undefined || !isOpen(one)) continue;
            assert.equal(of.state, 'active');
            assert.ok(!['aborted', 'turning-back', 'turned-back'].includes(own.state));
          }
          const next = desiredState(of, desired, deployments, [...rows.values()], belongs);
          assert.deepEqual(
            next,
            desiredState(of, desired, deployments.toReversed(), [...rows.values()].toReversed(), belongs),
          );
          assert.ok(next === desired || next.generation === desired.generation + 1);
          assert.equal(desiredState(of, next, deployments, [...rows.values()], belongs), next);
          desired = next;
        }
      },
    ),
  );
});
