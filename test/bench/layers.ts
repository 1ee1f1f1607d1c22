import { glob, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { build, sharedCache } from '../support/build.ts';
import { seedCache } from '../support/clone.ts';
import type { Measurement } from './table.ts';

/** Downloads, and the kernel: its compilation is not repeated, its time stands beside it in the cache. */
const SEEDED = ['apt', 'debian', 'node-runtime', 'kernel'];

/** Builds every layer but the kernel anew, in a cache of its own, and says how long each took. */
export async function measureLayers(folder: string): Promise<Measurement[]> {
  const cacheHome = join(folder, 'cache');
  await build(['--out', join(folder, 'shared')]);
  await seedCache(sharedCache(), join(cacheHome, 'nodeos'), SEEDED);
  const { layers } = await build(['--out', join(folder, 'out')], { env: { XDG_CACHE_HOME: cacheHome } });
  const { layers: barebones } = await build(['--layer', 'barebones', '--out', join(folder, 'out')], {
    env: { XDG_CACHE_HOME: cacheHome },
  });
  const made = new Map(
    [...barebones, ...layers].filter((layer) => !layer.cached).map((each) => [each.name, each.seconds]),
  );
  const kernelSeconds = await readKernelSeconds();
  const times = [...(kernelSeconds === null ? [] : [['kernel', kernelSeconds] as const]), ...made];
  return times.map(([name, seconds]) => ({ name: `build of layer ${name}`, value: seconds, unit: 's', aim: null }));
}

/** What the compilation of the newest kernel in the cache took. */
async function readKernelSeconds(): Promise<number | null> {
  let newest: { path: string; at: number } | null = null;
  for await (const path of glob(join(sharedCache(), 'kernel', '*', 'seconds'))) {
    const at = (await stat(path)).mtimeMs;
    if (newest === null || at > newest.at) newest = { path, at };
  }
  return newest === null ? null : Number(await readFile(newest.path, 'utf8'));
}
