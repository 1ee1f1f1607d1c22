import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { makeAppFolder, plainLaunch } from './node-apps.testing.ts';
import { stopGroups, waitsFor } from './start-order.ts';
import { createSupervisor } from './supervisor.ts';

const ALIVE = 'setInterval(() => {}, 1000);';

function supervise(t: TestContext, startTimeoutMs = 20_000) {
  const launch = plainLaunch();
  const lines: string[] = [];
  const runtime = createSupervisor({
    launch,
    onLine: (name, _stream, text) => lines.push(`${name}: ${text}`),
    onChange: () => {},
    onEvent: () => {},
    availableMemoryKiB: async () => 1_000_000,
    startTimeoutMs,
  });
  t.after(() => runtime.stopAll());
  return { runtime, launch, lines };
}

test('whatever depends on whatever: every app is stopped once, none before those that need it, and none waits for ever', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const graph = fc.dictionary(fc.constantFrom(...names), fc.subarray([...names, 'missing']));
  fc.assert(
    fc.property(graph, (dependencies) => {
      const map = new Map(Object.entries(dependencies));
      const groups = stopGroups(map);
      assert.deepEqual(groups.flat().sort(), [...map.keys()].sort());
      const group = (name: string): number => groups.findIndex((each) => each.includes(name));
      for (const name of map.keys())
        for (const needed of waitsFor(name, map)) assert.ok(group(name) < group(needed), `${name} before ${needed}`);
    }),
  );
});

test('an app is started after those it needs have come up, whatever the order of the calls', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, launch } = supervise(t);
  const sensor = await apps.app('2.0.0', ALIVE, { name: 'sensor', dependsOn: ['broker', 'gone'] });
  const broker = await apps.app('1.0.0', ALIVE, { name: 'broker' });
  await Promise.all([runtime.start(sensor), runtime.start(broker)]);
  assert.deepEqual(launch.started, ['1.0.0']);
  await runtime.allHealthy(20_000);
  assert.deepEqual(launch.started, ['1.0.0', '2.0.0']);
});

test('an app whose companion does not come up is started all the same, and says so', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, lines, launch } = supervise(t, 300);
  await runtime.start(await apps.app('1.0.0', 'process.exit(1)', { name: 'broker' }));
  await runtime.start(await apps.app('2.0.0', ALIVE, { name: 'sensor', dependsOn: ['broker'] }));
  while (!launch.started.includes('2.0.0')) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(lines.includes('sensor: [nodeos] started although broker does not run'), lines.join('\n'));
});

test('an update that needs an app which does not run is refused, and so is a second app of one user', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime } = supervise(t);
  const broker = await apps.app('1.0.0', ALIVE, { name: 'broker', user: 'shared' });
  const sensor = await apps.app('2.0.0', ALIVE, { name: 'sensor', dependsOn: ['broker'] });
  const second = await apps.app('3.0.0', ALIVE, { name: 'second', user: 'shared' });
  await assert.rejects(
    runtime.activate(sensor, null, () => {}),
    { code: 'APP_DEPENDENCY_MISSING' },
  );
  await runtime.activate(broker, null, () => {});
  await runtime.activate(sensor, null, () => {});
  await assert.rejects(
    runtime.activate(second, null, () => {}),
    {
      code: 'APP_USER_TAKEN',
      message: 'second: broker runs as the user shared',
    },
  );
  await runtime.start(second);
  assert.deepEqual([runtime.status().second?.state, runtime.status().broker?.state], ['stopped', 'running']);
});
