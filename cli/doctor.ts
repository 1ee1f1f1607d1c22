import { access, constants, mkdir, readFile, statfs } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describeError, isNodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { assetPath } from '@nodeos/firmware/assets.ts';
import { listBoards } from '@nodeos/firmware/boards.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import { runTool, TOOL_PACKAGES } from '@nodeos/firmware/run-tool.ts';
import { indexAge, openAptRoot, updateIndexes } from '@nodeos/firmware/sources/apt-root.ts';
import { z } from 'zod';
import { packagesOfBoards } from './doctor-boards.ts';
import { formatBytes } from './output.ts';

export interface Check {
  readonly name: string;
  /** `optional`: not there, and only some boards need it. */
  readonly state: 'ok' | 'missing' | 'optional' | 'warning';
  readonly detail: string;
  /** Debian package that provides what is missing. */
  readonly debianPackage?: string;
}

const packagesSchema = z.array(z.object({ package: z.string(), group: z.string(), for: z.string() }));
/** Kernel source, its build and the layers of one board, with some room. */
const CACHE_NEEDED_BYTES = 8e9;
const INDEX_FRESH_MS = 86_400_000;
// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query has the same syntax for its fields
const DPKG_FORMAT = '-f=${Package} ${db:Status-Status}\n';
/** Groups of packages that every build needs. */
const ALWAYS = ['build', 'emulate'];
const SUPPORTED = ['12', '13'];

/** What `nodeos` needs of this machine, found without changing it. */
export async function examineHost(context: BuildContext, path: string): Promise<Check[]> {
  return [
    await checkSystem(),
    { name: 'node', state: 'ok', detail: process.version },
    ...(await checkTools(path)),
    ...(await checkPackages(context.signal)),
    await checkDisk(context.cacheRoot),
    await checkMirror(context),
  ];
}

/** The one command that installs everything that is missing, null where nothing is. */
export function installCommand(checks: readonly Check[]): string[] | null {
  const packages = [
    ...new Set(checks.flatMap((check) => (check.state === 'missing' ? (check.debianPackage ?? []) : []))),
  ];
  return packages.length > 0 ? ['apt-get', 'install', '--yes', '--no-install-recommends', ...packages.sort()] : null;
}

async function checkSystem(): Promise<Check> {
  const name = 'system';
  if (process.platform !== 'linux') return { name, state: 'missing', detail: `${process.platform}: Linux is needed` };
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const detail = `${field('PRETTY_NAME') || 'unknown Linux'}, ${process.arch}`;
  const known = field('ID') === 'debian' && SUPPORTED.includes(field('VERSION_ID'));
  if (known && process.arch === 'x64') return { name, state: 'ok', detail };
  return { name, state: 'warning', detail: `${detail}: tried on Debian 12 and 13 on x64 only` };
}

/** Programs by name on the PATH, with /sbin, where a user's PATH often ends too early. */
export async function checkTools(path: string): Promise<Check[]> {
  const folders = [...path.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter((folder) => folder !== '');
  const checks: Check[] = [];
  for (const [tool, debianPackage] of Object.entries(TOOL_PACKAGES)) {
    const place = await findTool(tool, folders);
    checks.push(
      place
        ? { name: tool, state: 'ok', detail: place }
        : { name: tool, state: 'missing', detail: `not installed (Debian package ${debianPackage})`, debianPackage },
    );
  }
  return checks;
}

async function findTool(tool: string, folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const place = join(folder, tool);
    if (
      await access(place, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return place;
  }
  return null;
}

/** Packages that bring more than one program: headers, firmware, keys. Only dpkg can tell. */
async function checkPackages(signal: AbortSignal): Promise<Check[]> {
  const file = assetPath('scripts', 'debian-packages.json');
  const listed = parseJson(packagesSchema, await readFile(file, 'utf8'), 'scripts/debian-packages.json');
  const wanted = wantedPackages(listed, packagesOfBoards(await listBoards()));
  const args = ['-W', DPKG_FORMAT, ...wanted.map((entry) => entry.name)];
  const answer = await runTool('dpkg-query', args, { signal, okCodes: [0, 1] }).catch((error: unknown) => {
    if (isNodeosError(error) && error.code === 'TOOL_MISSING') return null;
    throw error;
  });
  if (answer === null) return [{ name: 'dpkg', state: 'warning', detail: 'no Debian: packages were not looked at' }];
  return packageChecks(wanted, new Set(answer.stdout.toString().split('\n')));
}

interface WantedPackage {
  readonly name: string;
  readonly purpose: string;
  /** Names of the boards that need it; null: every build does. */
  readonly boards: readonly string[] | null;
}

/** What every build needs, beside the programs that are looked for by name; then what only some boards need. */
export function wantedPackages(
  listed: z.infer<typeof packagesSchema>,
  ofBoards: ReadonlyMap<string, readonly string[]>,
): WantedPackage[] {
  const programs = new Set(Object.values(TOOL_PACKAGES));
  const always = listed.filter(({ group }) => ALWAYS.includes(group));
  const some = [...ofBoards].filter(([name]) => !always.some((entry) => entry.package === name));
  return [
    ...always.map((entry) => ({ name: entry.package, purpose: entry.for, boards: null })),
    ...some.map(([name, boards]) => {
      const purpose = listed.find((entry) => entry.package === name)?.for ?? 'builds and runs images';
      return { name, purpose, boards };
    }),
  ].filter(({ name }) => !programs.has(name));
}

/** @param installed lines of dpkg-query, `name state` */
export function packageChecks(wanted: readonly WantedPackage[], installed: ReadonlySet<string>): Check[] {
  return wanted.map(({ name, purpose, boards }) => {
    if (installed.has(`${name} installed`)) return { name, state: 'ok', detail: `installed; ${purpose}` };
    if (boards === null) return { name, state: 'missing', detail: `not installed; ${purpose}`, debianPackage: name };
    const detail = `not installed; ${purpose}; needed for ${boards.join(', ')} only`;
    return { name, state: 'optional', detail, debianPackage: name };
  });
}

async function checkDisk(cacheRoot: string): Promise<Check> {
  const name = 'disk space';
  await mkdir(cacheRoot, { recursive: true });
  const { bavail, bsize } = await statfs(cacheRoot);
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free in ${cacheRoot}`;
  if (free >= CACHE_NEEDED_BYTES) return { name, state: 'ok', detail };
  return { name, state: 'warning', detail: `${detail}: a first build needs about ${formatBytes(CACHE_NEEDED_BYTES)}` };
}

async function checkMirror(context: BuildContext): Promise<Check> {
  const name = 'Debian mirror';
  try {
    const root = await openAptRoot(context, 'amd64');
    if ((await indexAge(root)) > INDEX_FRESH_MS) await updateIndexes(context, root);
    return { name, state: 'ok', detail: 'the package indexes are here' };
  } catch (error) {
    context.signal.throwIfAborted();
    return { name, state: 'missing', detail: describeError(error).split('\n')[0] as string };
  }
}
