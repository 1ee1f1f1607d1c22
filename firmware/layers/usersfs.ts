import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { makeExt4 } from '../formats/ext4.ts';
import { AREA, areaNamed, planDisk } from '../plan/disk.ts';
import { factoryState, factoryTree } from '../plan/factory-app.ts';
import type { ImageIdentity } from '../plan/identity.ts';
import type { BundledApp } from './factory-app.ts';

/**
 * The data partition as it is flashed: empty, or with a first app as the agent would have installed it.
 * @returns a folder with `data.ext4`
 */
export async function buildUsersfs(
  context: BuildContext,
  board: Board,
  identity: ImageIdentity,
  modified: number,
  app: BundledApp | null = null,
): Promise<Artefact> {
  const area = areaNamed(planDisk(board), AREA.data);
  const label = area.partition?.label ?? '';
  const { folders, files } = factoryTree(app);
  const inputs = {
    recipe: 5,
    bytes: area.bytes,
    label,
    uuid: identity.dataUuid,
    folders,
    modified,
    ...(app && { app: { manifest: app.manifest, sha256: app.sha256 }, files }),
  };
  return cached(context, 'usersfs', inputs, async (dir) => {
    const output = join(dir, 'data.ext4');
    const state = join(dir, 'state.json');
    if (app) await writeFile(state, factoryState(app));
    const sources = files.map(({ path, mode, content }) => ({
      path,
      mode,
      source: content === 'state' ? state : (app?.file ?? ''),
    }));
    const common = { output, bytes: area.bytes, label, uuid: identity.dataUuid, modified };
    await makeExt4({ ...common, folders, files: sources }, context.signal);
    await rm(state, { force: true });
  });
}
