import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLAIN_ROLLOUT, type RolloutPolicy } from '@nodeos/contracts/rollout.ts';
import fc from 'fast-check';
import { advance, hasEnded, type RolloutDevice, type RolloutState } from './plan-rollout.ts';
import { assignWaves, waveCount, waveEnds } from './plan-waves.ts';

const START = 1_000_000_000_000;
const RUNNING: RolloutState = { state: 'running', reason: null, wave: 0, approvedWave: -1 };

/** A rollout with a clock: what the engine decides happens, and nothing else does. */
class Rollout {
  now = START;
  state: RolloutState;
  readonly devices = new Map<string, RolloutDevice>();
  readonly policy: RolloutPolicy;
  readonly opensAt: (device: RolloutDevice) => number;
  wakeAt: number | null = null;
  /** Every release: device, wave, time. */
  readonly released: { readonly device: string; readonly wave: number; readonly at: number }[] = [];

  constructor(
    count: number,
    policy: Partial<RolloutPolicy>,
    opensAt?: (rollout: Rollout, device: RolloutDevice) => number,
  ) {
    this.policy = { ...PLAIN_ROLLOUT, ...policy };
    this.state = this.policy.approval === 'none' ? RUNNING : { ...RUNNING, state: 'awaiting-approval' };
    this.opensAt = (device) => opensAt?.(this, device) ?? this.now;
    const ids = Array.from({ length: count }, (_, index) => ({ id: `device${index}`, online: true }));
    for (const [device, wave] of assignWaves('d1', ids, this.policy))
      this.devices.set(device, {
        ...{
          device,
          wave,
          state: 'planned',
          attempts: 0,
          reason: null,
          notBefore: null,
          since: START,
          releasedAt: null,
        },
      });
    this.advance();
  }

  advance(): void {
    const decide = () =>
      advance(this.state, [...this.devices.values()], this.policy, waveCount(this.policy), this.opensAt, this.now);
    const { rollout, changed, wakeAt } = decide();
    for (const [id, device] of changed) {
      if (device.state === 'waiting') this.released.push({ device: id, wave: device.wave, at: this.now });
      this.devices.set(id, device);
    }
    this.state = rollout;
    this.wakeAt = wakeAt;
    const again = decide();
    assert.deepEqual([again.changed.size, again.rollout], [0, rollout], 'asked again it decides nothing more');
  }

  set(id: string, state: RolloutDevice['state'], reason: string | null = null): void {
    const device = this.devices.get(id) as RolloutDevice;
    this.devices.set(id, { ...device, state, reason, since: this.now });
    this.advance();
  }

  in(...states: RolloutDevice['state'][]): RolloutDevice[] {
    return [...this.devices.values()].filter(({ state }) => states.includes(state));
  }

  later(milliseconds: number): void {
    this.now += milliseconds;
    this.advance();
  }
}

test('waves grow to all devices, and each device has one', () => {
  assert.deepEqual(waveEnds(1000, { waves: [{ devices: 5 }, { percent: 10 }, { percent: 50 }] }), [5, 100, 500, 1000]);
  assert.deepEqual(waveEnds(3, { waves: [{ devices: 5 }, { percent: 10 }] }), [3, 3, 3]);
  assert.equal(waveCount({ waves: [{ devices: 1 }, { percent: 100 }] }), 2);
  const ids = Array.from({ length: 40 }, (_, index) => ({ id: `x${index}`, online: index >= 20 }));
  const waves = assignWaves('d', ids, { waves: [{ devices: 20 }] });
  for (const { id, online } of ids) assert.equal(waves.get(id), online ? 0 : 1, 'those that are there go first');
});

test('a canary, then half, then all', () => {
  const rollout = new Rollout(10, { waves: [{ devices: 1 }, { percent: 50 }] });
  const sizes: number[] = [];
  while (rollout.state.state === 'running') {
    const begun = rollout.in('waiting');
    sizes.push(begun.length);
    for (const { device } of begun) rollout.set(device, 'confirmed');
  }
  assert.deepEqual([sizes, rollout.state.state], [[1, 4, 5], 'done']);
});

