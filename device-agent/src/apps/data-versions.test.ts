import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { InstalledApp } from '../ports.ts';
import { openDataVersions } from './data-versions.ts';
import { makeAppFolder, quietOptions } from './node-apps.testing.ts';
import { createSupervisor } from './supervisor.ts';

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-data-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** An app for a version of the data, with names in place of commands. */
function app(version: string, data: number | null): InstalledApp {
  const steps = Array.from({ length: Math.max(0, (data ?? 1) - 1) }, (_, at) => at + 2);
  const migrations = Object.fromEntries(steps.map((to) => [to, { up: [`up${to}`], down: [`down${to}`] }]));
  return {
    manifest: { name: 'hello', version, ...(data !== null && { data: { version: data, migrations } }) },
    sha256: version,
  } as unknown as InstalledApp;
}

function recorder(failAt: string | null = null) {
  const ran: string[] = [];
  const run = async (by: InstalledApp, [command]: readonly string[]): Promise<void> => {
    ran.push(`${by.manifest.version} ${command}`);
    if (command === failAt) throw new Error('ended with code 1: no space');
  };
  return { ran, run };
}

test('an app without data versions leaves nothing behind and runs nothing', async (t) => {
  const folder = await temporary(t);
  const data = openDataVersions(folder, () => true);
  const { ran, run } = recorder();
  await data.settle(app('1', null), null, run);
  assert.deepEqual([ran, data.needsMigration(app('2', null), app('1', null))], [[], false]);
  await assert.rejects(readFile(join(folder, 'hello.json')));
});

test('data goes up step by step, and down again by the app that brought it up', async (t) => {
  const data = openDataVersions(await temporary(t), () => true);
  const { ran, run } = recorder();
  assert.equal(data.needsMigration(app('2', 3), app('1', null)), true);
  await data.settle(app('2', 3), app('1', null), run);
  assert.equal(data.needsMigration(app('2', 3), app('1', null)), false);
  await data.settle(app('1', null), app('2', 3), run);
  assert.deepEqual(ran, ['2 up2', '2 up3', '2 down3', '2 down2']);
});

test('a first installation has no data to bring anywhere', async (t) => {
  const data = openDataVersions(await temporary(t), () => true);
  const { ran, run } = recorder();
  await data.settle(app('1', 3), null, run);
  await data.settle(app('2', 4), app('1', 3), run);
  assert.deepEqual(ran, ['2 up4']);
});

test('a migration that fails is undone, with all before it', async (t) => {
  const data = openDataVersions(await temporary(t), () => true);
  const { ran, run } = recorder('up3');
  await assert.rejects(data.settle(app('2', 4), app('1', 1), run), {
    code: 'APP_MIGRATION_FAILED',
    message: 'hello 2: the migration of its data to version 3 ended with code 1: no space',
  });
  assert.deepEqual(ran, ['2 up2', '2 up3', '2 down3', '2 down2']);
  assert.equal(data.needsMigration(app('1', 1), null), false);
});

test('what a power cut left half done is undone before anything else', async (t) => {
  const folder = await temporary(t);
  const record = { version: 2, underWay: 3, by: app('2', 3) };
  await writeFile(join(folder, 'hello.json'), JSON.stringify(record));
  const data = openDataVersions(folder, () => true);
  const again = recorder();
  await data.settle(app('2', 3), null, again.run);
  assert.deepEqual(again.ran, ['2 down3', '2 up3']);
  await writeFile(join(folder, 'hello.json'), JSON.stringify(record));
  const back = recorder();
  await data.settle(app('1', 2), null, back.run);
  assert.deepEqual(back.ran, ['2 down3']);
});

test('data that nobody can take back is named, and the app is not let near it', async (t) => {
  const data = openDataVersions(await temporary(t), ({ sha256 }) => sha256 !== '2');
  const { ran, run } = recorder();
  await data.settle(app('2', 2), app('1', 1), run);
  await assert.rejects(data.settle(app('1', 1), app('2', 2), run), { code: 'APP_DATA_TOO_NEW' });
  // A later app with the same data can.
  await data.settle(app('3', 2), app('2', 2), run);
  await data.settle(app('1', 1), app('3', 2), run);
  assert.deepEqual(ran, ['2 up2', '3 down2']);
});

test('a version that crashes after its migration leaves the old one with the old data', async (t) => {
  await using apps = await makeAppFolder();
  const folder = await temporary(t);
  const file = join(folder, 'value');
  await writeFile(file, 'one');
  const write = (text: string): string[] => [
    'node',
    '-e',
    `require('node:fs').writeFileSync(${JSON.stringify(file)}, '${text}')`,
  ];
  const lines: string[] = [];
  const runtime = createSupervisor({
    ...quietOptions(),
    onLine: (_name, _stream, text) => lines.push(text),
    startTimeoutMs: 20_000,
    dataVersions: openDataVersions(join(folder, 'versions'), () => true),
    migrationLimitMs: 3_000,
  });
  t.after(() => runtime.stopAll());
  const show = `console.log('data', require('node:fs').readFileSync(${JSON.stringify(file)}, 'utf8'));`;
  const old = await apps.app('1.0.0', `${show} setInterval(() => {}, 1000);`);
  const settings = { data: { version: 2, migrations: { 2: { up: write('two'), down: write('one') } } } };
  const bad = await apps.app('2.0.0', `${show} throw new Error('not with this')`, settings);
  const good = await apps.app('2.0.1', `${show} setInterval(() => {}, 1000);`, settings);
  const hangs = ['node', '-e', 'setInterval(() => {}, 1000)'];
  const stuck = await apps.app('1.9.0', show, {
    data: { version: 2, migrations: { 2: { up: hangs, down: write('one') } } },
  });
  await runtime.start(old);
  await runtime.allHealthy(20_000);
  await assert.rejects(
    runtime.activate(stuck, old, () => {}),
    {
      code: 'APP_MIGRATION_FAILED',
      message: 'hello 1.9.0: the migration of its data to version 2 did not end within 3000 ms',
    },
  );
  await assert.rejects(
    runtime.activate(bad, old, () => {}),
    { code: 'APP_START_FAILED' },
  );
  await runtime.activate(good, old, () => {});
  assert.deepEqual(
    lines.filter((line) => line.startsWith('data')),
    ['data one', 'data one', 'data two', 'data one', 'data two'],
  );
});
