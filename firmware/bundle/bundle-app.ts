import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { type AppManifest, appManifestSchema } from '@nodeos/contracts/app-manifest.ts';
import { type Board, boardAbi } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { cached, hashFile } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { type AppPackage, appManifestOf, hasDependencies, parseAppPackage, startFile } from './app-manifest.ts';
import { billOfMaterials, licenceList } from './bill-of-materials.ts';
import { checkEngines } from './engines.ts';
import { readInstalledPackages, readLicence, resolveAll } from './installed-packages.ts';
import { foreignLockFileIn, lockFileIn } from './lock-file.ts';
import { listFiles, settleNativeAddons } from './native-addons.ts';
import { copyPackageFiles, installDependencies, listPackageFiles } from './npm-package.ts';
import { resolveProgram } from './start-program.ts';
import { writeBundle } from './write-bundle.ts';

/** Part of the cache key: raise it when the same inputs give other bytes. */
const BUNDLER_REVISION = 3;
export const BUNDLE_MANIFEST = '.nodeos-manifest.json';
const BUNDLE_MATERIALS = '.nodeos-sbom.cdx.json';
const BUNDLE_LICENCES = '.nodeos-licences.txt';

export interface BundleOptions {
  /** Folder of the npm package. */
  readonly folder: string;
  /** True where the folder is what a registry sent: all of it is packed. */
  readonly published?: boolean;
  readonly board: Board;
  /** Bundle file to write; default `<name>-<version>.sqfs` in the current folder. */
  readonly out?: string;
}

