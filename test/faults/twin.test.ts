import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stretches } from './twin/share.ts';
import { walk } from './twin/walk.ts';

/** Of the cuts that the full walk tries, so many. */
const SHARE = 6;

for (const stretch of stretches()) {
  test(`power cuts on a simulated disk: ${stretch.name}`, async (t) => {
    t.after(() => stretch.dispose());
    const row = await walk(stretch, { samples: 4, seed: 7, share: { index: 0, of: SHARE } });
    assert.deepEqual(row.faults, []);
    assert.ok(row.tried > 0 && row.survived === row.tried, `${row.survived} of ${row.tried}`);
  });
}
