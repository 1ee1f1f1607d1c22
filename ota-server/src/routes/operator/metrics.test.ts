import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceMetrics } from '@nodeos/contracts/metrics.ts';
import { metricsAnswerSchema } from '@nodeos/contracts/metrics.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { deviceReport, runServer } from '../../testing/running-server.ts';

const metrics = (one: number): DeviceMetrics => ({
  load: { one, five: 1, fifteen: 1 },
  processors: 4,
  temperature: 51.234,
  eventLoopDelayMs: { mean: 0.1, p99: 2.5, max: 9 },
});

test('the metrics of reports can be read as a history; reports of older systems leave none', async (context) => {
  const running = await runServer(context);
  const [older, newer] = [await running.enrolledDevice(), await running.enrolledDevice()];
  const began = Date.now();
  const report = (of: typeof older, change: object) =>
    running.device(of, 'POST', '/device/v1/report', deviceReport(change));
  assert.equal((await report(older, {})).status, 204);
  const inventory = {
    ...{ serial: 'S', timeZone: 'UTC', kernel: '6.12', nodeVersion: '24.0.0', network: [] },
    storage: { totalKiB: 2_000_000, freeKiB: 1_000_000 },
  };
  assert.equal((await report(newer, { metrics: metrics(1.256), inventory })).status, 204);
  assert.equal((await report(newer, { metrics: { ...metrics(1), temperature: 'hot' } })).status, 400);
  const read = async ({ id }: typeof older) => {
    const answer = await running.operator('GET', `/api/v1/devices/${id}/metrics`);
    return validate(metricsAnswerSchema, answer.json, 'the answer').samples;
  };
  assert.deepEqual(await read(older), []);
  const [sample, ...others] = await read(newer);
  assert.deepEqual(others, []);
  assert.ok(sample && sample.at >= began && sample.at <= Date.now());
  assert.deepEqual(sample, {
    ...{ at: sample.at, memoryAvailableKiB: 98_304, storageFreeKiB: 1_000_000, load: 1.26 },
    ...{ temperature: 51.23, eventLoopDelayMs: 2.5 },
  });
  assert.equal((await running.operator('GET', '/api/v1/devices/none/metrics')).status, 404);
});
