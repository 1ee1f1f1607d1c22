import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { MetricSample } from '@nodeos/contracts/metrics.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { device, type TestedStore } from '../testing/store-records.ts';

const INTERVAL_MS = SERVER_LIMITS.metricsIntervalMs;
const DAY_MS = SERVER_LIMITS.metricsKeptMs;
/** The beginning of an interval, as the server counts them. */
const NOON = 20_000 * DAY_MS + DAY_MS / 2;

const sample = (at: number, change: Partial<MetricSample> = {}): MetricSample => ({
  ...{ at, memoryAvailableKiB: 98_304, storageFreeKiB: 4_000_000_000, load: 0.52 },
  ...{ temperature: 48.3, eventLoopDelayMs: 1.27, ...change },
});

/** What a store must do with the short history of how devices get on. */
export function testMetrics({ name, openServer, options }: TestedStore): void {
  const open = async (context: TestContext) => (await openServer(context)).fleet('main');

  test(`${name}: of the metrics of each five minutes the first are kept, oldest first`, options, async (context) => {
    const store = await open(context);
    for (const id of ['a', 'b']) await store.addDevice(device(id));
    const bare = { storageFreeKiB: null, temperature: null, eventLoopDelayMs: null };
    const kept = [
      sample(NOON),
      sample(NOON + INTERVAL_MS, bare),
      sample(NOON + 2.5 * INTERVAL_MS, { temperature: -40 }),
    ];
    await store.metrics.add('a', kept[2] as MetricSample);
    await store.metrics.add('a', kept[0] as MetricSample);
    await store.metrics.add('a', kept[1] as MetricSample);
    for (const late of [1, INTERVAL_MS - 1, INTERVAL_MS + 1, 2.9 * INTERVAL_MS])
      await store.metrics.add('a', sample(NOON + late, { load: 9 }));
    assert.deepEqual(await store.metrics.list('a', 0), kept);
    assert.deepEqual(await store.metrics.list('a', NOON), kept.slice(1));
    assert.deepEqual(await store.metrics.list('b', 0), []);
  });

  test(`${name}: metrics of a day before give way, so a device has those of one day`, options, async (context) => {
    const store = await open(context);
    await store.addDevice(device('a'));
    const perDay = DAY_MS / INTERVAL_MS;
    await store.transaction(async (inside) => {
      for (let index = 0; index < perDay * 1.5; index++)
        await inside.metrics.add('a', sample(NOON + index * INTERVAL_MS, { load: index }));
    });
    const loads = (await store.metrics.list('a', 0)).map(({ load }) => load);
    assert.deepEqual(
      loads,
      Array.from({ length: perDay }, (_, index) => perDay / 2 + index),
    );
  });

  test(`${name}: metrics go with their device, and are their fleet's alone`, options, async (context) => {
    const server = await openServer(context);
    await server.addFleet({ id: 'north', name: 'North', createdAt: 2 });
    const [main, north] = [server.fleet('main'), server.fleet('north')];
    for (const id of ['a', 'b']) {
      await main.addDevice(device(id));
      await main.metrics.add(id, sample(NOON));
    }
    assert.deepEqual(await north.metrics.list('a', 0), []);
    await assert.rejects(north.metrics.add('a', sample(NOON + INTERVAL_MS)));
    await main.removeDevice('a');
    assert.deepEqual(await main.metrics.list('a', 0), []);
    assert.equal((await main.metrics.list('b', 0)).length, 1);
    await assert.rejects(main.metrics.add('a', sample(NOON)), 'nobody to belong to');
  });
}
