import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { type Board, boardAbi } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import { compileAddon } from './addon-compiler.ts';
import { type AddonTarget, addonMisfit, addonTarget } from './addon-target.ts';
import { isElf, readElf } from './elf.ts';
import { engineMisfit } from './engines.ts';
import { admits, boardPlatform } from './platform-packages.ts';
import { folderFits, rankPrebuilds } from './prebuilds.ts';

/** Files that only a compiler reads. */
const SOURCE_FILE = /\.(c|cc|cpp|cxx|h|hh|hpp|hxx|o|a|d|gyp|gypi|mk|vcxproj|def)$/;

interface NativePackage {
  /** Path below node_modules, e.g. `xxhash-addon`; null for the app itself. */
  readonly name: string | null;
  readonly folder: string;
  /** True where the package declares other systems than the board's: npm installs those only by accident. */
  readonly foreign: boolean;
  readonly optional: boolean;
  /** Its package.json, for what it asks of Node. */
  readonly manifest: unknown;
}

/**
 * Leaves in an installed app exactly the native addons that fit the board: prebuilt ones where the packages bring
 * them, compiled ones else. Removes foreign prebuilds, sources and build leftovers.
 * @returns the ABI of the app: `any` without native code
 * @throws NodeosError RELEASE_INCOMPATIBLE, TOOL_MISSING, TOOL_FAILED
 */
export async function settleNativeAddons(context: BuildContext, folder: string, board: Board): Promise<string> {
  const packages = await findNativePackages(folder, board);
  const target = packages.length > 0 ? await addonTarget(context, board) : null;
  if (target) {
    const toCompile = await chooseAddons(context, folder, packages, board, target);
    // What cannot be helped is said before anything is compiled.
    await checkAddons(folder, board, target);
    for (const item of toCompile) await compilePackage(context, folder, item, board);
    for (const { folder: each } of packages) if (existsSync(each)) await removeSources(each);
    await checkAddons(folder, board, target);
  }
  return (await hasNativeCode(folder)) ? boardAbi(board) : 'any';
}

/** Leaves prebuilt addons where they fit. @returns the packages that must be compiled, of which no addon is left */
async function chooseAddons(
  context: BuildContext,
  app: string,
  packages: readonly NativePackage[],
  board: Board,
  target: AddonTarget,
): Promise<NativePackage[]> {
  const shipped = await shippedLibraries(app);
  const toCompile: NativePackage[] = [];
  for (const item of packages) {
    const engine = item.name === null ? null : engineMisfit(item.manifest, target.nodeVersion);
    if (item.foreign || (engine !== null && item.optional)) {
      if (engine !== null) context.progress({ step: 'bundle', message: `${item.name} ${engine}: left out` });
      await rm(item.folder, { recursive: true });
      continue;
    }
    // Machine code for another Node may load and then crash the whole process.
    if (engine !== null) throw unfit(board, target, [`${item.name} (${engine})`]);
    const kept = (await keepPrebuild(item, target, shipped)) ?? (await keepFitting(item, target, shipped));
    const compiles = kept.length === 0 && existsSync(join(item.folder, 'binding.gyp'));
    if (kept.length > 0 || compiles) await removeAddonsBut(item.folder, kept);
    if (compiles) toCompile.push(item);
  }
  return toCompile;
}

async function compilePackage(context: BuildContext, app: string, item: NativePackage, board: Board): Promise<void> {
  await rm(join(item.folder, 'build'), { recursive: true, force: true });
  try {
    await compileAddon(context, app, item.name, board);
  } catch (error) {
    if (!item.optional || context.signal.aborted) throw error;
    context.progress({ step: 'bundle', message: `${item.name} is optional and does not compile: left out` });
    return rm(item.folder, { recursive: true });
  }
  await removeBuildFolder(item.folder);
  await stripAddons(item.folder, board);
}

/** The app and every installed package that has a binding.gyp, a prebuilds folder or a .node file of its own. */
async function findNativePackages(app: string, board: Board): Promise<NativePackage[]> {
  const owners = new Set<string | null>();
  for (const path of await listFiles(app)) {
    const owner = path.startsWith('node_modules/') ? owningPackage(path.slice('node_modules/'.length)) : null;
    const inside = owner === null ? path : path.slice(`node_modules/${owner}/`.length);
    if (inside === 'binding.gyp' || inside.startsWith('prebuilds/') || inside.endsWith('.node')) owners.add(owner);
  }
  const lockPath = join(app, 'node_modules/.package-lock.json');
  const lock = existsSync(lockPath) ? JSON.parse(await readFile(lockPath, 'utf8')) : {};
  const found: NativePackage[] = [];
  for (const name of [...owners].sort()) {
    const folder = name === null ? app : join(app, 'node_modules', name);
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const foreign =
      name !== null &&
      !admits({ os: list(manifest.os), cpu: list(manifest.cpu), libc: list(manifest.libc) }, boardPlatform(board));
    found.push({
      name,
      folder,
      foreign,
      optional: lock.packages?.[`node_modules/${name}`]?.optional === true,
      manifest,
    });
  }
  return found;
}

/** A field of package.json that may be a name, a list of names or missing. */
function list(field: unknown): string[] {
  return [field ?? []].flat().map(String);
}

