import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceMetrics, MetricSample } from '@nodeos/contracts/metrics.ts';
import { connectAsync } from 'mqtt';
import { SERVER_LIMITS } from './limits.ts';
import { openSqliteStore } from './store/sqlite/store.ts';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { deviceReport, runServer } from './testing/running-server.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';
import { until } from './testing/until.ts';

const METRICS: DeviceMetrics = {
  load: { one: 3.5, five: 2.25, fifteen: 1 },
  processors: 4,
  temperature: 71.5,
  eventLoopDelayMs: { mean: 0.4, p99: 12.5, max: 80 },
};

/** A day as a device might have had it, out of reach for two hours. */
function* dayBefore(now: number): Generator<MetricSample> {
  for (let index = 1; index < 288; index++) {
    const at = now - SERVER_LIMITS.metricsKeptMs + index * SERVER_LIMITS.metricsIntervalMs;
    if (index > 100 && index < 124) continue;
    const wave = 1 + Math.sin(index / 20) + 0.3 * Math.sin(index * 1.7);
    yield {
      ...{ at, memoryAvailableKiB: 120_000 - Math.round(wave * 9_000), storageFreeKiB: 4_000_000 - index * 1_500 },
      ...{ load: Math.max(0.05, wave), temperature: 52 + wave * 6, eventLoopDelayMs: 1 + wave * 3 },
    };
  }
}

test('a device’s panel shows how it gets on, how the last day went, and lets it identify itself', async (context) => {
  const dataDir = await temporaryFolder(context);
  const first = await runServer(context, dataDir);
  const device = await first.enrolledDevice(['kiosk'], 'kiosk-berlin-01');
  await first.server.close();
  const store = openSqliteStore(`${dataDir}/server.sqlite`);
  const { metrics } = store.fleet('main');
  for (const sample of dayBefore(Date.now())) await metrics.add(device.id, sample);
  await store.close();

  const running = await runServer(context, dataDir, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await signIn(page, running);
  await page.locator(`tr[data-device="${device.id}"]`).getByRole('link').click();
  const panel = page.getByRole('dialog');
  const day = panel.getByRole('region', { name: 'Last 24 hours' });
  const load = day.getByRole('img', { name: /^Load in the last 24 hours: lowest 0\.\d\d, highest 2\.\d\d, newest / });
  await load.waitFor();
  assert.equal(await load.locator('.line').count(), 2, 'a time out of reach is a gap');
  assert.equal(await day.getByRole('img').count(), 5);

  const inventory = {
    ...{ serial: 'S', timeZone: 'UTC', kernel: '6.12', nodeVersion: '24.0.0', network: [] },
    storage: { totalKiB: 8_388_608, freeKiB: 4_194_304 },
  };
  await running.device(device, 'POST', '/device/v1/report', deviceReport({ metrics: METRICS, inventory }));
  await panel.getByText('Load on 4 processors').waitFor();
  await panel.getByText('3.50, 2.25, 1.00').waitFor();
  await panel.getByText('0.4, 12.5, 80.0 ms').waitFor();
  await panel.getByText('4096 MiB of 8192 MiB').waitFor();
  await panel.getByRole('definition').getByText('71.5 °C').waitFor();
  // The history is asked for anew with the device.
  const temperature = { name: /^Temperature .*: lowest 5\d\.\d °C, highest 71\.5 °C, newest 71\.5 °C$/ };
  await day.getByRole('img', temperature).waitFor();

  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: device.id, ca: running.ca, cert: device.certificate, key: device.keyPem },
  });
  context.after(() => client.endAsync(true));
  const told: string[] = [];
  client.on('message', (_topic, payload) => told.push(payload.toString()));
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });
  await panel.getByRole('button', { name: 'Identify' }).click();
  const notice = page.getByRole('status').filter({ hasText: 'The device blinks for half a minute' });
  await notice.getByRole('button', { name: 'Dismiss this message' }).click();
  await notice.waitFor({ state: 'detached' });
  await until('the message', () => told.includes('{"kind":"identify","seconds":30}'));
  await day.scrollIntoViewIfNeeded();
  await shoot(page, 'device-metrics');
});

test('a device that has told no metrics shows none', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await signIn(page, running);
  const device = await running.enrolledDevice();
  await running.device(device, 'POST', '/device/v1/report', deviceReport());
  await page.locator(`tr[data-device="${device.id}"]`).getByRole('link').click();
  const panel = page.getByRole('dialog');
  await panel.getByText('Nothing yet: a sample is kept every five minutes.').waitFor();
  assert.equal(await panel.getByText('Temperature').count(), 0);
});
