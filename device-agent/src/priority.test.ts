import assert from 'node:assert/strict';
import { getPriority, setPriority } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { standBack } from './priority.ts';

// Without root rights a process may go down in priority, never up again.
const isRoot = process.getuid?.() === 0;

test('stands back until it is over, once', () => {
  const start = standBack(60_000);
  assert.equal(getPriority(), 10);
  start.over();
  assert.equal(getPriority(), isRoot ? 0 : 10);
  if (isRoot) setPriority(3);
  start.over();
  assert.equal(getPriority(), isRoot ? 3 : 10);
  if (isRoot) setPriority(0);
});

test('is an equal again after the limit', async () => {
  standBack(1);
  const limit = performance.now() + 10_000;
  while (isRoot && getPriority() !== 0) {
    assert.ok(performance.now() < limit, 'it still stands back');
    await sleep(1);
  }
});
