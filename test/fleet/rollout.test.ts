import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '@nodeos/ota-server/testing/until.ts';
import { FLEET_LIMIT_MS, startFleet } from './simulated-fleet.ts';

const QUICK = { connectPerSecond: 200, systemSoakMs: 10 };
const SPAN: [number, number] = [5, 50];

test('a bad release to simulated devices stops by itself in the canary wave, and who took it is back', async (context) => {
  const count = 200;
  const fleet = await startFleet(context, count, ['hello@1.0.0', 'hello@2.0.0'], {
    ...{ ...QUICK, installMs: SPAN },
    faults: { bad: [{ release: 'hello@2.0.0', rate: 0.5 }] },
  });
  const { simulation } = fleet;
  await until('all devices online', () => simulation.counts().online === count, FLEET_LIMIT_MS);
  const first = await fleet.deploy('apps/hello/1.0.0/any.sqfs');
  await until('1.0.0 everywhere', async () => (await fleet.show(first.id)).state === 'done', FLEET_LIMIT_MS);
  assert.equal(simulation.running('hello@1.0.0'), count);

  const rollout = { waves: [{ devices: 20 }, { percent: 50 }], maxFailurePercent: 10 };
  const second = await fleet.deploy('apps/hello/2.0.0/any.sqfs', rollout);
  const ended = await until(
    'the end of the rollout',
    async () => {
      const deployment = await fleet.show(second.id);
      return deployment.state === 'turned-back' && deployment;
    },
    FLEET_LIMIT_MS,
  );
  assert.equal(ended.wave, 0);
  assert.match(ended.reason ?? '', /of 20 devices of wave 1 failed, more than 10 %/);
  const { failed = 0, returned = 0, superseded = 0 } = ended.counts;
  assert.ok(failed > 2, `${failed} failed`);
  assert.equal(failed + returned + superseded, count);
  assert.ok(superseded >= count - 20);
  assert.equal(simulation.running('hello@2.0.0'), 0);
  assert.equal(simulation.running('hello@1.0.0'), count);
  const reasons = ended.devices.filter(({ state }) => state === 'failed').map(({ reason }) => reason);
  assert.ok(reasons.every((reason) => /^APP_START_FAILED: hello 2.0.0 ended with exit code 1/.test(reason ?? '')));
});

test('a system goes through trial and confirmation on each device; where it panics, the old one is back', async (context) => {
  const count = 30;
  const fleet = await startFleet(context, count, ['system@1.1.0'], {
    ...{ ...QUICK, installMs: SPAN, bootMs: SPAN },
    faults: {
      bad: [{ release: 'system@1.1.0', rate: 0.2 }],
      offline: { rate: 0.2, forMs: [50, 100], everyMs: [200, 400] },
      slow: { rate: 0.1, times: 3 },
    },
  });
  const { simulation } = fleet;
  await until('all devices connected', () => simulation.counts().online > count / 2, FLEET_LIMIT_MS);
  const { id } = await fleet.deploy('systems/x86_64-usb/1.1.0/slot.img');
  const ended = await until(
    'the end',
    async () => {
      const deployment = await fleet.show(id);
      return deployment.state === 'failed' && deployment;
    },
    FLEET_LIMIT_MS,
  );
  const { confirmed = 0, failed = 0 } = ended.counts;
  assert.equal(confirmed + failed, count);
  assert.ok(failed > 0 && confirmed > failed);
  assert.equal(simulation.running('system@1.1.0'), confirmed);
  assert.equal(simulation.running('system@1.0.0'), failed);
  const reasons = ended.devices.filter(({ state }) => state === 'failed').map(({ reason }) => reason);
  assert.ok(
    reasons.every((reason) => /^TRIAL_FAILED: .*panicked/.test(reason ?? '')),
    reasons.join('\n'),
  );
});
