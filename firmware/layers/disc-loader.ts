import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { makeFat } from '../formats/fat.ts';
import { ISO_FIRST_SECTOR, ISO_SECTOR_BYTES } from '../formats/iso9660.ts';
import { SECTOR_BYTES } from '../formats/mbr.ts';
import { GRUB_MODULES, GRUB_TARGETS, grubOf } from '../plan/grub-config.ts';
import type { ImageIdentity } from '../plan/identity.ts';
import { DISC_MODULES, discStartConfig } from '../plan/iso.ts';
import { BLOCK_LIST, BOOT_SECTOR, grubPackages } from './grub.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;

/**
 * The boot loaders of a disc: GRUB that looks for the disc it belongs to.
 * @param efiBytes size of the volume for UEFI
 * @returns a folder with `disc.img` for BIOS and `efi.fat` for UEFI, as far as the board has them
 */
export async function buildDiscLoader(
  context: BuildContext,
  request: {
    readonly board: Board;
    readonly identity: ImageIdentity;
    /** Seconds since 1970. */
    readonly modified: number;
    readonly efiBytes: number;
  },
): Promise<Artefact> {
  const { board, identity, modified, efiBytes } = request;
  const { targets } = grubOf(board);
  const { packages, maker } = await grubPackages(context, board);
  const config = discStartConfig(identity.diskId);
  const inputs = {
    recipe: RECIPE,
    packages,
    modules: [...GRUB_MODULES, ...DISC_MODULES],
    targets: targets.map((target) => [target, GRUB_TARGETS[target]]),
    config,
    efi: [identity.bootVolumeId, efiBytes, modified],
  };
  return cached(context, 'disc-loader', inputs, async (dir) => {
    context.progress({ step: 'disc-loader', message: 'making the boot loaders of the disc' });
    const makeImage = await maker();
    const script = join(dir, 'start.cfg');
    await writeFile(script, config);
    const uefi: { path: string; source: string }[] = [];
    for (const target of targets) {
      const { file, modules } = GRUB_TARGETS[target];
      const source = join(dir, file ?? 'disc.img');
      const format = file === null ? `${target}-eltorito` : target;
      await makeImage(format, source, '/', [...modules, ...GRUB_MODULES, ...DISC_MODULES], script);
      if (file !== null) uefi.push({ path: `EFI/BOOT/${file}`, source });
    }
    const volume = { label: 'NODEOS-EFI', volumeId: identity.bootVolumeId, modified, files: uefi };
    if (uefi.length > 0) await makeFat({ output: join(dir, 'efi.fat'), bytes: efiBytes, ...volume }, context.signal);
    for (const { source } of uefi) await rm(source);
    await rm(script);
  });
}

/** GRUB's core image for another place than the second sector of the disk. @param offset bytes from the start of the disk */
function placeCore(core: Buffer, offset: number): Buffer {
  const placed = Buffer.from(core);
  placed.writeBigUInt64LE(BigInt(offset / SECTOR_BYTES + 1), BLOCK_LIST);
  return placed;
}

/** The boot sector's code for a core image in that place. */
function placeBootCode(code: Buffer, coreOffset: number): Buffer {
  const placed = Buffer.from(code);
  placed.writeBigUInt64LE(BigInt(coreOffset / SECTOR_BYTES), BOOT_SECTOR.kernelSector);
  return placed;
}

/** The table's place, and where the words begin that its checksum is over (mkisofs(8), -boot-info-table). */
const INFO_TABLE = { offset: 8, checksumFrom: 64 } as const;

/** GRUB's image for CDs finds the rest of itself by a table that is written once its place on the disc is known. */
function placeDiscLoader(image: Buffer, offset: number): Buffer {
  const placed = Buffer.concat([image, Buffer.alloc(-image.length & 3)]);
  let sum = 0;
  for (let at = INFO_TABLE.checksumFrom; at < placed.length; at += 4) sum = (sum + placed.readUInt32LE(at)) >>> 0;
  const table = [ISO_FIRST_SECTOR, offset / ISO_SECTOR_BYTES, placed.length, sum];
  for (const [index, value] of table.entries()) placed.writeUInt32LE(value, INFO_TABLE.offset + index * 4);
  return placed;
}

/** Reads the parts of the boot code that stand outside of files, each made for its place. */
export async function placeLoaders(
  bootCode: Artefact,
  discLoader: Artefact,
  places: { readonly core: number; readonly disc: number },
): Promise<{ sector: Buffer; core: Buffer; disc: Buffer }> {
  return {
    sector: placeBootCode(await readFile(join(bootCode.dir, 'boot.bin')), places.core),
    core: placeCore(await readFile(join(bootCode.dir, 'core.img')), places.core),
    disc: placeDiscLoader(await readFile(join(discLoader.dir, 'disc.img')), places.disc),
  };
}
