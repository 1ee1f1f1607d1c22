import { existsSync } from 'node:fs';
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { extractPackage, fetchDebianPackages } from '../sources/debian-packages.ts';

/** Unpacked Debian packages. */
export interface PackageTree {
  readonly artefact: Artefact;
  /** Folder that holds `usr`, `etc`, … of all packages together. */
  readonly root: string;
  /** Seconds since 1970 of the newest entry in the packages' changelogs: a date that depends on the input alone. */
  readonly newestChange: number;
}

/**
 * Fetches packages and unpacks them into one tree.
 * @throws NodeosError of the sources; SOURCE_MISMATCH for a package without a dated changelog
 */
export async function unpackPackages(
  context: BuildContext,
  board: { readonly architecture: Pick<Board['architecture'], 'debian'> },
  names: readonly string[],
): Promise<PackageTree> {
  const packages = await fetchDebianPackages(context, { architecture: board.architecture.debian, packages: names });
  const inputs = packages.map(({ name, version, sha256 }) => ({ name, version, sha256 }));
  const artefact = await cached(context, 'packages', inputs, async (dir) => {
    const root = join(dir, 'root');
    context.progress({ step: 'packages', message: `unpacking ${packages.length} packages` });
    for (const item of packages) await extractPackage(item, root, context.signal);
    let newest = 0;
    for (const { name } of packages) newest = Math.max(newest, await lastChange(root, name));
    await writeFile(join(dir, 'newest-change'), `${newest}\n`);
    await writeFile(join(dir, 'packages.json'), `${JSON.stringify(inputs, null, 1)}\n`);
  });
  const newestChange = Number(await readFile(join(artefact.dir, 'newest-change'), 'utf8'));
  return { artefact, root: join(artefact.dir, 'root'), newestChange };
}

/**
 * Date of a package's newest changelog entry (Debian Policy 4.4 and 12.7), in seconds since 1970. A package may only
 * link to another one of its source (12.5); dpkg-deb makes nothing newer than that entry, and the link is as new as it.
 */
export async function lastChange(root: string, name: string): Promise<number> {
  const folder = join(root, 'usr/share/doc', name);
  if (!existsSync(folder)) return Math.floor((await lstat(folder)).mtimeMs / 1000);
  const files = (await readdir(folder)).filter((file) => /^changelog(\.Debian)?(\.[a-z0-9]+)?\.gz$/.test(file));
  const dates = await Promise.all(
    files.map(async (file) => {
      const text = gunzipSync(await readFile(join(folder, file))).toString();
      return Date.parse(/^ -- .*> {2}(.*)$/m.exec(text)?.[1] ?? '') / 1000;
    }),
  );
  const newest = Math.max(...dates.filter((date) => !Number.isNaN(date)));
  if (!Number.isFinite(newest))
    throw new NodeosError('SOURCE_MISMATCH', `the package ${name} holds no dated changelog`);
  return newest;
}
