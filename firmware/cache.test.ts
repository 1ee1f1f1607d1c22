import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { cached } from './cache.ts';

test('nobody else may read a layer: a fleet file may be in it', async (t) => {
  const cacheRoot = await mkdtemp(join(tmpdir(), 'nodeos-cache-'));
  t.after(() => rm(cacheRoot, { recursive: true }));
  const context = { cacheRoot, signal: new AbortController().signal, progress: () => {}, locked: false };
  const { dir } = await cached(context, 'bootfs', { fleet: 'x' }, (folder) => writeFile(join(folder, 'boot.fat'), 'x'));
  assert.equal((await stat(dirname(dir))).mode & 0o077, 0);
});
