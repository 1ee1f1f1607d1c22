/** A prebuilt addon as `prebuildify` names it: dot-separated tags before `.node`. */
export interface PrebuildChoice {
  readonly file: string;
  readonly nodeApi: boolean;
}

/** What a prebuilt addon must fit. */
export interface PrebuildTarget {
  /** Node's process.arch. */
  readonly architecture: string;
  /** NODE_MODULE_VERSION of the target's Node; null where only Node-API addons may be taken. */
  readonly modulesVersion: string | null;
}

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
 * Picks a file as node-gyp-build does: for Node (not Electron), glibc, Node-API or the exact module version;
 * the most specific one wins. Returns null where none fits.
 */
export function choosePrebuild(files: readonly string[], target: PrebuildTarget): PrebuildChoice | null {
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
    .filter(({ tags }) => !tags.some((tag) => /^armv\d$/.test(tag)) || target.architecture.startsWith('arm'))
    .filter(({ abi, nodeApi }) => abi === null || nodeApi || abi === target.modulesVersion);
  // More tags say more about the target; among equals the name decides, so that every machine picks the same file.
  fitting.sort((a, b) => b.tags.length - a.tags.length || (a.file < b.file ? -1 : 1));
  const best = fitting[0];
  return best ? { file: best.file, nodeApi: best.nodeApi } : null;
}
