import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Built, build, sharedCache } from '../support/build.ts';
import { cloneInto, seedCache } from '../support/clone.ts';
import { runCommand } from '../support/command.ts';
import { sha256 } from '../support/file-hash.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-determinism-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Downloads, and the kernel, whose compilation takes as long as all other tests. */
const SEEDED = ['apt', 'debian', 'kernel', 'node-runtime'];

async function buildIn(clone: string, date: string): Promise<Built> {
  mkdirSync(clone, { recursive: true });
  await cloneInto(clone);
  const cacheHome = join(clone, 'cache-home');
  await seedCache(sharedCache(), join(cacheHome, 'nodeos'), SEEDED);
  const result = await runCommand(
    process.execPath,
    [join(clone, 'cli/bin/nodeos.js'), 'build', '--json', '--out', join(clone, 'out')],
    { cwd: clone, env: { XDG_CACHE_HOME: cacheHome, TZ: date, LANG: date === 'UTC' ? 'C' : 'C.UTF-8' } },
  );
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as Built;
}

test('two clones in different folders give byte-identical images; both use one compiled kernel, all else is made twice', async () => {
  await build(['--out', join(folder, 'shared')]);
  const first = await buildIn(join(folder, 'a'), 'UTC');
  const second = await buildIn(join(folder, 'another-clone', 'deeper', 'in'), 'Asia/Kathmandu');
  for (const { layers } of [first, second]) {
    const reused = layers.filter((layer) => layer.cached).map((layer) => layer.name);
    assert.deepEqual(
      reused.filter((name) => !SEEDED.includes(name)),
      [],
    );
  }
  for (const kind of Object.keys(first.files))
    assert.equal(await sha256(first.files[kind] as string), await sha256(second.files[kind] as string), kind);
});
