import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { encodeCpio } from '../formats/cpio.ts';
import { type BootEntry, encodeIsoHead, ISO_SECTOR_BYTES, type IsoFile } from '../formats/iso9660.ts';
import { copySparse, writeAll } from '../formats/sparse.ts';
import { AREA, areaNamed, type DiskArea } from '../plan/disk.ts';
import { factoryState, factoryTree } from '../plan/factory-app.ts';
import { grubOf } from '../plan/grub-config.ts';
import type { ImageIdentity } from '../plan/identity.ts';
import { discConfig, ISO_AREA, isoFiles, planIso } from '../plan/iso.ts';
import { diskBytes } from '../plan/layout.ts';
import { placeLoaders } from './disc-loader.ts';
import type { BundledApp } from './factory-app.ts';
import { bootSector } from './image.ts';

export interface IsoRequest {
  /** As isoBoard gives it; the layers are made for it. */
  readonly board: Board;
  readonly identity: ImageIdentity;
  readonly bootCode: Artefact;
  readonly discLoader: Artefact;
  readonly bootfs: Artefact;
  readonly slot: Artefact;
  readonly usersfs: Artefact;
  readonly app: BundledApp | null;
  /** Seconds since 1970. */
  readonly modified: number;
}

/** Raise when the bytes below change. */
const RECIPE = 1;

/** A disc that is a disk too. @returns a folder with `disc.iso` @throws NodeosError LAYOUT_OVERLAP, DISK_FULL */
export async function buildIso(context: BuildContext, request: IsoRequest): Promise<Artefact> {
  const { board, identity, bootCode, discLoader, bootfs, slot, usersfs, app, modified } = request;
  const factory = await factoryArchive(app, modified);
  const areas = planIso(board, factory.length);
  const config = Buffer.from(discConfig(identity.diskId, board.kernel.commandLine, grubOf(board)));
  const layers = [bootCode.hash, discLoader.hash, bootfs.hash, slot.hash, usersfs.hash, app?.sha256 ?? null];
  const inputs = { recipe: RECIPE, areas, diskId: identity.diskId, config: config.toString(), layers, modified };
  return cached(context, 'iso', inputs, async (dir) => {
    context.progress({ step: 'iso', message: 'putting the disc together' });
    const offset = (name: string): number => areaNamed(areas, name).offset;
    const slotImage = join(slot.dir, 'slot.img');
    const names = isoFiles(identity.diskId);
    const bytes = diskBytes(areas);
    const boot: BootEntry[] = [];
    const pieces: [string, Buffer][] = [
      [ISO_AREA.config, config],
      [ISO_AREA.factory, factory],
    ];
    if (grubOf(board).targets.includes('i386-pc')) {
      const places = { core: offset(ISO_AREA.core), disc: offset(ISO_AREA.discLoader) };
      const loaders = await placeLoaders(bootCode, discLoader, places);
      pieces.push([AREA.bootSector, bootSector(areas, identity, loaders.sector)]);
      pieces.push([ISO_AREA.core, loaders.core], [ISO_AREA.discLoader, loaders.disc]);
      // Its first sector loads the rest.
      boot.push({ platform: 'bios', offset: places.disc, bytes: ISO_SECTOR_BYTES });
    } else pieces.push([AREA.bootSector, bootSector(areas, identity, Buffer.alloc(0))]);
    const efi = areaNamed(areas, ISO_AREA.efi);
    if (grubOf(board).targets.some((target) => target !== 'i386-pc')) {
      pieces.push([ISO_AREA.efi, await readFile(join(discLoader.dir, 'efi.fat'))]);
      boot.push({ platform: 'uefi', offset: efi.offset, bytes: efi.bytes });
    }
    const slotBytes = (await stat(slotImage)).size;
    const files: IsoFile[] = [
      { name: names.mark, offset: offset(ISO_AREA.config), bytes: config.length },
      { name: names.config, offset: offset(ISO_AREA.config), bytes: config.length },
      { name: names.disk, offset: 0, bytes: offset(AREA.slotA) + slotBytes },
      { name: names.slot, offset: offset(AREA.slotA), bytes: slotBytes },
      { name: names.factory, offset: offset(ISO_AREA.factory), bytes: factory.length },
    ];
    pieces.push([ISO_AREA.head, encodeIsoHead({ label: 'NODEOS', bytes, modified, files, boot })]);
    const disc = await open(join(dir, 'disc.iso'), 'w');
    try {
      await disc.truncate(bytes);
      for (const [name, content] of pieces) await writeAll(disc, fitting(areas, name, content), offset(name));
      const contents = [
        [AREA.boot, join(bootfs.dir, 'boot.fat')],
        [AREA.slotA, slotImage],
        [AREA.data, join(usersfs.dir, 'data.ext4')],
      ] as const;
      for (const [name, file] of contents) await copySparse(file, disc, offset(name), context.signal);
    } finally {
      await disc.close();
    }
  });
}

function fitting(areas: readonly DiskArea[], name: string, content: Buffer): Buffer {
  const area = areaNamed(areas, name);
  if (content.length <= area.bytes) return content;
  throw new NodeosError('LAYOUT_OVERLAP', `${name} has ${content.length} bytes; ${area.bytes} are reserved for it`);
}

/** The data folder where the medium takes no writes: an archive that the kernel unpacks beside init. */
async function factoryArchive(app: BundledApp | null, modified: number): Promise<Buffer> {
  const { folders, files } = factoryTree(app);
  const contents = files.map(async ({ path, mode, content }) => {
    const bytes = content === 'bundle' ? await readFile(app?.file ?? '') : Buffer.from(app ? factoryState(app) : '');
    return { kind: 'file', path: `data${path}`, mode, content: bytes } as const;
  });
  return encodeCpio(
    [
      { kind: 'directory', path: 'data', mode: 0o755 },
      ...folders.map(({ path, mode }) => ({ kind: 'directory', path: `data${path}`, mode }) as const),
      ...(await Promise.all(contents)),
    ],
    modified,
  );
}
