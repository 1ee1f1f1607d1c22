import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { DevelopmentFiles } from '../development/files.ts';
import { untilHealthy } from './health.ts';
import type { Instance } from './instance.ts';
import { freePort, makeAppFolder, quietOptions, server } from './node-apps.testing.ts';
import { createSupervisor } from './supervisor.ts';

async function supervise(
  t: TestContext,
  settings: Partial<AppManifest> = {},
  availableMemoryKiB = quietOptions().availableMemoryKiB,
) {
  const folder = await makeAppFolder();
  const port = await freePort();
  const lines: string[] = [];
  const runtime = createSupervisor({
    ...quietOptions(),
    onLine: (_name, _stream, text) => lines.push(text),
    availableMemoryKiB,
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
    const instance = await development.run(await app(version, source), null);
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

test('a process that waits finds the files as they have become, in folders that stay read-only', async (t) => {
  const { development, ask, released } = await supervise(t);
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-waits-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const files = new DevelopmentFiles(folder, null);
  const list = async (part: { first: boolean; gone: string[] }, contents: Record<string, string>): Promise<void> => {
    const octets = Object.entries(contents).map(([path, text]) => [path, Buffer.from(text)] as const);
    const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
    const listed = octets.map(([path, data]) => ({ path, sha256: hash(data), bytes: data.length }));
    files.list(listed, { ...part, last: true }, 1_000_000);
    for (const [, data] of octets) await files.take(hash(data), data);
  };
  const main = 'setInterval(() => {}, 1000); module.exports = require("./src/text.js");';
  await list({ first: true, gone: [] }, { 'main.js': main, 'src/text.js': '1', 'src/old.js': '2', shape: 'a file' });
  const placed = await files.place();
  const app = join(placed.home, 'app');
  await chmod(join(app, 'src'), 0o555);
  const manifest = { ...released.manifest, start: ['node', 'main.js'] };
  const prepared = { ...released, manifest, bundlePath: null, development: { home: placed.home, uid: 0 } };
  assert.equal(development.isPrepared(prepared), false);
  await development.prepare(prepared);
  assert.equal(development.isPrepared(prepared), true);
  assert.equal(development.isPrepared({ ...prepared, manifest: { ...manifest, env: { A: '1' } } }), false);
  assert.equal(await ask(), '1.0.0', 'what runs is left alone');

  const text = `${server('changed')}; require('./deep/er/new.js');`;
  await list(
    { first: false, gone: ['src/old.js', 'shape'] },
    { 'src/text.js': text, 'src/deep/er/new.js': '', 'shape/now': 'a folder' },
  );
  const changes = await files.changesIn(placed);
  const instance = await development.run(prepared, changes);
  assert.ok(instance);
  await untilHealthy(instance, 20_000);
  assert.equal(await ask(), 'changed');
  assert.equal(existsSync(join(app, 'src/old.js')), false);
  assert.equal(await readFile(join(app, 'shape/now'), 'utf8'), 'a folder');
  for (const name of ['src', 'src/deep', 'src/deep/er'])
    assert.equal((await stat(join(app, name))).mode & 0o777, 0o555, name);
  assert.equal(await readFile(join(app, 'main.js'), 'utf8'), main);
  assert.equal(development.isPrepared(prepared), false);
  await assert.rejects(development.run(prepared, changes), { code: 'APP_START_FAILED' });
});

test('where memory is short, or node would read files before it can wait, nothing is made ready', async (t) => {
  const { development, app } = await supervise(t, {}, async () => 40_000);
  const made = await app('1.0.1-dev');
  await development.prepare(made);
  assert.equal(development.isPrepared(made), false);
  const other = await supervise(t);
  for (const start of [['node', '--import', './a.js', 'main.js'], ['node', '-r', 'a', 'main.js'], ['/app/run']]) {
    const early = { ...made, manifest: { ...made.manifest, start } };
    await other.development.prepare(early);
    assert.equal(other.development.isPrepared(early), false);
  }
  await other.development.prepare(made);
  assert.equal(other.development.isPrepared(made), true);
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
  const late = development.run(await app('1.0.2-dev'), null);
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
  await assert.rejects(development.run(await app('1.0.2-dev'), null), { code: 'KIOSK_TAKEN' });
  await runtime.remove('hello');
  assert.deepEqual(overruled, ['sign takes the whole machine', 'the app was removed']);
});
