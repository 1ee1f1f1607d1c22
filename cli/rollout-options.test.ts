import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rolloutPolicySchema } from '@nodeos/contracts/rollout.ts';
import { formatSeconds, parseDuration } from './duration.ts';
import { formatWindow, readRollout, readWindow } from './rollout-options.ts';

describe('readRollout', () => {
  it('makes the waves, and guards them where nothing else is said', () => {
    const rollout = readRollout({ canary: '5', wave: ['10%', '50%'] });
    assert.deepEqual(rollout.waves, [{ devices: 5 }, { percent: 10 }, { percent: 50 }]);
    assert.deepEqual([rollout.maxFailurePercent, rollout.patienceSeconds], [10, 3600]);
    assert.equal(readRollout({}).maxFailurePercent, undefined);
  });

  it('takes every option, and what it gives fits the contract', () => {
    const rollout = readRollout({
      ...{ canary: '1%', failureRate: '2.5%', onFailure: 'halt', soak: '10m', concurrency: '5', perMinute: '60' },
      ...{ retries: '2', penalty: '1h', patience: '2h', approval: 'waves', window: 'sat,sun 22:00-06:00' },
      ...{ force: true, downloadOnly: true, allowDowngrade: true },
    });
    assert.deepEqual(rolloutPolicySchema.partial().parse(rollout), rollout);
    assert.deepEqual(
      [rollout.maxFailurePercent, rollout.soakSeconds, rollout.penaltySeconds, rollout.patienceSeconds],
      [2.5, 600, 3600, 7200],
    );
    assert.deepEqual(rollout.window, { days: ['sat', 'sun'], from: '22:00', to: '06:00' });
  });

  for (const [name, options, message] of [
    ['a wave of nothing', { wave: ['0'] }, /--wave 0/],
    ['a share above all', { canary: '101%' }, /--wave 101/],
    ['a word for a number', { retries: 'many' }, /--retries many/],
    ['a time without a unit that is known', { soak: '5w' }, /--soak 5w/],
    ['another end', { onFailure: 'cry' }, /--on-failure cry is none of turn-back, halt/],
    ['a window that is none', { window: '2-4' }, /--window 2-4/],
    ['a day that is none', { window: 'xyz 02:00-04:00' }, /--window xyz/],
  ] as const)
    it(`refuses ${name}`, () => assert.throws(() => readRollout(options as never), { code: 'INPUT_INVALID', message }));
});

describe('times and windows', () => {
  it('are read and written', () => {
    assert.deepEqual(
      ['90', '90s', '10m', '2h', '1d'].map((text) => parseDuration(text, '--soak')),
      [90, 90, 600, 7200, 86_400],
    );
    assert.deepEqual([90, 600, 7200].map(formatSeconds), ['90 s', '10 min', '2 h']);
    for (const text of ['02:00-04:00', 'sat,sun 22:00-06:00']) assert.equal(formatWindow(readWindow(text)), text);
  });
});