test('a canary that fails turns the fleet back before another device has begun', () => {
  const rollout = new Rollout(100, { waves: [{ devices: 5 }], maxFailurePercent: 20 });
  const [a, b, c, d, e] = rollout.in('waiting').map(({ device }) => device) as [string, string, string, string, string];
  rollout.set(a, 'confirmed');
  rollout.set(b, 'failed');
  assert.equal(rollout.state.state, 'running', 'one of five is 20 %, not more');
  rollout.set(c, 'working');
  rollout.set(d, 'failed');
  assert.equal(rollout.state.state, 'turning-back');
  assert.match(rollout.state.reason ?? '', /2 of 5 devices of wave 1 failed, more than 20 %/);
  assert.deepEqual(
    rollout
      .in('returning')
      .map(({ device }) => device)
      .sort(),
    [a, c].sort(),
  );
  assert.deepEqual(rollout.in('failed').length, 2);
  assert.equal(rollout.devices.get(e)?.state, 'superseded');
  assert.equal(rollout.released.length, 5);
  for (const { device } of rollout.in('returning')) rollout.set(device, 'returned');
  assert.equal(rollout.state.state, 'turned-back');
});

test('halt keeps what succeeded and withdraws what has not begun', () => {
  const rollout = new Rollout(10, { maxFailurePercent: 10, onFailure: 'halt' });
  const ids = [...rollout.devices.keys()] as [string, string, string, ...string[]];
  rollout.set(ids[0], 'confirmed');
  rollout.set(ids[1], 'failed');
  rollout.set(ids[2], 'failed');
  assert.equal(rollout.state.state, 'halted');
  assert.deepEqual([rollout.in('confirmed').length, rollout.in('planned').length], [1, 7]);
  rollout.later(3_600_000);
  assert.equal(rollout.in('waiting').length, 0);
});

test('in a large wave a sample of ended devices is enough to stop', () => {
  const rollout = new Rollout(1000, { maxFailurePercent: 10, failureSample: 20 });
  const ids = [...rollout.devices.keys()];
  for (let index = 0; index < 17; index++) rollout.set(ids[index] as string, 'confirmed');
  for (let index = 17; index < 20; index++) rollout.set(ids[index] as string, 'failed');
  assert.equal(rollout.state.state, 'turning-back');
});

test('a device that failed is left alone, then tried again; its last failure counts', () => {
  const rollout = new Rollout(1, { retries: 1, penaltySeconds: 60, maxFailurePercent: 0 });
  rollout.set('device0', 'failed');
  assert.deepEqual([rollout.in('penalty').length, rollout.wakeAt], [1, START + 60_000]);
  rollout.later(59_999);
  assert.equal(rollout.in('penalty').length, 1);
  rollout.later(1);
  assert.deepEqual([rollout.devices.get('device0')?.state, rollout.devices.get('device0')?.attempts], ['waiting', 2]);
  rollout.set('device0', 'failed');
  assert.deepEqual([rollout.state.state, rollout.in('failed').length], ['turned-back', 1]);
});

test('soak: success counts when it has held', () => {
  const rollout = new Rollout(2, { waves: [{ devices: 1 }], soakSeconds: 30 });
  rollout.set(rollout.in('waiting')[0]?.device as string, 'soaking');
  assert.deepEqual([rollout.released.length, rollout.wakeAt], [1, START + 30_000]);
  rollout.later(30_000);
  assert.equal(rollout.released.length, 2);
});

