import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { Admission } from './admission.ts';
import { SERVER_LIMITS } from './limits.ts';
import { runServer } from './testing/running-server.ts';
import { until } from './testing/until.ts';

const ROOMY = { perSecond: 1_000, burst: 1_000, atOnce: 1_000_000, whenFullPerSecond: 10 };

test('a fleet that comes at once is let in as a burst, and the others are spread over the time that they need', () => {
  let now = 0;
  const admission = new Admission({ ...ROOMY, perSecond: 100, burst: 200 }, () => now);
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
  const admission = new Admission({ ...ROOMY, perSecond: 1, burst: 1 }, () => 0);
  assert.equal(admission.ask(30), null);
  for (let count = 0; count < 1_000; count++) assert.ok((admission.ask(30) ?? 0) <= 30);
});

test('no more at once than can be answered; the others come again one by one, and find room when one has left', () => {
  const admission = new Admission({ ...ROOMY, atOnce: 3 }, () => 0);
  const answers = Array.from({ length: 23 }, () => admission.ask(300));
  assert.deepEqual(answers.slice(0, 3), [null, null, null]);
  const told = answers.slice(3) as number[];
  assert.deepEqual([told[0], told.at(-1)], [2, 3]);
  admission.left();
  assert.equal(admission.ask(300), null);
  assert.notEqual(admission.ask(300), null);
});

test('a request that was answered, and one whose device has gone, leave their places', async (t: TestContext) => {
  const server = await runServer(t);
  const device = await server.enrolledDevice();
  let inside = 0;
  const { ask, left } = Admission.prototype;
  t.mock.method(Admission.prototype, 'ask', function (this: Admission, maximum: number) {
    inside++;
    return ask.call(this, maximum);
  });
  t.mock.method(Admission.prototype, 'left', function (this: Admission) {
    inside--;
    left.call(this);
  });
  for (let request = 0; request < 3; request++) await server.device(device, 'GET', '/device/v1/desired');
  await until('the places of the answered', () => inside === 0);
  const url = new URL(server.server.addresses.device.url);
  const socket = connect({
    ...{ host: url.hostname, port: Number(url.port), ca: server.ca, key: device.keyPem, cert: device.certificate },
  });
  const head =
    'POST /device/v1/report HTTP/1.1\r\nhost: server\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{';
  socket.write(head);
  await until('a request that is under way', () => inside === 1);
  socket.destroy();
  await until('its place', () => inside === 0);
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
