import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CurrentState, DesiredState, WantedRelease } from '@nodeos/contracts/desired-state.ts';
import { appTargetPath, systemTargetPath } from '@nodeos/contracts/release.ts';
import fc from 'fast-check';
import { planUpdate, type Step } from './plan.ts';

const BOARD = 'x86_64-usb';
const names = fc.constantFrom('hello', 'world', 'constructor');
const versions = fc.constantFrom('1.0.0', '1.1.0', '2.0.0');
const deployments = fc.constantFrom(null, 'd1', 'd2');

const desiredStates: fc.Arbitrary<DesiredState> = fc
  .record({
    generation: fc.nat(),
    system: fc.option(fc.record({ version: versions, deployment: deployments })),
    apps: fc.dictionary(names, fc.record({ version: versions, deployment: deployments })),
    removeApps: fc.array(names),
  })
  .map(({ generation, system, apps, removeApps }) => ({
    format: 1,
    generation,
    system: system && { ...system, target: systemTargetPath(BOARD, system.version) },
    apps: Object.fromEntries(
      Object.entries(apps).map(([name, app]) => [name, { ...app, target: appTargetPath(name, app.version, 'any') }]),
    ),
    removeApps,
  }));

const currentStates: fc.Arbitrary<CurrentState> = fc.record({
  system: fc.record({ board: fc.constant(BOARD), version: versions }),
  trial: fc.option(fc.record({ version: versions }), { freq: 3 }),
  apps: fc.dictionary(names, fc.record({ version: versions, sha256: fc.constant('0'.repeat(64)) })),
  failed: fc.dictionary(
    fc.oneof(
      fc.tuple(names, versions).map(([name, version]) => appTargetPath(name, version, 'any')),
      versions.map((version) => systemTargetPath(BOARD, version)),
    ),
    fc.record({ deployment: deployments, reason: fc.constant('why') }),
  ),
});

/** What a device would be after a step that succeeded. */
function after(current: CurrentState, step: Step): CurrentState {
  const apps = { ...current.apps };
  switch (step.kind) {
    case 'remove-app':
      delete apps[step.name];
      return { ...current, apps };
    case 'activate-app':
      apps[step.name] = { version: step.release.version, sha256: '1'.repeat(64) };
      return { ...current, apps };
    case 'trial-system':
      return { ...current, system: { ...current.system, version: step.release.version } };
    default:
      return current;
  }
}
const holds = (property: (current: CurrentState, desired: DesiredState) => void) =>
  fc.assert(fc.property(currentStates, desiredStates, property), { numRuns: 700 });

test('the same question has the same answer, and asking changes nothing', () => {
  holds((current, desired) => {
    const before = JSON.stringify([current, desired]);
    assert.deepEqual(planUpdate(current, desired), planUpdate(current, desired));
    assert.equal(JSON.stringify([current, desired]), before);
  });
});

test('doing all steps leaves nothing to do, also when they were interrupted anywhere', () => {
  holds((current, desired) => {
    const steps = planUpdate(current, desired);
    for (let cut = 0; cut <= steps.length; cut++) {
      const half = steps.slice(0, cut).reduce(after, current);
      const rest = planUpdate(half, desired);
      assert.deepEqual(planUpdate(rest.reduce(after, half), desired), []);
      assert.ok(rest.length <= steps.length);
    }
  });
});

test('where current is desired nothing is planned', () => {
  holds((current, { generation }) => {
    const target = (name: string, version: string) => appTargetPath(name, version, 'any');
    const same: DesiredState = {
      format: 1,
      generation,
      system: { version: current.system.version, target: 'systems/x', deployment: null },
      apps: Object.fromEntries(
        Object.entries(current.apps).map(([name, { version }]) => [
          name,
          { version, target: target(name, version), deployment: 'd1' },
        ]),
      ),
      removeApps: [],
    };
    assert.deepEqual(planUpdate(current, same), []);
  });
});

test('at most one system release, fetched before it is tried, after all apps; none during a trial', () => {
  holds((current, desired) => {
    const kinds = planUpdate(current, desired).map((step) => step.kind);
    const system = kinds.filter((kind) => kind.endsWith('-system'));
    assert.ok(system.length === 0 || system.join() === 'fetch-system,trial-system');
    assert.deepEqual(kinds.slice(kinds.length - system.length), system);
    if (current.trial) assert.equal(system.length, 0);
  });
});

test('every activation follows its own fetch, and nothing is planned twice', () => {
  holds((current, desired) => {
    const steps = planUpdate(current, desired);
    for (const [index, step] of steps.entries()) {
      if (step.kind !== 'activate-app') continue;
      assert.deepEqual(steps[index - 1], { ...step, kind: 'fetch-app' });
    }
    assert.equal(new Set(steps.map((step) => JSON.stringify(step))).size, steps.length);
  });
});

test('what failed for a deployment is left out until the deployment changes', () => {
  holds((current, desired) => {
    for (const step of planUpdate(current, desired)) {
      if (step.kind === 'remove-app') continue;
      const { target, deployment } = step.release;
      assert.notEqual(Object.hasOwn(current.failed, target) && current.failed[target]?.deployment, deployment);
      const failed = { ...current.failed, [target]: { deployment, reason: 'now too' } };
      const rest = planUpdate({ ...current, failed }, desired);
      assert.ok(rest.every((other) => other.kind === 'remove-app' || other.release.target !== target));
    }
  });
});

test('an app that is both wanted and to be removed stays; one that is not named is not touched', () => {
  holds((current, desired) => {
    for (const step of planUpdate(current, desired)) {
      if (!('name' in step)) continue;
      if (step.kind === 'remove-app')
        assert.ok(desired.removeApps.includes(step.name) && !Object.hasOwn(desired.apps, step.name));
      else assert.ok(Object.hasOwn(desired.apps, step.name));
    }
  });
});

test('an older version is planned when the server wants it', () => {
  const current: CurrentState = { system: { board: BOARD, version: '2.0.0' }, trial: null, apps: {}, failed: {} };
  const release = { version: '1.0.0', target: systemTargetPath(BOARD, '1.0.0'), deployment: 'back' };
  const desired: DesiredState = { format: 1, generation: 1, system: release, apps: {}, removeApps: [] };
  assert.deepEqual(
    planUpdate(current, desired).map((step) => step.kind),
    ['fetch-system', 'trial-system'],
  );
});

test('what is only to be fetched is fetched, and nothing of it takes the place of what runs', () => {
  holds((current, desired) => {
    const only = (release: WantedRelease): WantedRelease => ({ ...release, apply: 'download' });
    const steps = planUpdate(current, {
      ...desired,
      system: desired.system && only(desired.system),
      apps: Object.fromEntries(Object.entries(desired.apps).map(([name, release]) => [name, only(release)])),
    });
    assert.ok(steps.every(({ kind }) => kind.startsWith('fetch-') || kind === 'remove-app'));
    const fetched = (of: Step[]) => of.filter(({ kind }) => kind.startsWith('fetch-')).length;
    assert.equal(fetched(steps), fetched(planUpdate(current, desired)));
  });
});
