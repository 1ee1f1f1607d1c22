import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { makeFat } from '../formats/fat.ts';
import { bootFiles } from '../plan/boot-files.ts';
import { AREA, areaNamed, planDisk } from '../plan/disk.ts';
import type { ImageIdentity } from '../plan/identity.ts';
import { describeFiles, gatherFiles } from './gather-files.ts';

/** Raise when the bytes below change. */
const RECIPE = 2;

/**
 * The first partition: what the boot chain reads there, the fleet file.
 * @returns a folder with `boot.fat`
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function buildBootfs(
  context: BuildContext,
  request: {
    readonly board: Board;
    readonly identity: ImageIdentity;
    readonly bootCode: Artefact;
    readonly fleetFile: FleetFile | null;
    /** Seconds since 1970. */
    readonly modified: number;
  },
): Promise<Artefact> {
  const { board, identity, bootCode, fleetFile, modified } = request;
  const area = areaNamed(planDisk(board), AREA.boot);
  const label = area.partition?.label ?? '';
  const planned = bootFiles(board, { diskId: identity.diskId, modified }, fleetFile);
  const inputs = {
    recipe: RECIPE,
    bytes: area.bytes,
    label,
    volumeId: identity.bootVolumeId,
    bootCode: bootCode.hash,
    files: describeFiles(planned),
    modified,
  };
  return cached(context, 'bootfs', inputs, async (dir) => {
    const scratch = join(dir, 'scratch');
    const files = await gatherFiles(planned, { code: bootCode }, scratch);
    const output = join(dir, 'boot.fat');
    const volumeId = identity.bootVolumeId;
    await makeFat({ output, bytes: area.bytes, label, volumeId, modified, files }, context.signal);
    await rm(scratch, { recursive: true });
  });
}
