import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { encodeMbr, PARTITION_TYPES, SECTOR_BYTES } from '../formats/mbr.ts';
import { copySparse, writeAll } from '../formats/sparse.ts';
import { AREA, areaNamed, type DiskArea, planDisk } from '../plan/disk.ts';
import type { ImageIdentity } from '../plan/identity.ts';
import { diskBytes } from '../plan/layout.ts';

export interface ImageRequest {
  readonly board: Board;
  readonly identity: ImageIdentity;
  readonly grub: Artefact;
  readonly bootfs: Artefact;
  readonly slot: Artefact;
  readonly usersfs: Artefact;
}

/** Raise when the bytes below change. */
const RECIPE = 1;

/**
 * The whole disk, slot b empty. Areas of zeros are holes in the file.
 * @returns a folder with `disk.img`
 * @throws NodeosError LAYOUT_OVERLAP, DISK_FULL
 */
export async function buildImage(context: BuildContext, request: ImageRequest): Promise<Artefact> {
  const { board, identity, grub, bootfs, slot, usersfs } = request;
  const areas = planDisk(board);
  const inputs = {
    recipe: RECIPE,
    areas,
    diskId: identity.diskId,
    layers: [grub.hash, bootfs.hash, slot.hash, usersfs.hash],
  };
  return cached(context, 'image', inputs, async (dir) => {
    context.progress({ step: 'image', message: 'putting the disk together' });
    const { code, core } = await bootCode(grub);
    const place = areaNamed(areas, AREA.bootCode);
    if (core.length > place.bytes)
      throw new NodeosError('LAYOUT_OVERLAP', `GRUB's core image of ${core.length} bytes does not fit ${place.name}`);
    const image = await open(join(dir, 'disk.img'), 'w');
    try {
      await image.truncate(diskBytes(areas));
      await writeAll(image, bootSector(areas, identity, code), 0);
      await writeAll(image, core, place.offset);
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

/** What BIOS starts; machines with UEFI alone have none. */
async function bootCode(grub: Artefact): Promise<{ code: Buffer; core: Buffer }> {
  if (!existsSync(join(grub.dir, 'core.img'))) return { code: Buffer.alloc(0), core: Buffer.alloc(0) };
  const [code, core] = await Promise.all(['boot.bin', 'core.img'].map((name) => readFile(join(grub.dir, name))));
  return { code: code as Buffer, core: core as Buffer };
}

function bootSector(areas: readonly DiskArea[], identity: ImageIdentity, bootCode: Buffer): Buffer {
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
