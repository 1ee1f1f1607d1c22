import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideRestart, NO_RESTARTS, RESTART_LIMITS } from './restart-policy.ts';

const unit = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const runs = fc.array(fc.record({ ranMs: fc.nat(200_000), random: unit }), { maxLength: 60 });

test('every end is followed by a start within 1 to 60 s, whatever came before', () => {
  fc.assert(
    fc.property(runs, (history) => {
      let state = NO_RESTARTS;
      for (const { ranMs, random } of history) {
        const decision = decideRestart(state, ranMs, () => random);
        assert.ok(decision.delayMs >= 1_000 && decision.delayMs <= RESTART_LIMITS.backoff.capMs);
        if (ranMs >= RESTART_LIMITS.stableMs) assert.ok(decision.delayMs <= RESTART_LIMITS.backoff.baseMs);
        state = decision.state;
      }
    }),
  );
});

test('a crash loop is reported once, however long it goes on, and again only after a stable run', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 }), (before, after) => {
      const ends = [...Array(before).fill(10), RESTART_LIMITS.stableMs, ...Array(after).fill(10)];
      let state = NO_RESTARTS;
      let reports = 0;
      for (const ranMs of ends) {
        const decision = decideRestart(state, ranMs);
        if (decision.loopBegins) reports++;
        state = decision.state;
      }
      // The stable run's own end is the first of the second row.
      const expected = Number(before >= RESTART_LIMITS.loopEnds) + Number(after + 1 >= RESTART_LIMITS.loopEnds);
      assert.equal(reports, expected);
    }),
  );
});
