import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { runTool, type ToolOptions, type ToolResult } from '../run-tool.ts';
import {
  type AptSource,
  type DebianMirrors,
  debianMirrors,
  parseSourcesList,
  parseSourcesStanzas,
  transportSettings,
} from './apt-sources.ts';

export type DebianArchitecture = 'amd64' | 'i386' | 'arm64' | 'armhf' | 'armel';

/** The one release of Debian that images are made from. */
const RELEASE = 'trixie';

/** The release, with what devices load into their chips; its backports, for kernels that are newer than the release. */
const SUITES = {
  release: { name: RELEASE, components: 'main non-free-firmware' },
  backports: { name: `${RELEASE}-backports`, components: 'main' },
} as const;
export type DebianSuite = keyof typeof SUITES;

/** apt with its own state, for one architecture: it needs no root rights and leaves the host's own apt alone. */
export interface AptRoot {
  readonly dir: string;
  readonly architecture: DebianArchitecture;
  readonly suite: DebianSuite;
  readonly mirrors: DebianMirrors;
}

const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
] as const;

/**
 * Makes (or finds) the apt root of an architecture in the cache. Touches no network.
 * @throws NodeosError TOOL_MISSING without apt or Debian's keyring, HOST_UNSUPPORTED where no mirror is configured
 */
export async function openAptRoot(
  context: BuildContext,
  architecture: DebianArchitecture,
  suite: DebianSuite = 'release',
): Promise<AptRoot> {
  const mirrors = await findMirrors(process.env, '/etc/apt');
  const dir = join(context.cacheRoot, 'apt', `${SUITES[suite].name}-${architecture}`);
  for (const folder of [
    'lists/partial',
    'archives/partial',
    'etc/sources',
    'etc/parts',
    'etc/preferences',
    'etc/keys',
  ]) {
    await mkdir(join(dir, folder), { recursive: true });
  }
  await replaceFile(join(dir, 'status'), '');
  const dump = await runTool('apt-config', ['dump'], { signal: context.signal });
  await replaceFile(join(dir, 'apt.conf'), aptConfiguration(dir, architecture, dump.stdout.toString()));
  return { dir, architecture, suite, mirrors };
}

/** apt in another process must never read half a configuration: it would fall back to the host's own state. */
async function replaceFile(path: string, text: string): Promise<void> {
  if (existsSync(path) && (await readFile(path, 'utf8')) === text) return;
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}

/** Text of the apt.conf that cuts this root off from the host's state, hooks, pins and trusted keys. */
export function aptConfiguration(dir: string, architecture: DebianArchitecture, hostDump: string): string {
  return [
    ...transportSettings(hostDump),
    `Dir "${dir}";`,
    `Dir::State "${dir}";`,
    `Dir::State::lists "${dir}/lists";`,
    `Dir::State::status "${dir}/status";`,
    `Dir::Cache "${dir}";`,
    `Dir::Cache::archives "${dir}/archives";`,
    `Dir::Etc "${dir}/etc";`,
    `Dir::Etc::sourcelist "${dir}/etc/sources.list";`,
    `Dir::Etc::sourceparts "${dir}/etc/sources";`,
    `Dir::Etc::parts "${dir}/etc/parts";`,
    `Dir::Etc::preferencesparts "${dir}/etc/preferences";`,
    `Dir::Etc::trustedparts "${dir}/etc/keys";`,
    // Passwords for mirrors stay where the host keeps them.
    'Dir::Etc::netrc "/etc/apt/auth.conf";',
    'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Get::AllowUnauthenticated "false";',
    'Acquire::AllowInsecureRepositories "false";',
    'Acquire::Languages "none";',
    // As root, apt would else change to a user that may not write below the cache.
    'APT::Sandbox::User "root";',
    '',
  ].join('\n');
}

/** Mirrors from `NODEOS_DEBIAN_MIRROR` (and `NODEOS_DEBIAN_SECURITY_MIRROR`), else from the host's apt configuration. */
export async function findMirrors(
  environment: Readonly<Record<string, string | undefined>>,
  aptFolder: string,
): Promise<DebianMirrors> {
  const host = debianMirrors(await readHostSources(aptFolder));
  const main = environment.NODEOS_DEBIAN_MIRROR ? [environment.NODEOS_DEBIAN_MIRROR] : host.main;
  const security = environment.NODEOS_DEBIAN_SECURITY_MIRROR
    ? [environment.NODEOS_DEBIAN_SECURITY_MIRROR]
    : host.security;
  if (main.length > 0) return { main, security };
  throw new NodeosError('HOST_UNSUPPORTED', `no Debian mirror stands in the apt configuration below ${aptFolder}`, {
    hint: 'Name one: NODEOS_DEBIAN_MIRROR=<address of a Debian mirror>.',
  });
}

