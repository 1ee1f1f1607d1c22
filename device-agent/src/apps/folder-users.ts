import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import type { UserGrant } from '@nodeos/contracts/user-grant.ts';
import type { InstalledApp } from '../ports.ts';

/** Sees the homes of the others, and starts before them. */
export const FIRST_USER = 'root';
const NAME = /^[a-z][a-z0-9-]{0,31}$/;
const GRANTS = '.grants';
const STOP_GRACE_MS = 5_000;
/** Without a file of its own: what contracts/user-grant.ts says; the schemas are loaded only for a file. */
const DEFAULT_GRANT: UserGrant = {
  ...{ devices: [], network: 'host', memoryMiB: 128, env: {} },
  ...{ ports: [], web: false, forward: {} },
};

/**
 * Users that are there because their folder is: each with an executable file `init` of its own. Names that begin with a
 * dot and `lost+found` are no users; folders without `init` are homes of apps.
 * @param onFault told, in one sentence, why a folder with an `init` is not started
 * @returns as apps without a bundle, `root` first, the others by name
 */
export async function findFolderUsers(users: string, onFault: (reason: string) => void): Promise<InstalledApp[]> {
  const names = await readdir(users).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => !name.startsWith('.') && name !== 'lost+found')
      .sort((a, b) => Number(b === FIRST_USER) - Number(a === FIRST_USER) || (a < b ? -1 : 1))
      .map((name) =>
        asUser(users, name).catch((error: Error) => {
          onFault(`USER_INVALID: ${name} is not started: ${error.message}`);
          return null;
        }),
      ),
  );
  return found.filter((user) => user !== null);
}

async function asUser(users: string, name: string): Promise<InstalledApp | null> {
  const home = await lstat(`${users}/${name}`);
  const init = home.isDirectory() ? await lstat(`${users}/${name}/init`).catch(() => null) : null;
  if (init === null) return null;
  if (!NAME.test(name))
    throw new Error('a user’s name is lower-case letters, digits and dashes, at most 32, letter first');
  if (home.uid === 0 || home.gid === 0) throw new Error('its folder belongs to uid or gid 0, which no user may have');
  if (!init.isFile()) throw new Error('its init is not a file');
  if (init.uid !== home.uid) throw new Error(`its init belongs to uid ${init.uid}, the folder to ${home.uid}`);
  if ((init.mode & 0o100) === 0) throw new Error('its init is not executable');
  return toApp(name, await readGrant(users, name));
}

async function readGrant(users: string, name: string): Promise<UserGrant> {
  const path = `${users}/${GRANTS}/${name}.json`;
  for (const each of [`${users}/${GRANTS}`, path]) {
    const status = await stat(each).catch(() => null);
    if (status === null) return DEFAULT_GRANT;
    if (status.uid !== 0 || (status.mode & 0o022) !== 0) throw new Error(`${each} can be written by others than root`);
  }
  const [{ parseJson }, { userGrantSchema }, text] = await Promise.all([
    import('@nodeos/contracts/validate.ts'),
    import('@nodeos/contracts/user-grant.ts'),
    readFile(path, 'utf8'),
  ]);
  return parseJson(userGrantSchema, text, path);
}

function toApp(name: string, { web, diskMiB, ...grant }: UserGrant): InstalledApp {
  const limits = { probe: null, soakMs: 0, swap: 'stop-first', stopGraceMs: STOP_GRACE_MS } as const;
  const what = { format: 1, name, version: '0.0.0', description: '', start: ['/init'], abi: 'any' } as const;
  const granted = { ...grant, ...(web && { web }), ...(diskMiB !== undefined && { diskMiB }) };
  const manifest = { ...what, ...limits, ...granted, start: [...what.start] };
  return { manifest, target: `users/${name}`, sha256: '0'.repeat(64), bundlePath: null, deployment: null };
}
