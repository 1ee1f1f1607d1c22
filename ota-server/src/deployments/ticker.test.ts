import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Ticker } from './ticker.ts';

/** Steps that take `stepMs` each, in time that passes as fast as the test wants. */
function ticking(context: TestContext, stepMs: number) {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let clock = 0;
  const steps: number[] = [];
  const step = async (): Promise<null> => {
    steps.push(clock);
    clock += stepMs;
    return null;
  };
  const fail = (error: unknown): never => assert.fail(String(error));
  const ticker = new Ticker(step, fail, Date.now, () => clock);
  context.after(() => ticker.close());
  const pass = async (milliseconds: number): Promise<void> => {
    clock += milliseconds;
    context.mock.timers.tick(milliseconds);
    await setImmediate();
  };
  return { ticker, steps, pass };
}

test('the first event is answered at once; events that follow one by one get a fifth of the time at most', async (t) => {
  const { ticker, steps, pass } = ticking(t, 100);
  ticker.touch('d');
  await pass(1);
  assert.equal(steps.length, 1);
  for (let event = 0; event < 1_000; event++) {
    ticker.touch('d');
    await pass(10);
  }
  // 10 s of time besides that of the steps: one in each 400 ms.
  assert.ok(steps.length > 20 && steps.length <= 27, `${steps.length} steps`);
});

test('who asks for a step now waits for no rest', async (t) => {
  const { ticker, steps } = ticking(t, 100);
  await ticker.now('d');
  await ticker.now('d');
  assert.equal(steps.length, 2);
});

test('what happens in a rest is seen to after it', async (t) => {
  const { ticker, steps, pass } = ticking(t, 100);
  await ticker.now('d');
  ticker.touch('d');
  await pass(399);
  assert.equal(steps.length, 1);
  await pass(1);
  assert.equal(steps.length, 2);
});

test('while something else comes first, nothing that happens makes a step but one that is asked for now', async (t) => {
  const { ticker, steps, pass } = ticking(t, 100);
  ticker.touch('d');
  ticker.rest('d', 1000);
  ticker.touch('d');
  await pass(999);
  assert.equal(steps.length, 0);
  await pass(1);
  assert.equal(steps.length, 1);
  ticker.rest('d', 1000);
  await ticker.now('d');
  assert.equal(steps.length, 2);
});
