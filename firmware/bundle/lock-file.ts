import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';

const lockSchema = z.looseObject({
  packages: z
    .record(
      z.string(),
      z.looseObject({
        resolved: z.string().optional(),
        integrity: z.string().optional(),
        link: z.boolean().default(false),
        inBundle: z.boolean().default(false),
        dev: z.boolean().default(false),
      }),
    )
    .optional(),
});

/** npm's own names of the lock file, the one that counts first. */
const NPM_LOCKS = ['npm-shrinkwrap.json', 'package-lock.json'] as const;
const OTHER_LOCKS = ['pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'] as const;

/** Name of the lock file that npm reads in a package's folder; null where there is none. */
export function lockFileIn(folder: string): string | null {
  return NPM_LOCKS.find((name) => existsSync(join(folder, name))) ?? null;
}

/** Name of a lock file that npm does not read. */
export function foreignLockFileIn(folder: string): string | null {
  return OTHER_LOCKS.find((name) => existsSync(join(folder, name))) ?? null;
}

/**
 * Makes sure that the lock file says what every production package must hash to; npm itself checks the hashes, but
 * takes a package without one as it comes.
 * @throws NodeosError INPUT_INVALID, LOCK_INCOMPLETE
 */
export async function checkLockFile(folder: string, name: string): Promise<void> {
  const path = join(folder, name);
  const { packages } = parseJson(lockSchema, await readFile(path, 'utf8'), path);
  if (!packages) throw new NodeosError('LOCK_INCOMPLETE', `${path} was written by npm 6 or older`);
  const open = Object.entries(packages)
    .filter(([at, item]) => at.includes('node_modules/') && !item.dev && !item.link && !item.inBundle)
    // A commit names its content by itself.
    .filter(([, item]) => !/^git\+.*#[0-9a-f]{40}$/.test(item.resolved ?? ''))
    .filter(([, item]) => !/^sha(1|256|384|512)-/.test(item.integrity ?? ''))
    .map(([at]) => at.replace(/^.*node_modules\//, ''));
  if (open.length > 0)
    throw new NodeosError('LOCK_INCOMPLETE', `${path} has no integrity value for ${open.sort().join(', ')}`);
}
