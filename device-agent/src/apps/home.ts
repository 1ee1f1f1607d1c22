import { chown, mkdir, readdir, stat } from 'node:fs/promises';

const FIRST_APP_UID = 10_000;

/** The user id that follows the highest one given so far; homes of removed apps keep theirs. */
export function nextUid(owners: readonly number[]): number {
  return Math.max(FIRST_APP_UID - 1, ...owners) + 1;
}

/** One home is made after the other: two apps must not get the same user id. */
let queue: Promise<unknown> = Promise.resolve();

export interface Home {
  readonly home: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The app's home and the ids that own it; all are made when it is started for the first time.
 * @param users folder of all homes
 */
export function homeOf(users: string, name: string): Promise<Home> {
  const result = queue.then(() => findOrMake(users, name));
  queue = result.catch(() => {});
  return result;
}

async function findOrMake(users: string, name: string): Promise<Home> {
  const home = `${users}/${name}`;
  await mkdir(users, { recursive: true });
  const known = await stat(home).catch(() => null);
  if (known && known.uid > 0 && known.gid > 0) return { home, uid: known.uid, gid: known.gid };
  const names = await readdir(users);
  const owners = await Promise.all(names.map(async (entry) => (await stat(`${users}/${entry}`)).uid));
  const uid = nextUid(owners);
  // A folder without an owner of its own is one whose making a power cut ended.
  if (!known) await mkdir(home, { mode: 0o755 });
  await chown(home, uid, uid);
  return { home, uid, gid: uid };
}
