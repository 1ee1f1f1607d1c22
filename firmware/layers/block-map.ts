import { createHash } from 'node:crypto';
import { open, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { type BlockMap, blocksOf, renderBlockMap } from '../formats/block-map.ts';
import { fatUsedBytes } from '../formats/fat-used.ts';
import { AREA, areaNamed, type DiskArea, planDisk } from '../plan/disk.ts';
import { MIB } from '../plan/layout.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;
const BLOCK_BYTES = 4096;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Which blocks of the disk matter, with their hashes. Zeros that mean something are among them: a stale allocation
 * table, device record or head of slot b on the medium would be taken for this disk's own.
 * @returns a folder with `disk.bmap`
 */
export async function buildBlockMap(
  context: BuildContext,
  request: { readonly board: Board; readonly image: Artefact; readonly bootfs: Artefact; readonly slot: Artefact },
): Promise<Artefact> {
  const { board, image, bootfs, slot } = request;
  const inputs = { recipe: RECIPE, image: image.hash };
  return cached(context, 'block-map', inputs, async (dir) => {
    context.progress({ step: 'block-map', message: 'hashing the blocks in use' });
    const extents = await usedExtents(planDisk(board), join(bootfs.dir, 'boot.fat'), join(slot.dir, 'slot.img'));
    const map = await mapBlocks(join(image.dir, 'disk.img'), extents, context.signal);
    await writeFile(join(dir, 'disk.bmap'), renderBlockMap(map));
  });
}

async function usedExtents(areas: readonly DiskArea[], bootfs: string, slot: string) {
  const at = (name: string): DiskArea => areaNamed(areas, name);
  return [
    { offset: 0, bytes: at(AREA.boot).offset },
    { offset: at(AREA.boot).offset, bytes: await fatUsedBytes(bootfs) },
    { offset: at(AREA.slotA).offset, bytes: (await stat(slot)).size },
    // Enough for no file system to be found there.
    { offset: at(AREA.slotB).offset, bytes: MIB },
    { offset: at(AREA.data).offset, bytes: at(AREA.data).bytes },
  ];
}

async function mapBlocks(
  path: string,
  extents: readonly { readonly offset: number; readonly bytes: number }[],
  signal: AbortSignal,
): Promise<BlockMap> {
  const image = await open(path, 'r');
  try {
    const imageBytes = (await image.stat()).size;
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const ranges: { first: number; last: number; sha256: string }[] = [];
    for (const { first, last } of blocksOf(extents, BLOCK_BYTES)) {
      const hash = createHash('sha256');
      const end = Math.min((last + 1) * BLOCK_BYTES, imageBytes);
      for (let at = first * BLOCK_BYTES; at < end; ) {
        signal.throwIfAborted();
        const { bytesRead } = await image.read(chunk, 0, Math.min(CHUNK_BYTES, end - at), at);
        hash.update(chunk.subarray(0, bytesRead));
        at += bytesRead;
      }
      ranges.push({ first, last, sha256: hash.digest('hex') });
    }
    return { imageBytes, blockBytes: BLOCK_BYTES, ranges };
  } finally {
    await image.close();
  }
}
