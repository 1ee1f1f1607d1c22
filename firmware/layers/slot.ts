import { createHash } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type SlotManifest, slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { type FatFile, fatBytesFor, foldersOf, makeFat } from '../formats/fat.ts';
import { type BootFile, slotBootFiles } from '../plan/boot-files.ts';
import { AREA, areaNamed, planDisk } from '../plan/disk.ts';
import type { ImageIdentity } from '../plan/identity.ts';
import { formatBytes } from '../plan/render.ts';
import { describeFiles, gatherFiles } from './gather-files.ts';

export interface SlotRequest {
  readonly board: Board;
  readonly systemVersion: string;
  readonly identity: ImageIdentity;
  readonly kernel: Artefact;
  readonly initramfs: Artefact;
  readonly rootfs: Artefact;
  readonly bootCode: Artefact;
  readonly deviceTrees: Artefact;
  readonly nodeVersion: string;
  /** TUF root metadata that the device trusts from the factory on. */
  readonly trustRoot: Buffer | null;
  /** Seconds since 1970. */
  readonly buildTime: number;
}

/** Raise when the bytes below change. */
const RECIPE = 2;

/**
 * The slot image: everything of one system release in one FAT volume.
 * @returns a folder with `slot.img` and `manifest.json`
 * @throws NodeosError SLOT_TOO_SMALL, INPUT_INVALID for a version that is not semver
 */
export async function buildSlot(context: BuildContext, request: SlotRequest): Promise<Artefact> {
  const { board, systemVersion, identity, kernel, initramfs, rootfs, trustRoot, buildTime } = request;
  const { bootCode, deviceTrees } = request;
  const planned: BootFile[] = [
    ...slotBootFiles(board, { diskId: identity.diskId }),
    ...(trustRoot ? [{ path: 'root.json', source: '', content: { bytes: trustRoot } }] : []),
  ];
  const inputs = {
    recipe: RECIPE,
    board: board.name,
    boot: [board.boot.chain, board.boot.trial],
    commandLine: board.kernel.commandLine,
    slotMiB: board.partitions.slotMiB,
    systemVersion,
    volumeId: identity.slotVolumeId,
    layers: [kernel.hash, initramfs.hash, rootfs.hash, bootCode.hash, deviceTrees.hash],
    files: describeFiles(planned),
    nodeVersion: request.nodeVersion,
    buildTime,
  };
  return cached(context, 'slot', inputs, async (dir) => {
    const files: FatFile[] = [
      { path: 'kernel', source: join(kernel.dir, 'kernel') },
      { path: 'initramfs.img', source: join(initramfs.dir, 'initramfs.img') },
      { path: 'rootfs.sqfs', source: join(rootfs.dir, 'rootfs.sqfs') },
    ];
    const scratch = join(dir, 'scratch');
    files.push(...(await gatherFiles(planned, { code: bootCode, trees: deviceTrees }, scratch)));
    const manifest = join(dir, 'manifest.json');
    await writeFile(manifest, `${JSON.stringify(await makeManifest(request, files), null, 1)}\n`);
    files.push({ path: 'manifest.json', source: manifest });
    const sizes = await Promise.all(files.map(async ({ source }) => (await stat(source)).size));
    // Folders take clusters too; and the last one stays free (rpi-eeprom, release notes of 2024-01-18).
    const bytes = fatBytesFor([...sizes, ...foldersOf(files).map(() => 1), 1]);
    const area = areaNamed(planDisk(board), AREA.slotA);
    if (bytes > area.bytes)
      throw new NodeosError(
        'SLOT_TOO_SMALL',
        `the system needs a slot of ${formatBytes(bytes)}, but the slots of ${board.name} have ${formatBytes(area.bytes)}`,
      );
    context.progress({ step: 'slot', message: `writing the slot image, ${formatBytes(bytes)}` });
    const label = area.partition?.label ?? '';
    const output = join(dir, 'slot.img');
    await makeFat(
      { output, bytes, label, volumeId: identity.slotVolumeId, modified: buildTime, files },
      context.signal,
    );
    await rm(scratch, { recursive: true });
  });
}

async function makeManifest(request: SlotRequest, files: readonly FatFile[]): Promise<SlotManifest> {
  const { board, systemVersion, kernel, buildTime, nodeVersion } = request;
  const entries = await Promise.all(
    files.map(async ({ path, source }) => {
      const bytes = await readFile(source);
      return [path, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }] as const;
    }),
  );
  const manifest: SlotManifest = {
    format: 1,
    board: board.name,
    version: systemVersion,
    buildTime,
    boot: { chain: board.boot.chain, trial: board.boot.trial },
    commandLine: board.kernel.commandLine,
    kernelRelease: (await readFile(join(kernel.dir, 'version'), 'utf8')).trim(),
    nodeVersion,
    files: Object.fromEntries(entries),
  };
  return validate(slotManifestSchema, manifest, 'manifest.json');
}