/** `a/node_modules/@b/c` of `a/node_modules/@b/c/lib/d.js`, relative to the outer node_modules. */
function owningPackage(path: string): string | null {
  const match = /^(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path);
  return match && !basename(match[0]).startsWith('.') ? match[0] : null;
}

async function keepPrebuild(
  item: NativePackage,
  target: AddonTarget,
  shipped: ReadonlySet<string>,
): Promise<string[] | null> {
  const prebuilds = join(item.folder, 'prebuilds');
  if (!existsSync(prebuilds)) return null;
  for (const folder of (await readdir(prebuilds)).sort()) {
    if (!folderFits(folder, target)) continue;
    for (const file of rankPrebuilds(await readdir(join(prebuilds, folder)), target)) {
      const path = join(prebuilds, folder, file);
      // The name is a promise of whoever built it; e.g. `linux-arm` says nothing of the calling convention.
      if (addonMisfit(readElf(await readFile(path)), target, shipped) === null) return [path];
    }
  }
  return null;
}

async function keepFitting(item: NativePackage, target: AddonTarget, shipped: ReadonlySet<string>): Promise<string[]> {
  const kept: string[] = [];
  for (const path of await ownAddons(item.folder)) {
    // What was not chosen there is not what the package's loader would choose.
    if (relative(item.folder, path).startsWith(`prebuilds${sep}`)) continue;
    // A build folder came from another machine's compiler or from an install script; it is made anew where we can.
    const built = relative(item.folder, path).startsWith(`build${sep}Release${sep}`);
    const compiles = built && existsSync(join(item.folder, 'binding.gyp'));
    // Where nothing fits, the prebuilt files stay for the message that says why.
    if (!compiles && addonMisfit(readElf(await readFile(path)), target, shipped) === null) kept.push(path);
  }
  return kept;
}

/** Names of shared libraries that the app's packages bring along, e.g. `libvips-cpp.so.8.17.3`. */
async function shippedLibraries(app: string): Promise<Set<string>> {
  const files = await listFiles(app);
  return new Set(files.filter((path) => /\.so(\.\d+)*$/.test(path)).map((path) => basename(path)));
}

/** A package's own .node files, not those of packages nested in it. */
async function ownAddons(folder: string): Promise<string[]> {
  return (await listFiles(folder))
    .filter((path) => path.endsWith('.node') && !path.startsWith('node_modules/'))
    .map((path) => join(folder, path));
}

async function removeAddonsBut(folder: string, kept: readonly string[]): Promise<void> {
  const fits = kept.length > 0;
  for (const path of await ownAddons(folder)) if (!kept.includes(path)) await rm(path);
  const prebuilds = join(folder, 'prebuilds');
  if (!existsSync(prebuilds)) return;
  for (const entry of await readdir(prebuilds)) {
    if (!fits || !kept.some((path) => path.startsWith(join(prebuilds, entry) + sep)))
      await rm(join(prebuilds, entry), { recursive: true });
  }
}

async function stripAddons(folder: string, board: Board): Promise<void> {
  for (const path of await ownAddons(folder))
    await runTool(`${board.architecture.crossPrefix}strip`, ['--strip-unneeded', path]);
}

/** Leaves of a compiler's `build/` the finished addons only. */
async function removeBuildFolder(folder: string): Promise<void> {
  for (const path of await listFiles(join(folder, 'build')))
    if (!/^Release\/[^/]+\.node$/.test(path)) await rm(join(folder, 'build', path));
}

async function removeSources(folder: string): Promise<void> {
  for (const path of await listFiles(folder))
    if (!path.startsWith('node_modules/') && SOURCE_FILE.test(path)) await rm(join(folder, path));
  await removeEmptyFolders(folder);
}

async function removeEmptyFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name === 'node_modules') continue;
    const inner = join(folder, entry.name);
    await removeEmptyFolders(inner);
    if ((await readdir(inner)).length === 0) await rm(inner, { recursive: true });
  }
}

/** @throws NodeosError RELEASE_INCOMPATIBLE that names each addon that the board cannot load, and why */
async function checkAddons(folder: string, board: Board, target: AddonTarget): Promise<void> {
  const shipped = await shippedLibraries(folder);
  const wrong: string[] = [];
  for (const path of (await listFiles(folder)).filter((file) => file.endsWith('.node'))) {
    const misfit = addonMisfit(readElf(await readFile(join(folder, path))), target, shipped);
    if (misfit !== null) wrong.push(`${path} (${misfit})`);
  }
  if (wrong.length > 0) throw unfit(board, target, wrong);
}

function unfit(board: Board, target: AddonTarget, wrong: readonly string[]): NodeosError {
  return new NodeosError(
    'RELEASE_INCOMPATIBLE',
    `native addons do not fit ${board.name}, which needs ${target.abi}: ${wrong.join(', ')}`,
    { hint: 'Use a version of the package that has sources or a prebuilt file for this board.' },
  );
}

async function hasNativeCode(folder: string): Promise<boolean> {
  for (const path of await listFiles(folder)) {
    if (/\.(node|so(\.\d+)*)$/.test(path) || dirname(path).endsWith('/bin')) {
      if (isElf(await readFile(join(folder, path)))) return true;
    }
  }
  return false;
}

/** Regular files below a folder, sorted, with `/` between names. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}
