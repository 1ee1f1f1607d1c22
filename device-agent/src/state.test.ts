import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { AgentState } from '@nodeos/contracts/agent-state.ts';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { openStateStore } from './state.ts';
import { systemDisk } from './updater/disk.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => openStateStore(systemDisk, folder);
const path = (name: string) => join(folder, name);
const named = (version: string) => (state: AgentState) => ({
  ...state,
  system: { version, target: 'systems/x', deployment: null },
});

test('a fresh state is empty and writes nothing', async () => {
  const store = await open();
  assert.equal(store.damage, null);
  assert.deepEqual([store.state.apps, store.state.candidate, store.state.systemTrial], [{}, null, null]);
  await store.update((state) => state);
  assert.deepEqual(readdirSync(folder), []);
});

test('changes come back, and calls at the same time do not lose one another', async () => {
  const store = await open();
  await Promise.all([
    store.update(named('1.0.0')),
    store.update((state) => ({ ...state, failed: { a: { deployment: null, reason: 'x' } } })),
    store.update((state) => ({ ...state, failed: { ...state.failed, b: { deployment: 'd', reason: 'y' } } })),
  ]);
  const { state } = await open();
  assert.equal(state.system?.version, '1.0.0');
  assert.deepEqual(Object.keys(state.failed), ['a', 'b']);
});

for (const [name, damage] of [
  ['empty', () => truncateSync(path('state.json'), 0)],
  ['torn', () => truncateSync(path('state.json'), 30)],
  ['of another format', () => writeFileSync(path('state.json'), '{"format":2}')],
] as const) {
  test(`a state that is ${name} gives way to the copy before it, which stays good`, async () => {
    const store = await open();
    await store.update(named('1.0.0'));
    await store.update(named('1.1.0'));
    damage();
    const again = await open();
    assert.equal(again.state.system?.version, '1.0.0');
    assert.match(again.damage ?? '', /^INPUT_INVALID: state\.json is not/);
    await again.update(named('1.2.0'));
    assert.equal(JSON.parse(readFileSync(path('state.json.bak'), 'utf8')).system.version, '1.0.0');
    assert.equal((await open()).state.system?.version, '1.2.0');
  });
}

test('without any whole copy it starts afresh and says what was wrong', async () => {
  writeFileSync(path('state.json'), 'x');
  writeFileSync(path('state.json.bak'), '');
  const store = await open();
  assert.deepEqual(store.state.apps, {});
  assert.match(store.damage ?? '', /state\.json is not JSON.*state\.json\.bak is not JSON/);
});

test('a write that fails changes nothing and does not block the next', async () => {
  let full = true;
  const disk: typeof systemDisk = {
    ...systemDisk,
    open: async (file, flags, mode) => {
      if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      return systemDisk.open(file, flags, mode);
    },
  };
  const store = await openStateStore(disk, folder);
  await assert.rejects(store.update(named('1.0.0')), /no space/);
  assert.equal(store.state.system, null);
  full = false;
  await store.update(named('1.1.0'));
  assert.equal((await open()).state.system?.version, '1.1.0');
});

test('what nobody fetches does not grow for ever: the newest outcomes are kept', async () => {
  const store = await open();
  const status = (index: number): UpdateStatus => ({
    lane: 'app',
    name: 'hello',
    version: `1.0.${index}`,
    target: `apps/hello/1.0.${index}/any.sqfs`,
    deployment: null,
    state: 'failed',
    percent: null,
    reason: 'why',
  });
  await store.update((state) => ({
    ...state,
    ended: Array.from({ length: 100 }, (_, index) => status(index)),
    failed: Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`t${index}`, { deployment: null, reason: '' }]),
    ),
  }));
  const { state } = await open();
  assert.equal(state.ended.length, 48);
  assert.equal(state.ended.at(-1)?.version, '1.0.99');
  assert.equal(Object.keys(state.failed).at(-1), 't99');
});

test('a state that a newer system wrote loses nothing by the older one that reads and changes it', async () => {
  const store = await open();
  await store.update(named('1.0.0'));
  const written = JSON.parse(readFileSync(path('state.json'), 'utf8'));
  written.invention = { of: '2.0.0' };
  written.system.invention = 1;
  written.failed = { a: { deployment: null, reason: 'x', invention: 2 } };
  writeFileSync(path('state.json'), JSON.stringify(written));
  const older = await open();
  assert.equal(older.damage, null);
  await older.update((state) => ({ ...state, candidate: null, ended: [] }));
  assert.deepEqual(JSON.parse(readFileSync(path('state.json'), 'utf8')), written);
});