export interface Bundle {
  /** The squashfs file; its manifest stands beside it as `<file>.json`, its bill of materials as `<file>.cdx.json`. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly manifest: AppManifest;
  readonly cached: boolean;
}

/**
 * Packs an npm package with its production dependencies into a read-only image for a board. The same sources and
 * lock file give the same bytes.
 * @throws NodeosError FILE_UNREADABLE, INPUT_INVALID, APP_NAME_INVALID, VERSION_INVALID, APP_NO_START,
 *   RELEASE_INCOMPATIBLE, LOCK_INCOMPLETE, LOCK_MISMATCH, INTEGRITY_MISMATCH, TOOL_MISSING, TOOL_FAILED, NETWORK_UNREACHABLE, DISK_FULL, INTERRUPTED
 */
export async function bundleApp(context: BuildContext, options: BundleOptions): Promise<Bundle> {
  const folder = resolve(options.folder);
  const source = await readAppPackage(folder);
  const settings = appManifestOf(source, join(folder, 'package.json'), options.published);
  refuseLocalDependencies(source, folder);
  const out = resolve(options.out ?? `${settings.name}-${settings.version}.sqfs`);
  const files = options.published ? await listPublishedFiles(folder) : await listPackageFiles(context, folder);
  checkStartFile(settings, files);
  checkOwnFolders(source, files);
  const make = (dir: string): Promise<void> => makeBundle(context, folder, files, settings, options.board, dir);
  const lock = lockFileIn(folder);
  if (lock === null && hasDependencies(source)) noteMissingLock(context, folder, options.published ?? false);
  const scratch = await mkdtemp(join(tmpdir(), 'nodeos-bundle-'));
  try {
    // Without a lock file the dependencies are whatever the registry says today: nothing to reuse.
    const inputs = lock && {
      revision: BUNDLER_REVISION,
      abi: boardAbi(options.board),
      files: await hashFiles(folder, files, lock),
    };
    const artefact = inputs ? await cached(context, 'bundle', inputs, make) : undefined;
    if (!artefact) await make(scratch);
    return { ...(await deliver(artefact?.dir ?? scratch, out)), cached: artefact?.cached ?? false };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause;
    throw new NodeosError('DISK_FULL', `no space left while writing ${out} or below ${tmpdir()}`, { cause });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Reads and checks a folder's package.json; @throws NodeosError FILE_UNREADABLE, INPUT_INVALID */
export async function readAppPackage(folder: string): Promise<AppPackage> {
  const path = join(folder, 'package.json');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read; an app is an npm package`, {
      hint: 'Name a folder with a package.json, or make one with `nodeos new`.',
      cause,
    });
  });
  try {
    return parseAppPackage(JSON.parse(text), path);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new NodeosError('INPUT_INVALID', `${path} is not JSON: ${cause.message}`, { cause });
  }
}

async function makeBundle(
  context: BuildContext,
  folder: string,
  files: readonly string[],
  settings: Omit<AppManifest, 'abi'>,
  board: Board,
  dir: string,
): Promise<void> {
  const app = await mkdtemp(join(tmpdir(), 'nodeos-app-'));
  try {
    context.progress({ step: 'bundle', message: `${settings.name} ${settings.version}: installing dependencies` });
    await copyPackageFiles(folder, files, app);
    await installDependencies(context, folder, app, board);
    await checkEngines(context, app, board);
    const abi = await settleNativeAddons(context, app, board);
    const manifest: AppManifest = { ...settings, start: await resolveProgram(app, settings.start), abi };
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await writeFile(join(app, BUNDLE_MANIFEST), text);
    const materials = await describeMaterials(app, settings);
    await writeFile(join(app, BUNDLE_MATERIALS), materials.bill);
    await writeFile(join(app, BUNDLE_LICENCES), materials.licences);
    context.progress({ step: 'bundle', message: `${settings.name} ${settings.version}: writing the image` });
    await writeBundle(context, app, join(dir, 'bundle.sqfs'));
    await writeFile(join(dir, 'manifest.json'), text);
    await writeFile(join(dir, 'sbom.cdx.json'), materials.bill);
  } finally {
    await rm(app, { recursive: true, force: true });
  }
}

/** Copies a finished bundle to where the user wants it; each file appears whole or not at all. */
async function deliver(dir: string, out: string): Promise<Omit<Bundle, 'cached'>> {
  await mkdir(dirname(out), { recursive: true });
  for (const [from, to] of [
    ['manifest.json', `${out}.json`],
    ['sbom.cdx.json', `${out}.cdx.json`],
    ['bundle.sqfs', out],
  ] as const) {
    const temporary = join(dirname(to), `.${basename(to)}.${process.pid}.tmp`);
    try {
      await copyFile(join(dir, from), temporary);
      await rename(temporary, to);
    } finally {
      await rm(temporary, { force: true });
    }
  }
  const manifest = parseJson(appManifestSchema, await readFile(`${out}.json`, 'utf8'), `${out}.json`);
  return { file: out, sha256: await hashFile(out), bytes: (await stat(out)).size, manifest };
}

/** What `files` of package.json leaves out is not on the device. */
function checkOwnFolders(source: AppPackage, files: readonly string[]): void {
  const all = { ...source.dependencies, ...source.optionalDependencies };
  for (const [name, range] of Object.entries(all)) {
    const place = /^file:(.+)$/.exec(range)?.[1];
    if (place === undefined || files.includes(join(place, 'package.json'))) continue;
    throw new NodeosError(
      'INPUT_INVALID',
      `package.json: the dependency ${name} stands in ${place}, which is not packed`,
      {
        hint: 'Add the folder to `files` in package.json; `npm pack --dry-run` lists what is packed.',
      },
    );
  }
}

function checkStartFile(settings: Omit<AppManifest, 'abi'>, files: readonly string[]): void {
  const file = startFile(settings.start)
    ?.replace(/^\.\//, '')
    .replace(/^\/app\//, '');
  if (file === undefined || file.startsWith('node_modules/') || file.startsWith('/')) return;
  const candidates = ['', '.js', '.mjs', '.cjs', '.json', '.node', '/index.js'].map((ending) => file + ending);
  if (candidates.some((candidate) => files.includes(candidate))) return;
  throw new NodeosError('APP_NO_START', `the app starts with ${file}, which is not among the package's files`, {
    hint: 'Correct the name, or add the file to `files` in package.json; `npm pack --dry-run` lists what is packed.',
  });
}

function refuseLocalDependencies(source: AppPackage, folder: string): void {
  const all = { ...source.dependencies, ...source.optionalDependencies };
  const local = Object.entries(all).filter(
    ([, range]) => /^(file|link|workspace):/.test(range) && !isBelow(folder, /^file:(.+)$/.exec(range)?.[1]),
  );
  if (local.length === 0) return;
  throw new NodeosError(
    'INPUT_INVALID',
    `${join(folder, 'package.json')}: dependencies are folders of this computer: ${local.map(([name]) => name).join(', ')}`,
    { hint: 'Publish them to a registry, or name their packed files (`npm pack`) by URL.' },
  );
}

/** A folder of the package itself is packed with it. */
function isBelow(folder: string, place: string | undefined): boolean {
  if (place === undefined || /\.(tgz|tar|tar\.gz)$/.test(place)) return false;
  return resolve(folder, place).startsWith(`${resolve(folder)}/`);
}

/** Names of dependencies must not be taken for folders of the package itself. */
async function listPublishedFiles(folder: string): Promise<string[]> {
  return (await listFiles(folder)).filter((file) => !file.startsWith('node_modules/'));
}

function noteMissingLock(context: BuildContext, folder: string, published: boolean): void {
  const foreign = foreignLockFileIn(folder);
  const why = foreign ? `npm does not read ${foreign}` : published ? 'it brings no lock file' : 'there is no lock file';
  context.progress({ step: 'bundle', message: `notice: ${why}: the newest versions that fit are taken` });
}

async function describeMaterials(
  app: string,
  settings: Omit<AppManifest, 'abi'>,
): Promise<{ readonly bill: string; readonly licences: string }> {
  const packages = await readInstalledPackages(app);
  const source = await readAppPackage(app);
  const wanted = Object.keys({ ...source.dependencies, ...source.optionalDependencies });
  const item = {
    name: source.name ?? settings.name,
    version: settings.version,
    description: settings.description,
    ...(await readLicence(app, '')),
    dependencies: resolveAll(new Set(packages.map(({ path }) => path)), '', wanted),
  };
  return { bill: billOfMaterials(item, packages), licences: licenceList(item, packages) };
}

async function hashFiles(folder: string, files: readonly string[], lock: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const file of new Set([...files, lock])) {
    const executable = ((await stat(join(folder, file))).mode & 0o111) !== 0;
    hashes[file] = `${executable ? 'x' : '-'}${await hashFile(join(folder, file))}`;
  }
  return hashes;
}
