import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { type Artefact, cached, hashFile } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { type CpioEntry, encodeCpio } from '../formats/cpio.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;

export interface InitramfsParts {
  readonly init: Artefact;
  /** Seconds since 1970. */
  readonly modified: number;
  /** A root beside init, for barebones. */
  readonly rootfs?: Artefact;
  /**
   * Absolute path → file on the host. Drivers that are built into the kernel ask for it before there is another root
   * (Documentation/driver-api/firmware/direct-fs-lookup.rst, Firmware and initramfs).
   */
  readonly firmware?: ReadonlyMap<string, string>;
}

/** The archive that the kernel unpacks as its first root. @returns a folder with `initramfs.img` */
export async function buildInitramfs(context: BuildContext, parts: InitramfsParts): Promise<Artefact> {
  const { init, modified, rootfs, firmware = new Map<string, string>() } = parts;
  const files: [string, string][] = [];
  for (const [path, file] of firmware) files.push([path, await hashFile(file)]);
  const inputs = {
    recipe: RECIPE,
    init: init.hash,
    modified,
    rootfs: rootfs?.hash ?? null,
    ...(files.length > 0 && { firmware: files }),
  };
  return cached(context, rootfs ? 'barebones' : 'initramfs', inputs, async (dir) => {
    const entries: CpioEntry[] = [
      { kind: 'directory', path: 'dev', mode: 0o755 },
      // The kernel opens it before init has mounted /dev (Documentation/admin-guide/serial-console.rst).
      { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
      { kind: 'file', path: 'init', mode: 0o755, content: await readFile(join(init.dir, 'init')) },
    ];
    for (const [path, file] of firmware) entries.push(...(await firmwareEntries(path, file, entries)));
    const archives = [encodeCpio(entries, modified)].map(compress);
    if (rootfs) {
      const content = await readFile(join(rootfs.dir, 'rootfs.sqfs'));
      // A second archive, as it is: a squashfs is compressed already. The kernel unpacks one after the other.
      archives.push(encodeCpio([{ kind: 'file', path: 'rootfs.sqfs', mode: 0o444, content }], modified));
    }
    await writeFile(join(dir, 'initramfs.img'), Buffer.concat(archives));
  });
}

/** A file with the folders above it that are not there yet. The kernel looks below /lib, which is no link here. */
async function firmwareEntries(path: string, file: string, entries: readonly CpioEntry[]): Promise<CpioEntry[]> {
  const names = path
    .replace(/^\/usr\//, '/')
    .split('/')
    .slice(1);
  const folders = names.slice(0, -1).map((_, index) => names.slice(0, index + 1).join('/'));
  const missing = folders.filter((folder) => !entries.some((entry) => entry.path === folder));
  return [
    ...missing.map((folder): CpioEntry => ({ kind: 'directory', path: folder, mode: 0o755 })),
    { kind: 'file', path: names.join('/'), mode: 0o644, content: await readFile(file) },
  ];
}

/** Padded to four bytes: the kernel looks for the next archive there (buffer-format.rst). */
function compress(archive: Buffer): Buffer {
  const packed = zstdCompressSync(archive, {
    params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  return Buffer.concat([packed, Buffer.alloc(-packed.length & 3)]);
}
