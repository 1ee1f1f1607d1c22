import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { type CpioEntry, encodeCpio } from '../formats/cpio.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;

/**
 * The archive that the kernel unpacks as its first root: init, and for barebones a root beside it.
 * @param modified seconds since 1970
 * @returns a folder with `initramfs.img`
 */
export async function buildInitramfs(
  context: BuildContext,
  init: Artefact,
  modified: number,
  rootfs?: Artefact,
): Promise<Artefact> {
  const inputs = { recipe: RECIPE, init: init.hash, modified, rootfs: rootfs?.hash ?? null };
  return cached(context, rootfs ? 'barebones' : 'initramfs', inputs, async (dir) => {
    const entries: CpioEntry[] = [
      { kind: 'directory', path: 'dev', mode: 0o755 },
      // The kernel opens it before init has mounted /dev (Documentation/admin-guide/serial-console.rst).
      { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
      { kind: 'file', path: 'init', mode: 0o755, content: await readFile(join(init.dir, 'init')) },
    ];
    const archives = [encodeCpio(entries, modified)].map(compress);
    if (rootfs) {
      const content = await readFile(join(rootfs.dir, 'rootfs.sqfs'));
      // A second archive, as it is: a squashfs is compressed already. The kernel unpacks one after the other.
      archives.push(encodeCpio([{ kind: 'file', path: 'rootfs.sqfs', mode: 0o444, content }], modified));
    }
    await writeFile(join(dir, 'initramfs.img'), Buffer.concat(archives));
  });
}

/** Padded to four bytes: the kernel looks for the next archive there (buffer-format.rst). */
function compress(archive: Buffer): Buffer {
  const packed = zstdCompressSync(archive, {
    params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  return Buffer.concat([packed, Buffer.alloc(-packed.length & 3)]);
}
