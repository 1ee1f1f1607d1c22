import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Admission } from './admission.ts';
import { SERVER_LIMITS } from './limits.ts';
import { runServer } from './testing/running-server.ts';

test('a fleet that comes at once is let in as a burst, and the others are spread over the time that they need', () => {
  let now = 0;
  const admission = new Admission(100, 200, () => now);
  const answers = Array.from({ length: 5_200 }, () => admission.ask(600));
  assert.equal(answers.filter((answer) => answer === null).length, 200);
  const told = answers.filter((answer) => answer !== null);
  const inSecond = new Map<number, number>();
  for (const seconds of told) inSecond.set(seconds, (inSecond.get(seconds) ?? 0) + 1);
  assert.ok(Math.max(...inSecond.values()) <= 100, 'no second is promised to more than can be served in it');
  assert.ok(Math.max(...told) >= 50 && Math.max(...told) <= 110, `the last comes after ${Math.max(...told)} s`);
  now = 10_000;
  assert.equal(admission.ask(600), null, 'later there is room again');
});

test('nobody is sent away for longer than the maximum', () => {
  const admission = new Admission(1, 1, () => 0);
  assert.equal(admission.ask(30), null);
  for (let count = 0; count < 1_000; count++) assert.ok((admission.ask(30) ?? 0) <= 30);
});

test('the device API says 503 with Retry-After, and downloads are let through', async (t: TestContext) => {
  const server = await runServer(t);
  const device = await server.enrolledDevice();
  t.mock.method(Admission.prototype, 'ask', (maximum: number) => {
    assert.equal(maximum, SERVER_LIMITS.retryAfterMaxSeconds);
    return 42;
  });
  const busy = await server.device(device, 'GET', '/device/v1/desired');
  assert.deepEqual([busy.status, busy.headers['retry-after'], busy.json.error.code], [503, '42', 'SERVER_BUSY']);
  assert.equal((await server.device(device, 'GET', '/tuf/1.root.json')).status, 404);
});
