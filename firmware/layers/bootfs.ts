import { createHash } from 'node:crypto';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { type FatFile, makeFat } from '../formats/fat.ts';
import { AREA, areaNamed, planDisk } from '../plan/disk.ts';
import { grubConfig, grubOf, uefiFiles } from '../plan/grub-config.ts';
import type { ImageIdentity } from '../plan/identity.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;

/**
 * The first partition: boot loader for UEFI, its script, pointer, counter, fleet file.
 * @returns a folder with `boot.fat`
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function buildBootfs(
  context: BuildContext,
  request: {
    readonly board: Board;
    readonly identity: ImageIdentity;
    readonly grub: Artefact;
    readonly fleetFile: FleetFile | null;
    /** Seconds since 1970. */
    readonly modified: number;
  },
): Promise<Artefact> {
  const { board, identity, grub, fleetFile, modified } = request;
  const boot = grubOf(board);
  const area = areaNamed(planDisk(board), AREA.boot);
  const label = area.partition?.label ?? '';
  const texts: Record<string, string | Buffer> = {
    'grub/grub.cfg': grubConfig(identity.diskId, boot.targets),
    'grub/grubenv': renderEnvironmentBlock({ nodeos_slot: 'a' }),
    'grub/attempts': renderEnvironmentBlock({ nodeos_attempts: '0' }),
    ...(fleetFile && { 'fleet.json': `${JSON.stringify(fleetFile, null, 2)}\n` }),
  };
  const inputs = {
    recipe: RECIPE,
    bytes: area.bytes,
    label,
    volumeId: identity.bootVolumeId,
    grub: grub.hash,
    targets: boot.targets,
    texts: Object.entries(texts).map(([path, text]) => [path, createHash('sha256').update(text).digest('hex')]),
    modified,
  };
  return cached(context, 'bootfs', inputs, async (dir) => {
    const files: FatFile[] = [];
    const scratch = join(dir, 'scratch');
    await mkdir(scratch);
    for (const [index, [path, text]] of Object.entries(texts).entries()) {
      const source = join(scratch, String(index));
      await writeFile(source, text);
      files.push({ path, source });
    }
    for (const file of uefiFiles(boot)) {
      const source = join(scratch, file);
      await copyFile(join(grub.dir, file), source);
      files.push({ path: `EFI/BOOT/${file}`, source });
    }
    const output = join(dir, 'boot.fat');
    const volumeId = identity.bootVolumeId;
    await makeFat({ output, bytes: area.bytes, label, volumeId, modified, files }, context.signal);
    await rm(scratch, { recursive: true });
  });
}
