import { existsSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { sha256Schema } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import { hashFile } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import { type AptRoot, type DebianArchitecture, indexAge, openAptRoot, runApt, updateIndexes } from './apt-root.ts';
import { fetchFromArchive } from './debian-archive.ts';
import { type PinnedPackage, readLock } from './lock.ts';
import { choosePackage, type OfferedPackage, type PackageChoice, parseOffers } from './package-choice.ts';

/** A package file in the cache; its bytes have the given hash. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly file: string;
}

export interface PackageRequest {
  readonly architecture: DebianArchitecture;
  /** Names without dependencies: an image holds what it names and nothing else. */
  readonly packages: readonly string[];
}

/** A mirror is asked again for a missing version only after this long. */
const INDEX_MAX_AGE_MS = 10 * 60 * 1000;

/** Taken instead of a pinned version that no mirror had; kept so that the next build takes the same. */
const substitutesSchema = z.record(z.string(), z.object({ version: z.string(), sha256: sha256Schema }));

/**
 * Gives the package files in the order asked for. What is in the cache needs no network; the rest is downloaded and
 * verified by apt against Debian's signatures, then compared with the lock file.
 * @throws NodeosError NETWORK_UNREACHABLE, SOURCE_MISMATCH (other bytes; with `locked` also another version), NOT_FOUND
 */
export async function fetchDebianPackages(context: BuildContext, request: PackageRequest): Promise<DebianPackage[]> {
  const store = join(context.cacheRoot, 'debian', request.architecture);
  await mkdir(store, { recursive: true });
  const pins: Readonly<Record<string, PinnedPackage>> = (await readLock()).debian[request.architecture] ?? {};
  const substitutes = await readSubstitutes(store);
  const found = new Map<string, DebianPackage>();
  for (const name of new Set(request.packages)) {
    const pin = pins[name];
    if (pin) await shareStored(store, name, pin);
    const substitute = context.locked ? undefined : substitutes[substituteKey(name, pin)];
    const stored = [pin, substitute].find((wanted) => wanted && existsSync(packageFile(store, name, wanted)));
    if (!stored) continue;
    if (stored === substitute) notice(context, name, pin, stored);
    found.set(name, { name, version: stored.version, sha256: stored.sha256, file: packageFile(store, name, stored) });
  }
  const missing = [...new Set(request.packages)].filter((name) => !found.has(name));
  if (missing.length > 0) {
    const fetched = await inTurn(() => download(context, request.architecture, store, missing, pins));
    for (const item of fetched) found.set(item.name, item);
  }
  return request.packages.map((name) => found.get(name) as DebianPackage);
}

