import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openAppConfigurations, storeConfigurations } from './app-configuration.ts';
import { parseLevel, showLevel } from './log-level.ts';
import { makeAppFolder, plainLaunch } from './node-apps.testing.ts';
import { createSupervisor } from './supervisor.ts';

const LIBRARY = new URL('../../../app/index.cjs', import.meta.url).pathname;
/** The library under test, then the app’s own code. */
const using = (source: string): string => `const nodeos = require(${JSON.stringify(LIBRARY)});
  setInterval(() => {}, 1000);
  (async () => { ${source} })();`;

async function supervise(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-channel-'));
  const configurations = openAppConfigurations(folder);
  const lines: string[] = [];
  const waiters = new Set<() => void>();
  const runtime = createSupervisor({
    launch: plainLaunch(),
    onLine(_name, _stream, text) {
      lines.push(text);
      for (const waiter of waiters) waiter();
    },
    onChange: () => {},
    onEvent: () => {},
    availableMemoryKiB: async () => 1_000_000,
    startTimeoutMs: 20_000,
    deviceFacts: () => ({ board: 'test-board', systemVersion: '1.0.0', slot: 'a', hostname: 'device' }),
    configurations,
  });
  t.after(async () => {
    await runtime.stopAll();
    configurations.close();
    await rm(folder, { recursive: true });
  });
  const said = (text: string | RegExp): Promise<string> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = lines.find((line) => (typeof text === 'string' ? line === text : text.test(line)));
        if (found !== undefined) resolve(found);
      };
      waiters.add(check);
      check();
    });
  return { runtime, folder, lines, said };
}

test('an app learns of its device, its configuration and each change of that', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, folder, said } = await supervise(t);
  await storeConfigurations(folder, { hello: { colour: 'red' } });
  const source = using(`nodeos.onConfiguration((now) => console.log('now', JSON.stringify(now)));
    console.log(nodeos.onDevice, JSON.stringify(await nodeos.deviceInfo()));
    console.log(JSON.stringify(await nodeos.configuration()), JSON.stringify(await nodeos.restart()));`);
  void runtime.start(await apps.app('1.0.0', source));
  await said('true {"board":"test-board","systemVersion":"1.0.0","slot":"a","hostname":"device"}');
  await said('{"colour":"red"} {"count":0,"reason":null}');
  await storeConfigurations(folder, { hello: { colour: 'blue' } });
  await said('now {"colour":"blue"}');
  await storeConfigurations(folder, { other: { colour: 'blue' } });
  await said('now {}');
  assert.deepEqual(await readdir(folder), ['other.json']);
});

test('an app that ended by itself is told why it was started again', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, said } = await supervise(t);
  const source = using(`const { count, reason } = await nodeos.restart();
    if (count === 0) { console.error('Error: no sensor'); process.exitCode = 3; process.exit(); }
    console.log(count, reason);`);
  void runtime.start(await apps.app('1.0.0', source));
  await said('1 ended with code 3: Error: no sensor');
});

test('the levels of an app’s lines are kept', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, said, lines } = await supervise(t);
  void runtime.start(
    await apps.app(
      '1.0.0',
      using(`nodeos.log.warn('disk', { full: 1 }); nodeos.log.info('a\\nb'); console.log('end');`),
    ),
  );
  await said('[warn] disk { full: 1 }');
  await said('end');
  assert.deepEqual(lines.filter((line) => !line.startsWith('[warn]')).slice(0, 2), ['a', 'b']);
  assert.equal(showLevel(parseLevel('<3>bad')), '[error] bad');
  assert.equal(showLevel(parseLevel('<9>no level')), '<9>no level');
});

test('a version that says it does not do its work is taken back', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, said } = await supervise(t);
  const good = await apps.app('1.0.0', using(`nodeos.health.ok(); console.log('good');`));
  const bad = await apps.app('2.0.0', using(`nodeos.health.failing('the sensor is silent');`), { soakMs: 60_000 });
  void runtime.start(good);
  await said('good');
  await runtime.allHealthy(20_000);
  await assert.rejects(
    runtime.activate(bad, good, () => {}),
    {
      code: 'APP_PROBE_FAILED',
      message: /^hello 2\.0\.0 is not healthy: it says: the sensor is silent/,
    },
  );
  assert.equal(runtime.status().hello?.version, '1.0.0');
});

