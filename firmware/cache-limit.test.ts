import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cached } from './cache.ts';
import { limitCache } from './cache-limit.ts';
import type { BuildContext } from './context.ts';

const HOUR_MS = 3_600_000;
const MIB = 1024 ** 2;

/** A cache with room for 2 MiB; `add` puts something of 1 MiB in, last used so many hours ago. */
function cacheOf(t: { after(work: () => void): void }) {
  const cacheRoot = mkdtempSync(join(tmpdir(), 'nodeos-cache-limit-'));
  t.after(() => rmSync(cacheRoot, { recursive: true }));
  const signal = new AbortController().signal;
  const context: BuildContext = { cacheRoot, signal, progress: () => {}, locked: false, cacheLimitBytes: 2 * MIB };
  const add = (path: string, hours: number): void => {
    const dir = join(cacheRoot, path);
    mkdirSync(join(dir, 'deep'), { recursive: true });
    writeFileSync(join(dir, 'deep/file'), Buffer.alloc(MIB));
    const at = (Date.now() - hours * HOUR_MS) / 1000;
    utimesSync(dir, at, at);
  };
  const holds = (): string[] =>
    execFileSync('find', ['.', '-mindepth', '2', '-maxdepth', '2'], { cwd: cacheRoot, encoding: 'utf8' })
      .trim()
      .split('\n')
      .sort();
  return { context, add, holds };
}

test('what was not used for longest goes, of layers that are made within seconds', async (t) => {
  const { context, add, holds } = cacheOf(t);
  for (const [path, hours] of [
    ['slot/a', 5],
    ['image/b', 4],
    ['rootfs/c', 3],
    ['kernel/d', 500],
    ['packages/e', 500],
  ] as const)
    add(path, hours);
  assert.equal(await limitCache(context), MIB);
  assert.deepEqual(holds(), ['./image/b', './kernel/d', './packages/e', './rootfs/c']);
});

test('what was just used stays, be it more than fits', async (t) => {
  const { context, add, holds } = cacheOf(t);
  for (const name of ['a', 'b', 'c']) add(`slot/${name}`, 1);
  assert.equal(await limitCache(context), 0);
  assert.equal(holds().length, 3);
});

test('to find something in the cache is to use it', async (t) => {
  const { context, add, holds } = cacheOf(t);
  const make = () =>
    cached(context, 'slot', { a: 1 }, async (dir) => writeFileSync(join(dir, 'file'), Buffer.alloc(MIB)));
  const { dir } = await make();
  utimesSync(dir, 1000, 1000);
  await make();
  for (const name of ['b', 'c']) add(`slot/${name}`, 3);
  await limitCache(context);
  assert.ok(
    holds().some((path) => dir.endsWith(path.slice(1))),
    holds().join(),
  );
  assert.equal(holds().length, 2);
});

test('what a killed build left goes after a day', async (t) => {
  const { context, add, holds } = cacheOf(t);
  add('slot/.old.tmp', 25);
  add('slot/.new.tmp', 23);
  await limitCache(context);
  assert.deepEqual(holds(), ['./slot/.new.tmp']);
});
