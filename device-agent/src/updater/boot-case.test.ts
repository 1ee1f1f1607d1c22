import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BootEvidence, judgeBoot, type SystemTrial } from './boot-case.ts';

const TRIAL: SystemTrial = {
  version: '1.1.0',
  target: 'systems/x/1.1.0/slot.img',
  deployment: 'd1',
  slot: 'b',
  serverWasReachable: true,
  appsDown: [],
  preparedInBoot: 'boot-1',
  tries: 1,
};
const SETTLED: BootEvidence = {
  running: 'a',
  pointer: 'a',
  trialSeconds: 0,
  systemTrial: null,
  bootId: 'boot-2',
  lastFailure: null,
  trialsMax: 2,
};
const judge = (change: Partial<BootEvidence>) => judgeBoot({ ...SETTLED, ...change });

test('the pointer’s slot without anything under way is settled', () => {
  assert.deepEqual(judge({}), { kind: 'settled' });
  assert.deepEqual(judge({ pointer: null }), { kind: 'settled' });
});

test('another slot than the pointer’s with init’s timer is a trial, also without its record', () => {
  assert.deepEqual(judge({ running: 'b', trialSeconds: 240, systemTrial: TRIAL }), { kind: 'trial', trial: TRIAL });
  assert.deepEqual(judge({ running: 'b', trialSeconds: 240 }), { kind: 'trial', trial: null });
  assert.deepEqual(judge({ running: 'b', pointer: null, trialSeconds: 240 }), { kind: 'trial', trial: null });
});

test('another slot than the pointer’s without a timer was taken by the boot loader', () => {
  assert.deepEqual(judge({ running: 'b' }), { kind: 'fallback' });
  assert.deepEqual(judge({ running: 'b', systemTrial: TRIAL }), { kind: 'fallback' });
});

test('back in the pointer’s slot with a trial on record: it failed, with the best reason known', () => {
  const silent = judge({ systemTrial: { ...TRIAL, tries: 2 } });
  assert.ok(silent.kind === 'trial-failed' && /without a word/.test(silent.reason));
  const known = judge({ systemTrial: TRIAL, lastFailure: 'agent crashed 3 times' });
  assert.ok(known.kind === 'trial-failed' && known.reason === 'agent crashed 3 times');
});

test('a trial that ended without a word is tried again, but not for ever', () => {
  assert.deepEqual(judge({ systemTrial: TRIAL }), { kind: 'trial-cut-short', trial: TRIAL });
  assert.equal(judge({ systemTrial: { ...TRIAL, tries: 2 } }).kind, 'trial-failed');
});

test('the pointer names the trial’s slot: it was confirmed', () => {
  assert.equal(judge({ running: 'b', pointer: 'b', systemTrial: TRIAL }).kind, 'trial-confirmed');
});

test('the boot in which the trial was prepared still runs: it has not begun', () => {
  assert.deepEqual(judge({ systemTrial: TRIAL, bootId: 'boot-1' }), { kind: 'trial-not-begun' });
});
