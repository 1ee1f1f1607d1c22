import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQemu } from './qemu/walk.ts';

/** A fixed small part of the walk; `npm run test:faults` does it all. */
test('power cuts of a whole device in QEMU, in the install and the update of an app', async (t) => {
  const rows = await runQemu({ cuts: 4, seed: 7, phase: 'app', say: (line) => t.diagnostic(line), onRow: () => {} });
  assert.equal(rows.length, 2);
  for (const { faults, tried, survived } of rows) {
    assert.deepEqual(faults, []);
    assert.deepEqual([tried, survived], [2, 2]);
  }
});