const never = new AbortController().signal;
const coming = (name: string, version: string) => ({ name, version, endsAll: name === 'system' });

test('an update of the app or of the system waits while the app holds it back, and comes when it lets go', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, said, lines } = await supervise(t);
  const source = using(`const hold = await nodeos.holdUpdates('a print is running'); let times = 0;
    nodeos.onUpdateWaiting((version, name) => { console.log('asked for', name, version); if (++times > 1) hold.release(); });
    console.log('holding');`);
  void runtime.start(await apps.app('1.0.0', source, { holdUpdatesMs: 600_000 }));
  await said('holding');
  const held: string[] = [];
  const onHeld = (by: string): void => void held.push(by);
  await runtime.untilReleased(coming('other', '2.0.0'), onHeld, never);
  assert.deepEqual(held, [], 'another app’s update ends nothing here');

  const over = new AbortController();
  const noLonger = runtime.untilReleased(coming('hello', '2.0.0'), onHeld, over.signal);
  await said('asked for hello 2.0.0');
  over.abort();
  await noLonger;

  await runtime.untilReleased(coming('system', '1.1.0'), onHeld, never);
  assert.ok(lines.includes('asked for system 1.1.0'));
  assert.deepEqual(held, ['hello: a print is running', 'hello: a print is running']);
  await said(/hello 2\.0\.0 waits, at most 600 s: a print is running/);
  await said(/system 1\.1\.0 waits, at most 600 s: a print is running/);
});

test('it waits no longer than package.json allows', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, said } = await supervise(t);
  const source = using(`await nodeos.holdUpdates('for ever'); console.log('holding');`);
  void runtime.start(await apps.app('1.0.0', source, { holdUpdatesMs: 300 }));
  await said('holding');
  const held: string[] = [];
  await runtime.untilReleased(coming('hello', '2.0.0'), (by) => held.push(by), never);
  assert.deepEqual(held, ['hello: for ever']);
});

test('who has no time for it in package.json holds nothing back', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, said } = await supervise(t);
  const refused = using(`await nodeos.holdUpdates('now').catch((error) => console.log(error.code, error.message));`);
  void runtime.start(await apps.app('2.0.0', refused));
  await said(/^NODEOS_HOLD_REFUSED nodeos\.holdUpdatesMs in package\.json/);
  await runtime.untilReleased(coming('hello', '3.0.0'), () => assert.fail('it waits'), never);
});

test('what an app writes that is no message changes nothing', async (t) => {
  await using apps = await makeAppFolder();
  const { runtime, said } = await supervise(t);
  const source = `const socket = new (require('node:net').Socket)({ fd: 4 });
    socket.write('nonsense\\n{"type":"hold","on":1}\\n[1]\\n{"type":7}\\n' + 'x'.repeat(100000) + '\\n{"type":"hello"}\\n');
    socket.on('data', (data) => console.log(JSON.parse(data).type)); setInterval(() => {}, 1000);`;
  void runtime.start(await apps.app('1.0.0', source));
  await said('hello');
  await runtime.allHealthy(20_000);
});

test('on a computer every call is answered, and nothing keeps the process alive', () => {
  const source = `const nodeos = require(${JSON.stringify(LIBRARY)});
    (async () => {
      const hold = await nodeos.holdUpdates('x'); hold.release(); nodeos.health.failing('x');
      nodeos.onConfiguration(() => {}); nodeos.log.error('plain');
      console.log(nodeos.onDevice, await nodeos.deviceInfo(), await nodeos.configuration(), (await nodeos.restart()).count);
    })();`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' });
  assert.deepEqual([stdout, stderr, status], ['false null {} 0\n', 'plain\n', 0]);
});
