import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { untilReleased } from './held-updates.ts';
import type { RunningApp } from './running-app.ts';

const LIMIT_MS = 50;

test('an app that takes hold again and again is given the time of its package.json once', async () => {
  let asked = 0;
  const channel = {
    held: 'a print is running',
    async untilReleased() {
      assert.ok(++asked < 10_000, 'it is waited for without end');
      await setImmediate();
    },
  };
  const parts = { instance: { channel }, app: { manifest: { holdUpdatesMs: LIMIT_MS } }, note: () => {} };
  const from = performance.now();
  const update = { name: 'hello', version: '2.0.0', endsAll: false };
  await untilReleased(
    new Map([['hello', parts as unknown as RunningApp]]),
    update,
    () => {},
    new AbortController().signal,
  );
  assert.ok(asked > 1 && performance.now() - from >= LIMIT_MS);
});
