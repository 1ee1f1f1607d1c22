import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { type Board, boardAbi } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import { compileAddon, headersVersion, nodeHeaders } from './addon-compiler.ts';
import { elfAbi, isElf, readElf } from './elf.ts';
import { choosePrebuild, folderFits } from './prebuilds.ts';

/** Files that only a compiler reads. */
const SOURCE_FILE = /\.(c|cc|cpp|cxx|h|hh|hpp|hxx|o|a|d|gyp|gypi|mk|vcxproj|def)$/;

interface NativePackage {
  /** Path below node_modules, e.g. `xxhash-addon`; null for the app itself. */
  readonly name: string | null;
  readonly folder: string;
  /** True where the package declares other systems than the board's: npm installs those only by accident. */
  readonly foreign: boolean;
  readonly optional: boolean;
}

/**
 * Leaves in an installed app exactly the native addons that fit the board: prebuilt ones where the packages bring
 * them, compiled ones else. Removes foreign prebuilds, sources and build leftovers.
 * @returns the ABI of the app: `any` without native code
 * @throws NodeosError RELEASE_INCOMPATIBLE, TOOL_MISSING, TOOL_FAILED
 */
export async function settleNativeAddons(context: BuildContext, folder: string, board: Board): Promise<string> {
  for (const item of await findNativePackages(folder, board)) await settlePackage(context, folder, item, board);
  await checkAddons(folder, board);
  return (await hasNativeCode(folder)) ? boardAbi(board) : 'any';
}

async function settlePackage(context: BuildContext, app: string, item: NativePackage, board: Board): Promise<void> {
  if (item.foreign) return rm(item.folder, { recursive: true });
  const kept = (await keepPrebuild(item, board)) ?? (await keepFitting(item, board));
  let compiled = false;
  if (kept.length > 0) {
    await removeAddonsBut(item.folder, kept);
  } else if (existsSync(join(item.folder, 'binding.gyp'))) {
    await removeAddonsBut(item.folder, []);
    await rm(join(item.folder, 'build'), { recursive: true, force: true });
    try {
      await compileAddon(context, app, item.name, board);
      compiled = true;
    } catch (error) {
      if (!item.optional || context.signal.aborted) throw error;
      context.progress({ step: 'bundle', message: `${item.name} is optional and does not compile: left out` });
      return rm(item.folder, { recursive: true });
    }
  }
  if (compiled) await removeBuildFolder(item.folder);
  await removeSources(item.folder);
  if (compiled) await stripAddons(item.folder, board);
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
      (excludes(manifest.os, 'linux') ||
        excludes(manifest.cpu, board.architecture.node) ||
        excludes(manifest.libc, 'glibc'));
    found.push({ name, folder, foreign, optional: lock.packages?.[`node_modules/${name}`]?.optional === true });
  }
  return found;
}

/** Whether a package.json's `os`, `cpu` or `libc` list leaves out a value. */
function excludes(field: unknown, value: string): boolean {
  const list = [field ?? []].flat().map(String);
  if (list.includes(`!${value}`)) return true;
  const named = list.filter((item) => !item.startsWith('!'));
  return named.length > 0 && !named.includes(value);
}

/** `a/node_modules/@b/c` of `a/node_modules/@b/c/lib/d.js`, relative to the outer node_modules. */
export function owningPackage(path: string): string | null {
  const match = /^(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path);
  return match && !basename(match[0]).startsWith('.') ? match[0] : null;
}

async function keepPrebuild(item: NativePackage, board: Board): Promise<string[] | null> {
  const prebuilds = join(item.folder, 'prebuilds');
  if (!existsSync(prebuilds)) return null;
  const modulesVersion = board.node.source === 'official' ? (await headersVersion(nodeHeaders())).modules : null;
  const target = { architecture: board.architecture.node, modulesVersion };
  for (const folder of (await readdir(prebuilds)).sort()) {
    if (!folderFits(folder, target)) continue;
    const choice = choosePrebuild(await readdir(join(prebuilds, folder)), target);
    if (choice) return [join(prebuilds, folder, choice.file)];
  }
  return null;
}

async function keepFitting(item: NativePackage, board: Board): Promise<string[]> {
  const kept: string[] = [];
  for (const path of await ownAddons(item.folder)) {
    const facts = readElf(await readFile(path));
    // A build folder came from another machine's compiler or from an install script; it is made anew where we can.
    const built = relative(item.folder, path).startsWith(`build${sep}Release${sep}`);
    const compiles = built && existsSync(join(item.folder, 'binding.gyp'));
    if (facts && elfAbi(facts) === boardAbi(board) && !compiles) kept.push(path);
  }
  return kept;
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

/** @throws NodeosError RELEASE_INCOMPATIBLE that names each addon that the board cannot load */
async function checkAddons(folder: string, board: Board): Promise<void> {
  const wrong: string[] = [];
  for (const path of (await listFiles(folder)).filter((file) => file.endsWith('.node'))) {
    const facts = readElf(await readFile(join(folder, path)));
    const abi = facts ? elfAbi(facts) : 'another system';
    if (abi !== boardAbi(board)) wrong.push(`${path} (made for ${abi})`);
  }
  if (wrong.length === 0) return;
  throw new NodeosError(
    'RELEASE_INCOMPATIBLE',
    `native addons do not fit ${board.name}, which needs ${boardAbi(board)}: ${wrong.join(', ')}`,
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
