import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MaintenanceWindow, WEEKDAYS } from '@nodeos/contracts/rollout.ts';
import fc from 'fast-check';
import { localTime, opensAt } from './plan-window.ts';

const night: MaintenanceWindow = { days: [], from: '02:00', to: '04:00' };
const at = (text: string): number => Date.parse(text);
const opens = (window: MaintenanceWindow, zone: string, now: string): string =>
  new Date(opensAt([window], zone, at(now))).toISOString();

test('the same window opens at another moment in each time zone', () => {
  const now = '2026-11-20T12:00:00.000Z';
  assert.equal(opens(night, 'UTC', now), '2026-11-21T02:00:00.000Z');
  assert.equal(opens(night, 'Europe/Berlin', now), '2026-11-21T01:00:00.000Z');
  assert.equal(opens(night, 'America/Los_Angeles', now), '2026-11-21T10:00:00.000Z');
  assert.equal(opens(night, 'Asia/Kolkata', now), '2026-11-20T20:30:00.000Z');
  assert.equal(opens(night, 'No/Where', now), '2026-11-21T02:00:00.000Z', 'an unknown zone counts as UTC');
});

test('open is now, to the end and no longer', () => {
  for (const now of ['2026-11-20T02:00:00.000Z', '2026-11-20T03:59:59.999Z'])
    assert.equal(opens(night, 'UTC', now), now);
  assert.equal(opens(night, 'UTC', '2026-11-20T04:00:00.000Z'), '2026-11-21T02:00:00.000Z');
});

test('across midnight, on the days on which it opens', () => {
  // 2026-11-21 is a Saturday.
  const weekend: MaintenanceWindow = { days: ['sat'], from: '22:00', to: '03:00' };
  assert.equal(opens(weekend, 'UTC', '2026-11-20T23:00:00.000Z'), '2026-11-21T22:00:00.000Z');
  assert.equal(opens(weekend, 'UTC', '2026-11-22T02:59:00.000Z'), '2026-11-22T02:59:00.000Z');
  assert.equal(opens(weekend, 'UTC', '2026-11-22T03:00:00.000Z'), '2026-11-28T22:00:00.000Z');
});

test('clocks that are set: the window is meant in local time on both sides', () => {
  // Berlin goes from +02:00 to +01:00 on 2026-10-25 at 03:00 local time.
  assert.equal(opens(night, 'Europe/Berlin', '2026-10-24T12:00:00.000Z'), '2026-10-25T00:00:00.000Z');
  assert.equal(opens(night, 'Europe/Berlin', '2026-10-25T12:00:00.000Z'), '2026-10-26T01:00:00.000Z');
});

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map((parts) => parts.map((one) => String(one).padStart(2, '0')).join(':'));
const window = fc.record({ days: fc.subarray([...WEEKDAYS]), from: time, to: time });

test('for any window: it is open at the moment that is named, and at no minute before', () => {
  fc.assert(
    fc.property(window, fc.integer({ min: at('2026-01-01'), max: at('2026-12-01') }), (one, now) => {
      const opening = opensAt([one], 'UTC', now);
      assert.ok(opening >= now && opening <= now + 8 * 86_400_000);
      assert.equal(opensAt([one], 'UTC', opening), opening);
      if (opening === now) return;
      const { minute } = localTime('UTC', opening);
      assert.equal(minute, Number(one.from.slice(0, 2)) * 60 + Number(one.from.slice(3)));
      for (let before = now; before < opening; before += 7_200_000)
        assert.equal(opensAt([one], 'UTC', before), opening);
    }),
  );
});
