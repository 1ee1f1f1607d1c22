import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { encodeMbr, PARTITION_TYPES, SECTOR_BYTES } from '../formats/mbr.ts';
import { copySparse, writeAll } from '../formats/sparse.ts';
import { rawFiles } from '../plan/boot-files.ts';
import { AREA, areaNamed, type DiskArea, planDisk } from '../plan/disk.ts';
import type { ImageIdentity } from '../plan/identity.ts';
import { diskBytes } from '../plan/layout.ts';

export interface ImageRequest {
  readonly board: Board;
  readonly identity: ImageIdentity;
  readonly bootCode: Artefact;
  readonly bootfs: Artefact;
  readonly slot: Artefact;
  readonly usersfs: Artefact;
}

/** Raise when the bytes below change. */
const RECIPE = 2;

/**
 * The whole disk, slot b empty. Areas of zeros are holes in the file.
 * @returns a folder with `disk.img`
 * @throws NodeosError LAYOUT_OVERLAP, DISK_FULL
 */
export async function buildImage(context: BuildContext, request: ImageRequest): Promise<Artefact> {
  const { board, identity, bootCode, bootfs, slot, usersfs } = request;
  const areas = planDisk(board);
  const inputs = {
    recipe: RECIPE,
    areas,
    diskId: identity.diskId,
    raw: rawFiles(board),
    layers: [bootCode.hash, bootfs.hash, slot.hash, usersfs.hash],
  };
  return cached(context, 'image', inputs, async (dir) => {
    context.progress({ step: 'image', message: 'putting the disk together' });
    const raw = await readRaw(board, bootCode, areas);
    const image = await open(join(dir, 'disk.img'), 'w');
    try {
      await image.truncate(diskBytes(areas));
      const code = raw.get(AREA.bootSector) ?? Buffer.alloc(0);
      await writeAll(image, bootSector(areas, identity, code), 0);
      for (const [name, bytes] of raw)
        if (name !== AREA.bootSector) await writeAll(image, bytes, areaNamed(areas, name).offset);
      const contents = [
        [AREA.boot, join(bootfs.dir, 'boot.fat')],
        [AREA.slotA, join(slot.dir, 'slot.img')],
        [AREA.data, join(usersfs.dir, 'data.ext4')],
      ] as const;
      for (const [name, file] of contents) await copySparse(file, image, areaNamed(areas, name).offset, context.signal);
    } finally {
      await image.close();
    }
  });
}

/** What stands outside of partitions, by the name of its area. @throws NodeosError LAYOUT_OVERLAP */
async function readRaw(board: Board, bootCode: Artefact, areas: readonly DiskArea[]): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const { area, path, content } of rawFiles(board)) {
    const bytes = 'bytes' in content ? Buffer.from(content.bytes) : await readFile(join(bootCode.dir, content.file));
    const place = areaNamed(areas, area);
    if (bytes.length > place.bytes)
      throw new NodeosError('LAYOUT_OVERLAP', `${path} of ${bytes.length} bytes does not fit ${place.name}`);
    found.set(area, bytes);
  }
  return found;
}

/** The first sector of a disk with these areas. */
export function bootSector(areas: readonly DiskArea[], identity: ImageIdentity, bootCode: Buffer): Buffer {
  const partitions = areas.flatMap(({ offset, bytes, partition }) =>
    partition
      ? [
          {
            number: partition.number,
            type: partition.fileSystem === 'fat' ? PARTITION_TYPES.fat : PARTITION_TYPES.linux,
            active: partition.active,
            start: offset / SECTOR_BYTES,
            sectors: bytes / SECTOR_BYTES,
          },
        ]
      : [],
  );
  partitions.sort((a, b) => a.number - b.number);
  return encodeMbr({ signature: Number.parseInt(identity.diskId, 16), partitions, bootCode });
}
