import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQemu } from './qemu/walk.ts';

/** A fixed small part of the walk; `npm run test:faults` does it all. */
test('power cuts of a whole device in QEMU, in the life of an app', async (t) => {
  const rows = await runQemu({
    ...{ cuts: 6, seed: 7, phase: 'app', results: null, share: { index: 0, of: 1 } },
    say: (line) => t.diagnostic(line),
  });
  assert.equal(rows.length, 3);
  for (const { faults, tried, survived } of rows) {
    assert.deepEqual(faults, []);
    assert.deepEqual([tried, survived], [2, 2]);
  }
});
