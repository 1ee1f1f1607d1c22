import { copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { buildGrub } from './grub.ts';
import { unpackPackages } from './packages.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;
/**
 * Where the Raspberry Pi's firmware finds room for the addresses of kernel and device tree, and how it knows that the
 * stub has it (Trusted Firmware-A, plat/rpi/rpi4/aarch64/armstub8_header.S). Without, it is code for another loader.
 */
const STUB_MAGIC = { offset: 0xf0, value: 0x5afe570b } as const;

interface PackageFile {
  readonly package: string;
  readonly file: string;
}

/**
 * What runs before the kernel: GRUB's images, or files of Debian packages as they are.
 * @returns a folder with those files under their last names
 * @throws NodeosError of the sources; SOURCE_MISMATCH naming a file that its package does not hold or that is not what it
 *   has to be
 */
export async function buildBootCode(context: BuildContext, board: Board): Promise<Artefact> {
  const { boot } = board;
  switch (boot.chain) {
    case 'grub':
      return buildGrub(context, board);
    case 'raspberrypi': {
      const { firmware, stub } = boot;
      const files = (firmware?.files ?? []).map((file) => ({ package: firmware?.package ?? '', file }));
      return copyFiles(context, board, stub === null ? files : [...files, stub], (name, bytes) => {
        if (stub !== null && name === basename(stub.file)) checkStub(name, bytes);
      });
    }
    case 'u-boot':
      return copyFiles(context, board, [boot.loader], (name, bytes) => {
        if (bytes.length <= boot.loader.bytes) return;
        throw new NodeosError(
          'LAYOUT_OVERLAP',
          `${name} has ${bytes.length} bytes; ${boot.loader.bytes} are reserved for it`,
        );
      });
  }
}

async function copyFiles(
  context: BuildContext,
  board: Board,
  files: readonly PackageFile[],
  check: (name: string, bytes: Buffer) => void,
): Promise<Artefact> {
  const names = [...new Set(files.map((file) => file.package))].sort();
  const packages = names.length === 0 ? null : await unpackPackages(context, board, names);
  const inputs = { recipe: RECIPE, packages: packages?.artefact.hash ?? null, files: files.map(({ file }) => file) };
  return cached(context, 'boot-code', inputs, async (dir) => {
    for (const { package: name, file } of files) {
      const source = join(packages?.root ?? '', file);
      const bytes = await readFile(source).catch((cause: NodeJS.ErrnoException) => {
        throw new NodeosError('SOURCE_MISMATCH', `${board.name} needs ${file}, which ${name} does not hold`, {
          hint: 'Correct boot in the board file.',
          cause,
        });
      });
      check(basename(file), bytes);
      await copyFile(source, join(dir, basename(file)));
    }
  });
}

function checkStub(name: string, bytes: Buffer): void {
  const { offset, value } = STUB_MAGIC;
  if (bytes.length >= offset + 4 && bytes.readUInt32LE(offset) === value) return;
  throw new NodeosError('SOURCE_MISMATCH', `${name} is not made to stand in the place of the firmware's stub`, {
    hint: 'Set boot.stub to null in the board file: the firmware then starts the kernel by its own stub.',
  });
}
