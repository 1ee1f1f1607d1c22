import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { delay } from '../backoff.ts';
import type { AppRuntime } from '../ports.ts';
import { makeAppFolder, plainLaunch } from './node-apps.testing.ts';
import { createSupervisor } from './supervisor.ts';

const nothing = () => {};
const idle = 'setInterval(() => {}, 1000);';
const asKiosk = { kiosk: true as const, swap: 'stop-first' as const };

function supervise(t: TestContext, kiosks: (string | null)[] = []) {
  const launch = plainLaunch();
  const runtime = createSupervisor({
    ...{ launch, onLine: nothing, onChange: nothing, onEvent: nothing, startTimeoutMs: 10_000 },
    availableMemoryKiB: async () => 1_000_000,
    onKiosk: async (app) => void kiosks.push(app),
  });
  t.after(() => runtime.stopAll());
  return { runtime, launch };
}

const shown = (runtime: AppRuntime) =>
  Object.fromEntries(Object.entries(runtime.status()).map(([name, { state, reason }]) => [name, `${state} ${reason}`]));

async function until(accept: () => boolean): Promise<void> {
  const endAt = performance.now() + 20_000;
  while (!accept()) {
    assert.ok(performance.now() < endAt, 'what was waited for never came');
    await delay(20);
  }
}
const runs = (runtime: AppRuntime, name: string) => until(() => runtime.status()[name]?.state === 'running');
const KEPT_OUT = /^stopped KIOSK_TAKEN: clock: sign has the whole machine$/;

test('at boot a kiosk keeps the others out, and a device is well with it alone', async (t) => {
  await using folder = await makeAppFolder();
  const kiosks: (string | null)[] = [];
  const { runtime, launch } = supervise(t, kiosks);
  const sign = await folder.app('1.0.0', idle, { ...asKiosk, name: 'sign' });
  const clock = await folder.app('2.0.0', idle, { name: 'clock' });
  await Promise.all([runtime.start(sign), runtime.start(clock)]);
  await runtime.allHealthy(20_000);
  assert.deepEqual(launch.started, ['1.0.0']);
  assert.match(shown(runtime).clock ?? '', KEPT_OUT);
  assert.deepEqual(kiosks, ['sign']);
});

test('a kiosk that is deployed stops the others first; when it goes they start again without a reason', async (t) => {
  await using folder = await makeAppFolder();
  const kiosks: (string | null)[] = [];
  const { runtime } = supervise(t, kiosks);
  await runtime.start(await folder.app('2.0.0', idle, { name: 'clock' }));
  await runs(runtime, 'clock');
  const marker = `${(await folder.app('0.0.0', '')).bundlePath}/clock-gone`;
  const ends = `process.on('SIGTERM', () => { require('node:fs').writeFileSync(${JSON.stringify(marker)}, ''); process.exit(); });`;
  await runtime.remove('clock');
  await runtime.start(await folder.app('2.0.1', ends + idle, { name: 'clock' }));
  await runs(runtime, 'clock');
  const check = `if (!require('node:fs').existsSync(${JSON.stringify(marker)})) process.exit(5); ${idle}`;
  await runtime.activate(await folder.app('1.0.0', check, { ...asKiosk, name: 'sign' }), null, nothing);
  assert.match(shown(runtime).clock ?? '', KEPT_OUT);
  await runtime.remove('sign');
  await runs(runtime, 'clock');
  assert.deepEqual([shown(runtime), kiosks], [{ clock: 'running null' }, ['sign', null]]);
});

test('beside a kiosk neither a second one nor any other app is taken: a coded error says who has the machine', async (t) => {
  await using folder = await makeAppFolder();
  const { runtime, launch } = supervise(t);
  await runtime.start(await folder.app('1.0.0', idle, { ...asKiosk, name: 'sign' }));
  for (const settings of [{ name: 'panel', ...asKiosk }, { name: 'clock' }])
    await assert.rejects(runtime.activate(await folder.app('2.0.0', idle, settings), null, nothing), {
      code: 'KIOSK_TAKEN',
      message: `${settings.name}: sign has the whole machine`,
    });
  assert.deepEqual([Object.keys(runtime.status()), launch.started], [['sign'], ['1.0.0']]);
});

test('of two kiosks that are installed the second has its turn when the first goes', async (t) => {
  await using folder = await makeAppFolder();
  const kiosks: (string | null)[] = [];
  const { runtime } = supervise(t, kiosks);
  await runtime.start(await folder.app('1.0.0', idle, { ...asKiosk, name: 'sign' }));
  await runtime.start(await folder.app('2.0.0', idle, { name: 'clock' }));
  await runtime.start(await folder.app('3.0.0', idle, { ...asKiosk, name: 'panel' }));
  await runtime.remove('sign');
  await runs(runtime, 'panel');
  assert.match(shown(runtime).clock ?? '', /panel has the whole machine$/);
  assert.deepEqual(kiosks, ['sign', null, 'panel']);
});

test('a kiosk that fails gives the machine back; so does a version that is none any more', async (t) => {
  await using folder = await makeAppFolder();
  const { runtime } = supervise(t);
  await runtime.start(await folder.app('2.0.0', idle, { name: 'clock' }));
  const bad = await folder.app('1.0.0', 'process.exit(3)', { ...asKiosk, name: 'sign' });
  await assert.rejects(runtime.activate(bad, null, nothing), { code: 'APP_START_FAILED' });
  await runs(runtime, 'clock');
  const sign = await folder.app('1.1.0', idle, { ...asKiosk, name: 'sign' });
  await runtime.activate(sign, null, nothing);
  await assert.rejects(runtime.activate({ ...bad }, sign, nothing), { code: 'APP_START_FAILED' });
  assert.match(shown(runtime).clock ?? '', KEPT_OUT, 'the version before has it still');
  await runtime.activate(await folder.app('1.2.0', idle, { name: 'sign' }), sign, nothing);
  await runs(runtime, 'clock');
  assert.equal(shown(runtime).sign, 'running null');
});