/** Packages for all architectures, as kernel sources are, lie in the cache once. */
async function shareStored(store: string, name: string, pin: PinnedPackage): Promise<void> {
  const target = packageFile(store, name, pin);
  if (existsSync(target)) return;
  for (const folder of await readdir(dirname(store))) {
    const other = packageFile(join(dirname(store), folder), name, pin);
    if (!existsSync(other)) continue;
    return link(other, target).catch((error: NodeJS.ErrnoException) => {
      // Another build was faster; or the file system has no links, and it is fetched again.
      if (!['EEXIST', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(error.code ?? '')) throw error;
    });
  }
}

/** Unpacks a package's files below a folder, without running its scripts. */
export async function extractPackage(
  deb: Pick<DebianPackage, 'file'>,
  dir: string,
  signal?: AbortSignal,
): Promise<void> {
  await mkdir(dir, { recursive: true });
  await runTool('dpkg-deb', ['-x', deb.file, dir], { signal });
}

let turn: Promise<unknown> = Promise.resolve();

/** Layers that are built side by side fetch one after the other: they share apt's indexes and the notes on substitutes. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work, work);
  turn = mine.catch(() => {});
  return mine;
}

async function download(
  context: BuildContext,
  architecture: DebianArchitecture,
  store: string,
  names: readonly string[],
  pins: Readonly<Record<string, PinnedPackage>>,
): Promise<DebianPackage[]> {
  const fetched: DebianPackage[] = [];
  const wanted = new Map<AptRoot, OfferedPackage[]>();
  for (const { name, root, offers } of await findOffers(context, architecture, names, pins)) {
    const pin = pins[name];
    const dropped = pin && !offers.some((offer) => offer.version === pin.version);
    if (dropped && (await fromArchive(context, architecture, store, name, pin))) {
      fetched.push({ name, ...pin, file: packageFile(store, name, pin) });
      continue;
    }
    const choice = choosePackage(name, pin, offers);
    if (choice.kind !== 'pinned') await takeSubstitute(context, store, choice);
    wanted.set(root, [...(wanted.get(root) ?? []), choice.package]);
  }
  for (const [root, offers] of wanted) {
    await downloadOffers(context, root, store, offers);
    for (const offer of offers) fetched.push({ ...offer, file: packageFile(store, offer.name, offer) });
  }
  return fetched;
}

/** What the mirrors offer of a package, and the apt root that can fetch it. */
export interface PackageOffers {
  readonly name: string;
  readonly root: AptRoot;
  readonly offers: readonly OfferedPackage[];
}

/**
 * Asks the release for packages, and its backports for those that the release does not have: so nothing that the
 * release has moves to its backports by itself. Indexes are fetched anew if those at hand lack a pinned version.
 * @param fresh true: fetches the indexes anew in any case
 */
export async function findOffers(
  context: BuildContext,
  architecture: DebianArchitecture,
  names: readonly string[],
  pins: Readonly<Record<string, PinnedPackage>>,
  fresh = false,
): Promise<PackageOffers[]> {
  const release = await suiteOffers(context, await openAptRoot(context, architecture), names, pins, fresh);
  const absent = names.filter((name) => !release.some((found) => found.name === name));
  if (absent.length === 0) return release;
  const root = await openAptRoot(context, architecture, 'backports');
  const backports = await suiteOffers(context, root, absent, pins, fresh);
  const nowhere = absent.filter((name) => !backports.some((found) => found.name === name));
  return [...release, ...backports, ...nowhere.map((name) => ({ name, root, offers: [] }))];
}

async function suiteOffers(
  context: BuildContext,
  root: AptRoot,
  names: readonly string[],
  pins: Readonly<Record<string, PinnedPackage>>,
  fresh: boolean,
): Promise<PackageOffers[]> {
  if (fresh || (await indexAge(root)) === Number.POSITIVE_INFINITY) await updateIndexes(context, root);
  const offers = await readOffers(context, root, names);
  const isStale = (name: string): boolean => {
    const versions = offers.get(name)?.map((offer) => offer.version);
    return versions ? !versions.includes(pins[name]?.version ?? '') : root.suite === 'backports';
  };
  const found = (all: Map<string, OfferedPackage[]>): PackageOffers[] =>
    [...all].filter(([name]) => names.includes(name)).map(([name, list]) => ({ name, root, offers: list }));
  if (!names.some(isStale) || (await indexAge(root)) < INDEX_MAX_AGE_MS) return found(offers);
  await updateIndexes(context, root);
  return found(await readOffers(context, root, names));
}

/** All versions of the named packages that the indexes hold. */
async function readOffers(
  context: BuildContext,
  root: AptRoot,
  names: readonly string[],
): Promise<Map<string, OfferedPackage[]>> {
  // 100: one of the names is unknown; that is judged by the caller.
  const shown = await runApt(context, root, 'apt-cache', ['show', ...names], { okCodes: [0, 100] });
  return parseOffers(shown.stdout.toString());
}

async function fromArchive(
  context: BuildContext,
  architecture: DebianArchitecture,
  store: string,
  name: string,
  pin: PinnedPackage,
): Promise<boolean> {
  const base = process.env.NODEOS_DEBIAN_ARCHIVE;
  if (!base) return false;
  context.progress({ step: 'sources', message: `fetching ${name} ${pin.version} from the archive` });
  return fetchFromArchive(base, name, pin, architecture, packageFile(store, name, pin), context.signal);
}

async function takeSubstitute(
  context: BuildContext,
  store: string,
  choice: PackageChoice & { kind: 'newer' | 'unpinned' },
): Promise<void> {
  const pin = choice.kind === 'newer' ? choice.pin : undefined;
  const { name, version, sha256 } = choice.package;
  if (context.locked) {
    throw new NodeosError(
      'SOURCE_MISMATCH',
      pin
        ? `${name} ${pin.version} of the lock file is no longer served; the newest is ${version}`
        : `${name} is not in the lock file; the newest is ${version}`,
    );
  }
  notice(context, name, pin, choice.package);
  const substitutes = { ...(await readSubstitutes(store)), [substituteKey(name, pin)]: { version, sha256 } };
  const file = join(store, 'substitutes.json');
  await writeFile(`${file}.${process.pid}`, JSON.stringify(substitutes));
  await rename(`${file}.${process.pid}`, file);
}

function notice(context: BuildContext, name: string, pin: PinnedPackage | undefined, taken: PinnedPackage): void {
  const reason = pin ? `instead of ${pin.version}, which is no longer served` : 'which the lock file does not name';
  context.progress({
    step: 'sources',
    message: `notice: this build does not match the lock file: ${name} ${taken.version} ${reason}`,
  });
}

async function downloadOffers(
  context: BuildContext,
  root: AptRoot,
  store: string,
  offers: readonly OfferedPackage[],
): Promise<void> {
  const folder = await mkdtemp(join(store, '.download-'));
  const label =
    offers.length === 1 && offers[0] ? `${offers[0].name} ${offers[0].version}` : `${offers.length} packages`;
  let shown = 0;
  const onLine = (line: string): void => {
    const percent = Math.round(Number(/^(?:dl|pm)status:[^:]*:([0-9.]+):/.exec(line)?.[1] ?? 0));
    if (percent <= shown) return;
    shown = percent;
    context.progress({ step: 'sources', message: `downloading ${label}`, percent });
  };
  try {
    context.progress({ step: 'sources', message: `downloading ${label}`, percent: 0 });
    const names = offers.map((offer) => `${offer.name}=${offer.version}`);
    const args = ['-q', '-o', 'APT::Status-Fd=1', '-o', 'Acquire::Retries=3', 'download', ...names];
    const result = await runApt(context, root, 'apt-get', args, { cwd: folder, onLine, okCodes: [0, 100] });
    if (result.code !== 0) throw unreachable(result.stderr, names);
    const files = await readdir(folder);
    for (const offer of offers) {
      const file = files.find((name) => name.startsWith(`${offer.name}_`) && name.endsWith('.deb'));
      if (!file) throw unreachable(result.stderr, [`${offer.name}=${offer.version}`]);
      const sha256 = await hashFile(join(folder, file));
      if (sha256 !== offer.sha256) {
        throw new NodeosError(
          'SOURCE_MISMATCH',
          `${offer.name} ${offer.version} arrived with sha256 ${sha256}, not ${offer.sha256}`,
        );
      }
      await rename(join(folder, file), packageFile(store, offer.name, offer));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function unreachable(output: string, names: readonly string[]): NodeosError {
  if (/No space left|not have enough free space/.test(output)) return new NodeosError('DISK_FULL', output.trim());
  return new NodeosError('NETWORK_UNREACHABLE', `could not be downloaded: ${names.join(', ')}\n${output.trim()}`);
}

/** The hash in the name keeps two builds of one version apart. */
function packageFile(store: string, name: string, wanted: PinnedPackage): string {
  return join(store, `${name}_${wanted.version.replace(':', '%3a')}_${wanted.sha256.slice(0, 16)}.deb`);
}

function substituteKey(name: string, pin: PinnedPackage | undefined): string {
  return `${name}=${pin?.version ?? ''}`;
}

async function readSubstitutes(store: string): Promise<z.infer<typeof substitutesSchema>> {
  const file = join(store, 'substitutes.json');
  if (!existsSync(file)) return {};
  const parsed = substitutesSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
  // A damaged note is only a lost shortcut: the mirrors are asked again.
  return parsed.success ? parsed.data : {};
}
