import { readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { BOOT_CODE_BYTES, SECTOR_BYTES } from '../formats/mbr.ts';
import { GRUB_MODULES, GRUB_TARGETS, grubOf } from '../plan/grub-config.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';
import { libraryClosure } from './elf-closure.ts';
import { unpackPackages } from './packages.ts';

/** GRUB's image maker and its libraries. */
const TOOL_PACKAGES = [
  'grub-common',
  'libc6',
  'libcap2',
  'libdevmapper1.02.1',
  'liblzma5',
  'libpcre2-8-0',
  'libselinux1',
  'libudev1',
] as const;
/** The image maker runs here, whatever processor its images are for. */
const HOST = { architecture: { debian: 'amd64' } } as const;

/** Raise when the bytes below change. */
const RECIPE = 1;

/** Offsets in boot.img (GRUB 2.12, include/grub/i386/pc/boot.h). */
export const BOOT_SECTOR = { kernelSector: 0x5c, bootDrive: 0x64, driveCheck: 0x66 } as const;
/** Offset of the only block list entry at the end of the core image's first sector: start (8), length (2), segment (2). */
export const BLOCK_LIST = SECTOR_BYTES - 12;

/**
 * Makes GRUB's images with Debian's own grub-mkimage, run by the C library of its suite, so that the host's does not matter.
 * @returns a folder with `boot.bin` (440 bytes of code) and `core.img` for BIOS, and the files of EFI/BOOT for UEFI
 * @throws NodeosError of the sources, TOOL_FAILED, SOURCE_MISMATCH when GRUB's images are not as expected
 */
export async function buildGrub(context: BuildContext, board: Board): Promise<Artefact> {
  const boot = grubOf(board);
  const { packages, folder, maker } = await grubPackages(context, board);
  const inputs = {
    recipe: RECIPE,
    packages,
    modules: GRUB_MODULES,
    targets: boot.targets.map((target) => [target, GRUB_TARGETS[target]]),
  };
  return cached(context, 'grub', inputs, async (dir) => {
    context.progress({ step: 'grub', message: 'making the boot loader images' });
    const makeImage = await maker();
    for (const target of boot.targets) {
      const { file, modules } = GRUB_TARGETS[target];
      if (file !== null) {
        await makeImage(target, join(dir, file), '/grub', [...modules, ...GRUB_MODULES]);
        continue;
      }
      // Without a disk in the prefix GRUB takes the one that it was started from.
      const core = join(dir, 'core.img');
      await makeImage(target, core, '(,msdos1)/grub', [...modules, ...GRUB_MODULES]);
      await writeFile(join(dir, 'boot.bin'), bootSector(await readFile(join(folder, target, 'boot.img'))));
      checkCore(await readFile(core));
    }
  });
}

type MakeImage = (
  format: string,
  output: string,
  prefix: string,
  modules: readonly string[],
  /** File with commands that the image runs first. */
  config?: string,
) => Promise<void>;

/** GRUB's packages for a board: hashes of them, the folder of its modules, and its image maker. */
export async function grubPackages(
  context: BuildContext,
  board: Board,
): Promise<{ packages: string[]; folder: string; maker: () => Promise<MakeImage> }> {
  const tools = await unpackPackages(context, HOST, TOOL_PACKAGES);
  const names = grubOf(board).targets.map((target) => GRUB_TARGETS[target].package);
  const platforms = await unpackPackages(context, board, names);
  const folder = join(platforms.root, 'usr/lib/grub');
  const packages = [tools.artefact.hash, platforms.artefact.hash];
  return { packages, folder, maker: () => imageMaker(context, tools.root, folder) };
}

async function imageMaker(context: BuildContext, root: string, images: string): Promise<MakeImage> {
  const folder = join(root, 'usr/lib', boardLibraries(HOST).triplet);
  const program = join(root, 'usr/bin/grub-mkimage');
  const libraries = await libraryClosure([program], [], [folder]);
  const loader = [...libraries].find(([name]) => name.startsWith('ld-'))?.[1];
  const loaderPath = loader ?? (await findLoader(folder));
  return async (format, output, prefix, modules, config) => {
    // The image for CDs is made of the modules for disks.
    const modulesFolder = join(images, format.replace(/-eltorito$/, ''));
    const args = ['--library-path', folder, program, '-d', modulesFolder, '-O', format];
    const words = [...args, ...(config === undefined ? [] : ['-c', config]), '-o', output, '-p', prefix, ...modules];
    await runTool(loaderPath, words, { signal: context.signal });
  };
}

async function findLoader(folder: string): Promise<string> {
  const name = (await readdir(folder)).find((each) => each.startsWith('ld-linux'));
  if (!name) throw new NodeosError('SOURCE_MISMATCH', 'the package libc6 holds no program loader');
  return realpath(join(folder, name));
}

/**
 * What grub-bios-setup changes in boot.img for a hard disk: where the core image begins, and no trust in the drive
 * number of BIOSes that give a floppy's for it.
 */
export function bootSector(image: Buffer): Buffer {
  if (image.length !== SECTOR_BYTES || image.readUInt16LE(510) !== 0xaa55)
    throw new NodeosError('SOURCE_MISMATCH', "GRUB's boot.img is not a boot sector");
  const code = Buffer.from(image.subarray(0, BOOT_CODE_BYTES));
  code.writeBigUInt64LE(1n, BOOT_SECTOR.kernelSector);
  code[BOOT_SECTOR.bootDrive] = 0xff;
  // Two no-operations instead of the jump over the check.
  code[BOOT_SECTOR.driveCheck] = 0x90;
  code[BOOT_SECTOR.driveCheck + 1] = 0x90;
  return code;
}

/** The core image loads the rest of itself: its first sector must say that it begins in sector 2, and how long it is. */
function checkCore(core: Buffer): void {
  const start = core.readBigUInt64LE(BLOCK_LIST);
  const sectors = core.readUInt16LE(BLOCK_LIST + 8);
  const rest = Math.ceil(core.length / SECTOR_BYTES) - 1;
  if (start !== 2n || sectors !== rest)
    throw new NodeosError(
      'SOURCE_MISMATCH',
      `GRUB's core image wants ${sectors} sectors from ${start}; it has ${rest} from 2`,
    );
}
