import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import fc from 'fast-check';
import type { Assignment } from '../store/store.ts';
import {
  afterReport,
  afterTold,
  type Candidate,
  changedAssignments,
  deploymentState,
  desiredState,
  type EngineDeployment,
  isOpen,
  NOTHING_DESIRED,
  reaches,
  winners,
} from './plan.ts';

const report = (change: Partial<DeviceReport> = {}): DeviceReport => ({
  format: 1,
  board: 'pc',
  system: { version: '1.0.0', slot: 'a', trial: false },
  bootId: 'boot',
  uptimeSeconds: 1,
  dataStore: 'disk',
  generation: 1,
  apps: {},
  updates: [],
  memory: { totalKiB: 1, availableKiB: 1, agentRssKiB: 1 },
  addresses: [],
  bootTimes: { init: null, agent: null, online: null },
  ...change,
});
const deployment = (sequence: number, change: Partial<EngineDeployment> = {}): EngineDeployment => ({
  id: `d${sequence}`,
  sequence,
  kind: 'app',
  name: 'hello',
  version: `${sequence}.0.0`,
  target: `apps/hello/${sequence}.0.0/any.sqfs`,
  to: { tag: 'all' },
  state: 'running',
  ...change,
});
const device: Candidate = { id: 'x', board: 'pc', tags: ['all'], state: 'active' };
const row = (change: Partial<Assignment> = {}): Assignment => ({
  deployment: 'd1',
  device: 'x',
  state: 'told',
  percent: null,
  reason: null,
  generation: 1,
  ...change,
});
const status = (
  state: 'fetching' | 'soaking' | 'confirmed' | 'failed',
  of = 'd1',
): DeviceReport['updates'][number] => ({
  lane: 'app',
  name: 'hello',
  version: '1.0.0',
  target: 'apps/hello/1.0.0/any.sqfs',
  deployment: of,
  state,
  percent: state === 'fetching' ? 40 : null,
  reason: state === 'failed' ? 'APP_START_FAILED: exit code 1' : null,
});

test('a device by id, a tag, a board: only those are reached', () => {
  assert.ok(reaches(deployment(1), device));
  assert.ok(!reaches(deployment(1), { ...device, tags: [] }));
  assert.ok(!reaches(deployment(1), { ...device, state: 'pending' }));
  assert.ok(reaches(deployment(1, { to: { device: 'x' } }), { ...device, tags: [] }));
  assert.ok(!reaches(deployment(1, { kind: 'system', name: 'other-board' }), device));
});

test('aborting the newest brings back what was before', () => {
  const first = desiredState(device, NOTHING_DESIRED, [deployment(1)]);
  const second = desiredState(device, first, [deployment(1), deployment(2)]);
  const aborted = desiredState(device, second, [deployment(1), deployment(2, { state: 'aborted' })]);
  assert.deepEqual(aborted.apps, first.apps);
  assert.deepEqual(
    [first, second, aborted].map(({ generation }) => generation),
    [1, 2, 3],
  );
});

test('a report moves its own deployment only', () => {
  assert.deepEqual(
    afterReport(row(), deployment(1), report({ updates: [status('fetching')] })),
    row({ state: 'working', percent: 40 }),
  );
  assert.equal(afterReport(row(), deployment(1), report({ updates: [status('confirmed', 'd2')] })).state, 'told');
  const failed = afterReport(
    row({ state: 'working' }),
    deployment(1),
    report({ updates: [status('soaking'), status('failed')] }),
  );
  assert.deepEqual([failed.state, failed.reason], ['failed', 'APP_START_FAILED: exit code 1']);
  const over = row({ state: 'superseded' });
  assert.equal(afterReport(over, deployment(1), report({ updates: [status('confirmed')] })), over);
});

test('a device that runs the release already is confirmed, but not by a report from before', () => {
  const apps = {
    hello: { version: '1.0.0', sha256: 'f'.repeat(64), state: 'running', restarts: 0, reason: null },
  } as const;
  assert.equal(afterReport(row(), deployment(1), report({ apps })).state, 'confirmed');
  assert.equal(afterReport(row({ generation: 2 }), deployment(1), report({ apps })).state, 'told');
  const system = deployment(1, { kind: 'system', name: 'pc' });
  assert.equal(afterReport(row(), system, report()).state, 'confirmed');
  assert.equal(
    afterReport(row(), system, report({ system: { version: '1.0.0', slot: 'b', trial: true } })).state,
    'told',
  );
});