async function readHostSources(aptFolder: string): Promise<AptSource[]> {
  const parts = join(aptFolder, 'sources.list.d');
  const names = existsSync(parts) ? (await readdir(parts)).sort() : [];
  const files = [join(aptFolder, 'sources.list'), ...names.map((name) => join(parts, name))];
  const sources: AptSource[] = [];
  for (const file of files) {
    if (!existsSync(file)) continue;
    if (file.endsWith('.list')) sources.push(...parseSourcesList(await readFile(file, 'utf8')));
    if (file.endsWith('.sources')) sources.push(...parseSourcesStanzas(await readFile(file, 'utf8')));
  }
  return sources;
}

/** Runs an apt program in the root; only one at a time, also across processes. */
export function runApt(
  context: BuildContext,
  root: AptRoot,
  command: 'apt-get' | 'apt-cache',
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  return runTool('flock', [join(root.dir, 'lock'), command, ...args], {
    ...options,
    env: { ...options.env, APT_CONFIG: join(root.dir, 'apt.conf') },
    signal: context.signal,
  });
}

/** Milliseconds since the indexes were last fetched; infinite if they never were, or from other sources than now. */
export async function indexAge(root: AptRoot): Promise<number> {
  const marker = join(root.dir, 'updated');
  if (!existsSync(marker) || (await readFile(marker, 'utf8')) !== SUITES[root.suite].components)
    return Number.POSITIVE_INFINITY;
  return Date.now() - (await stat(marker)).mtimeMs;
}

/**
 * Fetches the signed indexes: from the first mirror that serves the suite; updates and security as far as reachable.
 * @throws NodeosError NETWORK_UNREACHABLE, TOOL_MISSING (Debian's keyring)
 */
export async function updateIndexes(context: BuildContext, root: AptRoot): Promise<void> {
  const { name, components } = SUITES[root.suite];
  context.progress({ step: 'sources', message: `fetching the package indexes of ${name} for ${root.architecture}` });
  const failures: string[] = [];
  for (const mirror of root.mirrors.main) {
    for (const lines of sourceLists(root, mirror)) {
      const failure = await tryUpdate(context, root, lines);
      if (failure === undefined) return writeFile(join(root.dir, 'updated'), components);
      failures.push(failure);
    }
  }
  throw new NodeosError(
    'NETWORK_UNREACHABLE',
    `the package indexes of Debian ${name} for ${root.architecture} could not be fetched:\n${failures.at(-1)}`,
  );
}

/** What to try, the most first: a mirror without the pockets still serves the release itself. */
function sourceLists({ suite, mirrors }: AptRoot, mirror: string): string[][] {
  const { name, components } = SUITES[suite];
  const line = (uri: string, pocket: string): string => sourceLine(uri, `${name}${pocket} ${components}`);
  const main = [line(mirror, '')];
  if (suite === 'backports') return [main];
  const updates = [...main, line(mirror, '-updates')];
  const security = mirrors.security.slice(0, 1).map((uri) => line(uri, '-security'));
  return [[...updates, ...security], updates, main];
}

async function tryUpdate(context: BuildContext, root: AptRoot, lines: readonly string[]): Promise<string | undefined> {
  await replaceFile(join(root.dir, 'etc/sources.list'), lines.join(''));
  const args = ['-qq', '-o', 'APT::Update::Error-Mode=any', '-o', 'Acquire::Retries=2', 'update'];
  const result = await runApt(context, root, 'apt-get', args, { okCodes: [0, 100] });
  return result.code === 0 ? undefined : result.stderr.trim();
}

function sourceLine(uri: string, suiteAndComponents: string): string {
  const keyring = KEYRINGS.find((path) => existsSync(path));
  if (!keyring) {
    throw new NodeosError('TOOL_MISSING', 'the keys of the Debian archive are not installed', {
      hint: 'Install them: apt-get install debian-archive-keyring',
    });
  }
  return `deb [signed-by=${keyring}] ${uri} ${suiteAndComponents}\n`;
}
