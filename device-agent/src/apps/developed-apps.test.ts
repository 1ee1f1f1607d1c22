import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { untilHealthy } from './health.ts';
import type { Instance } from './instance.ts';
import { freePort, makeAppFolder, plainLaunch, server } from './node-apps.testing.ts';
import { createSupervisor } from './supervisor.ts';

async function supervise(t: TestContext, settings: Partial<AppManifest> = {}) {
  const folder = await makeAppFolder();
  const port = await freePort();
  const lines: string[] = [];
  const runtime = createSupervisor({
    launch: plainLaunch(),
    onLine: (_name, _stream, text) => lines.push(text),
    onChange: () => {},
    onEvent: () => {},
    availableMemoryKiB: async () => 1_000_000,
    startTimeoutMs: 10_000,
  });
  t.after(async () => {
    await runtime.stopAll();
    await folder[Symbol.asyncDispose]();
  });
  const app = (version: string, source = server(version)) =>
    folder.app(version, source, { ports: [port], ...settings });
  const ask = async () => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();
  const released = await app('1.0.0');
  await runtime.start(released);
  await runtime.allHealthy(20_000);
  const overruled: string[] = [];
  const { development } = runtime;
  development.begin('hello', (reason) => overruled.push(reason));
  const run = async (version: string, source?: string): Promise<Instance> => {
    const instance = await development.run(await app(version, source));
    assert.ok(instance);
    return instance;
  };
  return { runtime, development, app, ask, run, released, overruled, lines };
}

test('unsigned files take the place of the release, and the release comes back', async (t) => {
  const { runtime, development, ask, run } = await supervise(t);
  assert.equal(await ask(), '1.0.0', 'a session that has sent nothing changes nothing');
  await untilHealthy(await run('1.0.1-dev'), 20_000);
  assert.equal(await ask(), '1.0.1-dev');
  const { version, state, reason } = runtime.status().hello ?? {};
  assert.deepEqual([version, state], ['1.0.0', 'stopped']);
  assert.match(reason ?? '', /development session/);
  assert.deepEqual(
    runtime.manifests().map((manifest) => manifest.version),
    ['1.0.1-dev'],
  );
  await untilHealthy(await run('1.0.2-dev'), 20_000);
  assert.equal(await ask(), '1.0.2-dev');
  await development.end('hello');
  await runtime.allHealthy(20_000);
  assert.equal(await ask(), '1.0.0');
  assert.deepEqual([runtime.status().hello?.state, runtime.status().hello?.reason], ['running', null]);
});

test('what ends by itself is not started again, and the session goes on', async (t) => {
  const { development, ask, run, lines } = await supervise(t);
  const instance = await run('1.0.1-dev', 'throw new Error("a mistake");');
  await instance.ended;
  await assert.rejects(ask());
  assert.match(lines.join('\n'), /\[nodeos\] ended with code 1: Error: a mistake; it is started again after the next/);
  await untilHealthy(await run('1.0.2-dev'), 20_000);
  assert.equal(await ask(), '1.0.2-dev');
  await development.end('hello');
});

test('a deployment wins: the session is told, and nothing of it runs any more', async (t) => {
  const { runtime, development, app, ask, run, released, overruled } = await supervise(t);
  await run('1.0.1-dev');
  const candidate = await app('2.0.0');
  const deployed = runtime.activate(candidate, released, () => {});
  const late = development.run(await app('1.0.2-dev'));
  await deployed;
  assert.equal(await late, null);
  assert.deepEqual(overruled, ['version 2.0.0 was deployed']);
  assert.equal(await ask(), '2.0.0');
  await development.end('hello');
  assert.equal(await ask(), '2.0.0');
});

test('a deployment that fails leaves the release running, not the session', async (t) => {
  const { runtime, app, ask, run, released, overruled } = await supervise(t);
  const cases: [string, Partial<AppManifest>][] = [
    ['2.0.0', { dependsOn: ['broker'] }],
    ['2.0.1', {}],
  ];
  for (const [version, settings] of cases) {
    if (overruled.length > 0) runtime.development.begin('hello', (reason) => overruled.push(reason));
    await untilHealthy(await run('1.0.1-dev'), 20_000);
    const made = await app(version, 'process.exit(3);');
    const candidate = { ...made, manifest: { ...made.manifest, ...settings } };
    await assert.rejects(runtime.activate(candidate, released, () => {}));
    await runtime.allHealthy(20_000);
    assert.equal(await ask(), '1.0.0');
  }
  assert.equal(overruled.length, 2);
});

test('an app that takes the whole machine, and a removal, end the session too', async (t) => {
  const { runtime, development, app, ask, run, overruled } = await supervise(t);
  await run('1.0.1-dev');
  const made = await app('1.0.0', 'setInterval(() => {}, 1000);');
  await runtime.activate(
    { ...made, manifest: { ...made.manifest, name: 'sign', kiosk: true, ports: [] } },
    null,
    () => {},
  );
  await assert.rejects(ask());
  development.begin('hello', (reason) => overruled.push(reason));
  await assert.rejects(development.run(await app('1.0.2-dev')), { code: 'KIOSK_TAKEN' });
  await runtime.remove('hello');
  assert.deepEqual(overruled, ['sign takes the whole machine', 'the app was removed']);
});