test('a deployment runs until all have ended, and one failure is a failure', () => {
  const state = (...states: Assignment['state'][]) =>
    deploymentState(
      { state: 'running' },
      states.map((one) => ({ state: one })),
    );
  assert.equal(state(), 'running');
  assert.equal(state('confirmed', 'working', 'failed'), 'running');
  assert.equal(state('confirmed', 'superseded'), 'done');
  assert.equal(state('confirmed', 'failed'), 'failed');
  assert.equal(deploymentState({ state: 'aborted' }, [{ state: 'working' }]), 'aborted');
});

test('told only moves those that wait', () => {
  assert.equal(afterTold(row({ state: 'waiting' })).state, 'told');
  assert.equal(afterTold(row({ state: 'working' })).state, 'working');
});

const anyDeployment = fc.record({
  kind: fc.constantFrom('app' as const, 'system' as const),
  name: fc.constantFrom('hello', 'clock'),
  to: fc.constantFrom({ device: 'x' }, { device: 'y' }, { tag: 'all' }, { tag: 'beta' }),
  state: fc.constantFrom('running' as const, 'done' as const, 'failed' as const, 'aborted' as const),
});
const anyDeployments = fc
  .array(anyDeployment, { maxLength: 12 })
  .map((list) => list.map((one, index) => deployment(index + 1, one.kind === 'system' ? { ...one, name: 'pc' } : one)));
const anyDevice = fc.record({
  id: fc.constantFrom('x', 'y'),
  board: fc.constantFrom('pc', 'pi'),
  tags: fc.subarray(['all', 'beta']),
  state: fc.constantFrom('active' as const, 'pending' as const, 'revoked' as const),
});

test('for any fleet: one winner a lane, the newest, and it reaches the device', () => {
  fc.assert(
    fc.property(anyDevice, anyDeployments, (candidate, deployments) => {
      const winning = winners(candidate, deployments);
      const lanes = winning.map(({ kind, name }) => (kind === 'system' ? 'system' : name));
      assert.equal(new Set(lanes).size, lanes.length);
      for (const winner of winning) {
        assert.ok(reaches(winner, candidate) && winner.state !== 'aborted');
        for (const other of deployments)
          if (
            other.kind === winner.kind &&
            other.name === winner.name &&
            other.state !== 'aborted' &&
            reaches(other, candidate)
          )
            assert.ok(other.sequence <= winner.sequence);
      }
    }),
  );
});

test('for any history: the desired state is a function of the deployments, generations only grow', () => {
  fc.assert(
    fc.property(anyDevice, fc.array(anyDeployments, { minLength: 1, maxLength: 6 }), (candidate, history) => {
      let desired = NOTHING_DESIRED;
      for (const deployments of history) {
        const next = desiredState(candidate, desired, deployments);
        const shuffled = desiredState(candidate, desired, deployments.toReversed());
        assert.deepEqual(next, shuffled);
        assert.ok(
          next.generation === desired.generation ? next === desired : next.generation === desired.generation + 1,
        );
        assert.equal(desiredState(candidate, next, deployments), next);
        desired = next;
      }
    }),
  );
});

test('for any history: exactly the winners are open or ended, all others have ended', () => {
  fc.assert(
    fc.property(anyDevice, fc.array(anyDeployments, { minLength: 1, maxLength: 6 }), (candidate, history) => {
      const rows = new Map<string, Assignment>();
      history.forEach((deployments, generation) => {
        for (const change of changedAssignments(candidate, deployments, [...rows.values()], generation))
          rows.set(change.deployment, change);
        const winning = new Set(winners(candidate, deployments).map(({ id }) => id));
        for (const id of winning) assert.notEqual(rows.get(id)?.state ?? 'superseded', 'superseded');
        for (const [id, one] of rows) if (!winning.has(id)) assert.ok(!isOpen(one) && one.reason !== '');
        assert.deepEqual(changedAssignments(candidate, deployments, [...rows.values()], generation), []);
      });
    }),
  );
});
