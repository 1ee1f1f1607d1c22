import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import { listPackageFiles } from '@nodeos/firmware/bundle/npm-package.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { INSTALLED } from './sync.ts';

/** What a device would get as a bundle, with its files where they can be sent one by one. */
export interface DevelopmentTree {
  readonly manifest: AppManifest;
  /** Path below the app → file on this computer. */
  files(): Promise<Map<string, string>>;
}

/**
 * Bundles the app as for a release; its own files are then taken from its folder as they are each time, its dependencies and
 * all machine code, its own too, from the bundle: that is for the board.
 * @param scratch an empty folder
 * @throws as bundleApp does
 */
export async function developmentTree(
  context: BuildContext,
  folder: string,
  board: Board,
  scratch: string,
): Promise<DevelopmentTree> {
  const { file, manifest } = await bundleApp(context, { folder, board, out: join(scratch, 'app.sqfs') });
  const unpacked = join(scratch, 'app');
  await runTool('unsquashfs', ['-no-progress', '-no-xattrs', '-d', unpacked, file], { signal: context.signal });
  const made = (await filesBelow(unpacked)).filter(([path]) => isMade(path));
  return {
    manifest,
    async files() {
      const own = (await listPackageFiles(context, folder)).filter((path) => !isMade(path));
      for (const path of own) await refuseWayOut(folder, path);
      return new Map([...own.map((path) => [path, join(folder, path)] as const), ...made]);
    },
  };
}

/** Whether a file of the app is what the bundler installed or compiled, not what stands in the developer's folder. */
function isMade(path: string): boolean {
  return path.startsWith(INSTALLED) || path.endsWith('.node');
}

async function filesBelow(root: string): Promise<[string, string][]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  // The links in .bin are for shells; a start command does not go through them.
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [relative(root, path).split(sep).join('/'), path]);
}

/** @throws NodeosError INPUT_INVALID where a link leads out of the app's folder */
export async function refuseWayOut(folder: string, path: string): Promise<void> {
  const whole = join(folder, path);
  const inside = await realpath(folder);
  const real = await realpath(whole).catch(() => whole);
  if (!(await lstat(whole).catch(() => null)) || real.startsWith(inside + sep) || real === whole) return;
  throw new NodeosError('INPUT_INVALID', `${path} is a link out of the app’s folder; it is not sent`, {
    hint: 'Put a copy of the file in its place, or leave it out with `files` in package.json.',
  });
}
