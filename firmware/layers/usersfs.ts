import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { type Ext4Folder, makeExt4 } from '../formats/ext4.ts';
import { AREA, areaNamed, planDisk } from '../plan/disk.ts';
import type { ImageIdentity } from '../plan/identity.ts';

/** Users' homes, and what is the system's own. */
const FOLDERS: readonly Ext4Folder[] = [
  { path: '/users', mode: 0o755 },
  { path: '/.system', mode: 0o700 },
];

/**
 * The data partition as it is flashed.
 * @returns a folder with `data.ext4`
 */
export async function buildUsersfs(
  context: BuildContext,
  board: Board,
  identity: ImageIdentity,
  modified: number,
): Promise<Artefact> {
  const area = areaNamed(planDisk(board), AREA.data);
  const label = area.partition?.label ?? '';
  const inputs = { recipe: 4, bytes: area.bytes, label, uuid: identity.dataUuid, folders: FOLDERS, modified };
  return cached(context, 'usersfs', inputs, async (dir) => {
    const output = join(dir, 'data.ext4');
    await makeExt4(
      { output, bytes: area.bytes, label, uuid: identity.dataUuid, modified, folders: FOLDERS },
      context.signal,
    );
  });
}
