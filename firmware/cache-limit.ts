import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from './context.ts';

/**
 * Layers that are made of others within seconds: of these the cache keeps what fits. What was compiled, fetched or
 * unpacked for minutes stays.
 */
const QUICK_LAYERS = [
  ...[
    'barebones',
    'block-map',
    'bootfs',
    'bundle',
    'factory-app',
    'image',
    'img.zst',
    'initramfs',
    'iso',
    'oci',
    'qcow2',
  ],
  ...['rootfs', 'rootfs-barebones', 'sealed-root', 'slot', 'tar', 'usersfs'],
] as const;
const DEFAULT_LIMIT_BYTES = 16 * 1024 ** 3;
/** Another build may be about to read what it has found. */
const SPARED_MS = 2 * 3_600_000;
/** What a build that was killed has left. */
const ABANDONED_MS = 24 * 3_600_000;
const BLOCK_BYTES = 512;

interface Entry {
  readonly dir: string;
  readonly usedAt: number;
  readonly isUnfinished: boolean;
}

/**
 * Removes what was not used for longest, until the rest of the quick layers fits.
 * @param now milliseconds since 1970
 * @returns bytes that were freed
 */
export async function limitCache(context: BuildContext, now = Date.now()): Promise<number> {
  const limit = context.cacheLimitBytes ?? DEFAULT_LIMIT_BYTES;
  const entries = (await Promise.all(QUICK_LAYERS.map((layer) => entriesOf(join(context.cacheRoot, layer))))).flat();
  const isAbandoned = ({ isUnfinished, usedAt }: Entry): boolean => isUnfinished && now - usedAt > ABANDONED_MS;
  const unwanted = entries.filter(isAbandoned);
  let kept = 0;
  for (const entry of entries.filter(({ isUnfinished }) => !isUnfinished).sort((a, b) => b.usedAt - a.usedAt)) {
    const bytes = await bytesOf(entry.dir);
    if (kept + bytes <= limit || now - entry.usedAt < SPARED_MS) kept += bytes;
    else unwanted.push(entry);
  }
  let freed = 0;
  for (const { dir } of unwanted) {
    freed += await bytesOf(dir);
    await rm(dir, { recursive: true, force: true });
  }
  return freed;
}

async function entriesOf(folder: string): Promise<Entry[]> {
  const names = await readdir(folder).catch(() => []);
  const entries = await Promise.all(
    names.map(async (name) => {
      const dir = join(folder, name);
      const status = await stat(dir).catch(() => null);
      return status?.isDirectory() ? { dir, usedAt: status.mtimeMs, isUnfinished: name.startsWith('.') } : null;
    }),
  );
  return entries.filter((entry) => entry !== null);
}

/** What it takes of the disk: images are mostly holes. */
async function bytesOf(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (path) => (await stat(path).catch(() => null))?.blocks ?? 0));
  return sizes.reduce((sum, blocks) => sum + blocks * BLOCK_BYTES, 0);
}