test('patience: who was told and is not heard of has failed; who cannot be reached holds nobody up', () => {
  const rollout = new Rollout(4, { waves: [{ devices: 3 }], patienceSeconds: 10, maxFailurePercent: 50 });
  const [a, b] = rollout.in('waiting').map(({ device }) => device) as [string, string];
  rollout.set(a, 'confirmed');
  rollout.set(b, 'told');
  rollout.later(10_000);
  assert.match(rollout.devices.get(b)?.reason ?? '', /nothing was heard of the update for 10 s/);
  assert.equal(rollout.released.length, 4, 'the next wave has begun');
});

test('patience: who says that an app holds the update back may be silent until it would say so again', () => {
  const rollout = new Rollout(1, { patienceSeconds: 10 });
  rollout.set('device0', 'working', 'UPDATE_HELD: hello: a print is running');
  rollout.later(11 * 60_000 - 1);
  assert.deepEqual([rollout.in('working').length, rollout.wakeAt], [1, rollout.now + 1]);
  rollout.later(1);
  assert.match(rollout.devices.get('device0')?.reason ?? '', /^FETCH_STALLED: .* for 660 s$/);
});

test('a wave that nobody proved does not let the next one begin', () => {
  const rollout = new Rollout(4, { waves: [{ devices: 2 }], patienceSeconds: 10, maxFailurePercent: 50 });
  rollout.later(60_000);
  assert.deepEqual([rollout.state.state, rollout.released.length], ['running', 2]);
});

test('approval: before the start, before each wave', () => {
  const rollout = new Rollout(4, { waves: [{ devices: 1 }], approval: 'waves' });
  const approve = () => {
    rollout.state = { ...rollout.state, approvedWave: rollout.state.wave };
    rollout.advance();
  };
  assert.equal(rollout.released.length, 0);
  approve();
  rollout.set(rollout.in('waiting')[0]?.device as string, 'confirmed');
  assert.deepEqual([rollout.state.state, rollout.released.length], ['awaiting-approval', 1]);
  approve();
  assert.deepEqual([rollout.state.state, rollout.released.length], ['running', 4]);
});

test('a device that comes later gets what is done, and not what is stopped', () => {
  for (const [state, expected] of [
    ['done', 'waiting'],
    ['paused', 'planned'],
    ['halted', 'planned'],
    ['turned-back', 'planned'],
  ] as const) {
    const rollout = new Rollout(0, {});
    rollout.state = { ...rollout.state, state };
    rollout.devices.set('late', {
      ...{ device: 'late', wave: 0, state: 'planned', attempts: 0, reason: null },
      notBefore: null,
      since: 0,
      releasedAt: null,
    });
    rollout.advance();
    assert.equal(rollout.devices.get('late')?.state, expected, state);
  }
});

const anyPolicy = fc.record({
  waves: fc.array(
    fc.oneof(
      fc.record({ devices: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ percent: fc.constantFrom(1, 10, 50, 100) }),
    ),
    { maxLength: 3 },
  ),
  soakSeconds: fc.constantFrom(0, 60),
  maxConcurrent: fc.constantFrom(null, 1, 3),
  perMinute: fc.constantFrom(null, 1, 4),
  maxFailurePercent: fc.constantFrom(null, 0, 10, 50),
  failureSample: fc.constantFrom(1, 5, 20),
  onFailure: fc.constantFrom('halt' as const, 'turn-back' as const),
  retries: fc.constantFrom(0, 1, 2),
  penaltySeconds: fc.constantFrom(0, 90),
  patienceSeconds: fc.constantFrom(null, 600),
});
/** What happens next: a device, named by its place among those under way, goes on, or time passes. */
const anyEvent = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('good' as const), pick: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('bad' as const), pick: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), pick: fc.nat(120_000) }) },
);
const NEXT = { waiting: 'told', told: 'working', working: 'confirmed', returning: 'returned' } as const;
const HOUR = 3_600_000;
/** Device 3 and those like it may be updated in every second hour only. */
const windowOf = (rollout: Rollout, device: RolloutDevice): number => {
  const odd = Math.floor(rollout.now / HOUR) % 2 === 1;
  return device.device.endsWith('3') && odd ? (Math.floor(rollout.now / HOUR) + 1) * HOUR : rollout.now;
};

