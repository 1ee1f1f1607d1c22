import type { AddonTarget } from './addon-target.ts';

/** What the name of a prebuilt addon tells of. */
export type PrebuildTarget = Pick<AddonTarget, 'architecture' | 'armVersion' | 'modulesVersion'>;

/** True where a folder below prebuilds/ (`linux-x64`, `darwin-x64+arm64`) is for the target. */
export function folderFits(folder: string, target: PrebuildTarget): boolean {
  const dash = folder.indexOf('-');
  return (
    folder.slice(0, dash) === 'linux' &&
    folder
      .slice(dash + 1)
      .split('+')
      .includes(target.architecture)
  );
}

/**
 * Files that node-gyp-build would load, named as `prebuildify` does with dot-separated tags before `.node`: for Node
 * (not Electron), glibc, the processor's version, Node-API or the exact module version; the most specific one first.
 */
export function rankPrebuilds(files: readonly string[], target: PrebuildTarget): string[] {
  const fitting = files
    .filter((file) => file.endsWith('.node'))
    .map((file) => ({ file, tags: file.slice(0, -'.node'.length).split('.') }))
    .map(({ file, tags }) => ({
      file,
      tags,
      nodeApi: tags.includes('napi'),
      abi: tags.find((tag) => /^abi\d+$/.test(tag))?.slice(3) ?? null,
    }))
    .filter(({ tags }) => !tags.some((tag) => ['electron', 'node-webkit', 'musl', 'uvless'].includes(tag)))
    .filter(({ tags }) => tags.every((tag) => !/^armv\d/.test(tag) || tag === `armv${target.armVersion}`))
    .filter(({ abi, nodeApi }) => abi === null || nodeApi || abi === target.modulesVersion);
  // More tags say more about the target; among equals the name decides, so that every machine picks the same file.
  fitting.sort((a, b) => b.tags.length - a.tags.length || (a.file < b.file ? -1 : 1));
  return fitting.map(({ file }) => file);
}
