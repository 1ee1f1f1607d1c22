import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { testStore } from '../store.suite.ts';
import { openSqliteStore } from './store.ts';

testStore('sqlite', async (context) => {
  const store = openSqliteStore(join(await temporaryFolder(context), 'server.sqlite'));
  context.after(() => store.close());
  return store;
});

test('sqlite: what was written is there after a restart, for the owner only', async (context) => {
  const path = join(await temporaryFolder(context), 'server.sqlite');
  const first = openSqliteStore(path);
  await first.setSetting('name', 'value');
  await first.close();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const second = openSqliteStore(path);
  assert.equal(await second.getSetting('name'), 'value');
  await second.close();
});

test('sqlite: a second server on the same data and a database of a newer server are refused', async (context) => {
  const path = join(await temporaryFolder(context), 'server.sqlite');
  const first = openSqliteStore(path);
  assert.throws(() => openSqliteStore(path), { code: 'CONFLICT', message: /another server uses/ });
  await first.close();
  const raw = new DatabaseSync(path);
  raw.exec('pragma user_version = 999');
  raw.close();
  assert.throws(() => openSqliteStore(path), { code: 'CONFLICT', message: /schema 999/ });
});