function play(rollout: Rollout, kind: 'good' | 'bad', pick: number): void {
  const active = rollout.in('waiting', 'told', 'working', 'returning');
  const device = active[pick % Math.max(1, active.length)];
  if (device === undefined) return;
  const next = kind === 'bad' && device.state !== 'returning' ? 'failed' : NEXT[device.state as keyof typeof NEXT];
  rollout.set(device.device, next === 'confirmed' && rollout.policy.soakSeconds > 0 ? 'soaking' : next);
}

function checkLimits(rollout: Rollout): void {
  const { maxConcurrent, perMinute, retries, patienceSeconds } = rollout.policy;
  // Those that cannot be reached in time are no longer waited for, and may come at any time.
  if (maxConcurrent !== null && patienceSeconds === null)
    assert.ok(rollout.in('waiting', 'told', 'working', 'soaking').length <= maxConcurrent, 'concurrency');
  if (perMinute !== null)
    for (const { at } of rollout.released)
      assert.ok(
        rollout.released.filter((other) => other.at > at - 60_000 && other.at <= at).length <= perMinute,
        'rate',
      );
  for (const { attempts } of rollout.devices.values()) assert.ok(attempts <= retries + 1, 'attempts');
  for (const { device, at } of rollout.released)
    assert.ok(!device.endsWith('3') || Math.floor(at / HOUR) % 2 === 0, 'window');
}

test('for any course of events: limits hold, waves begin in order, and nothing begins after a stop', () => {
  fc.assert(
    fc.property(
      anyPolicy,
      fc.integer({ min: 0, max: 30 }),
      fc.array(anyEvent, { maxLength: 120 }),
      (policy, count, events) => {
        const rollout = new Rollout(count, policy, windowOf);
        for (const event of events) {
          const before = { released: rollout.released.length, state: rollout.state.state };
          if (event.kind === 'time') rollout.later(event.pick);
          else play(rollout, event.kind, event.pick);
          checkLimits(rollout);
          if (['halted', 'turning-back', 'turned-back'].includes(before.state))
            assert.equal(rollout.released.length, before.released, 'a release after the stop');
          for (const { device, wave } of rollout.released.slice(before.released)) {
            const earlier = [...rollout.devices.values()].filter((other) => other.wave < wave);
            const late = (other: RolloutDevice) => rollout.policy.patienceSeconds !== null && other.state === 'waiting';
            assert.ok(
              earlier.every((other) => hasEnded(other) || late(other)),
              `${device} of wave ${wave} began too early`,
            );
          }
          const limit = rollout.policy.maxFailurePercent;
          if (limit !== null && rollout.state.state === 'running')
            for (let wave = 0; wave <= rollout.state.wave; wave++) {
              const members = [...rollout.devices.values()].filter((one) => one.wave === wave);
              const failed = members.filter(({ state }) => state === 'failed').length;
              assert.ok(failed * 100 <= limit * members.length, 'too many failures, and it goes on');
            }
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('for any policy: a release that is good everywhere ends everywhere, and each device begins once', () => {
  fc.assert(
    fc.property(anyPolicy, fc.integer({ min: 1, max: 30 }), (policy, count) => {
      const rollout = new Rollout(count, policy, windowOf);
      for (let step = 0; step < 4000 && rollout.state.state === 'running'; step++) {
        const active = rollout.in('waiting', 'told', 'working');
        if (active.length > 0) play(rollout, 'good', 0);
        else {
          assert.notEqual(rollout.wakeAt, null, 'nothing is under way, and nothing will wake it');
          rollout.later(Math.max(1, (rollout.wakeAt as number) - rollout.now));
        }
      }
      assert.equal(rollout.state.state, 'done');
      assert.equal(rollout.in('confirmed').length, count);
      assert.equal(rollout.released.length, count);
    }),
    { numRuns: 300 },
  );
});
