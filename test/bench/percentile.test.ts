import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentile } from './percentile.ts';

test('a percentile is a value that was measured', () => {
  const values = [5, 1, 4, 2, 3];
  assert.deepEqual(
    [50, 60, 95, 100].map((percent) => percentile(values, percent)),
    [3, 3, 5, 5],
  );
  assert.equal(percentile([], 99), 0);
});
