import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SharedWork } from './shared-work.ts';

test('work that many ask for: one run for all who wait, begun after they asked, with a pause between two', async () => {
  let time = 0;
  let runs = 0;
  const waits: number[] = [];
  const gates: (() => void)[] = [];
  const pauses: (() => void)[] = [];
  const clock = {
    now: () => time,
    wait: (milliseconds: number) => {
      waits.push(milliseconds);
      return new Promise<void>((resolve) => pauses.push(resolve));
    },
  };
  const shared = new SharedWork(
    async () => {
      const run = ++runs;
      await new Promise<void>((resolve) => gates.push(resolve));
      if (run === 3) throw new Error('the third fails');
      return run;
    },
    4,
    clock,
  );
  const first = [shared.get(), shared.get()];
  await turn();
  const late = [shared.get(), shared.get()];
  await turn();
  assert.equal(runs, 1, 'who comes while it runs waits for the next run');
  time = 10;
  gates[0]?.();
  assert.deepEqual(await Promise.all(first), [1, 1]);
  await turn();
  assert.deepEqual([runs, waits], [1, [40]], 'four times as long as it took');
  late.push(shared.get());
  pauses[0]?.();
  await turn();
  assert.equal(runs, 2);
  gates[1]?.();
  assert.deepEqual(await Promise.all(late), [2, 2, 2]);

  await turn();
  pauses[1]?.();
  await turn();
  const failing = shared.get();
  await turn();
  gates[2]?.();
  await assert.rejects(failing, /third/);
  await turn();
  pauses[2]?.();
  const after = shared.get();
  await turn();
  gates[3]?.();
  assert.equal(await after, 4, 'a failure is the failure of those who waited for it');
});
