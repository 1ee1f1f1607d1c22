import { access, constants, mkdir, readFile, statfs } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describeError, isNodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { assetPath } from '@nodeos/firmware/assets.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import { runTool, TOOL_PACKAGES } from '@nodeos/firmware/run-tool.ts';
import { indexAge, openAptRoot, updateIndexes } from '@nodeos/firmware/sources/apt-root.ts';
import { z } from 'zod';
import { formatBytes } from './output.ts';

export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'missing' | 'warning';
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
  const debianPackages = parseJson(packagesSchema, await readFile(file, 'utf8'), 'scripts/debian-packages.json');
  const programs = new Set(Object.values(TOOL_PACKAGES));
  const wanted = debianPackages.filter(
    (entry) => entry.group !== 'test' && entry.group !== 'faults' && !programs.has(entry.package),
  );
  const args = ['-W', DPKG_FORMAT, ...wanted.map((entry) => entry.package)];
  const answer = await runTool('dpkg-query', args, { signal, okCodes: [0, 1] }).catch((error: unknown) => {
    if (isNodeosError(error) && error.code === 'TOOL_MISSING') return null;
    throw error;
  });
  if (answer === null) return [{ name: 'dpkg', state: 'warning', detail: 'no Debian: packages were not looked at' }];
  const installed = new Set(answer.stdout.toString().split('\n'));
  return wanted.map((entry) =>
    installed.has(`${entry.package} installed`)
      ? { name: entry.package, state: 'ok', detail: `installed; ${entry.for}` }
      : { name: entry.package, state: 'missing', detail: `not installed; ${entry.for}`, debianPackage: entry.package },
  );
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
