import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { reachFault } from '@nodeos/contracts/app-reach.ts';
import { type AppSettings, appSettingsSchema } from '@nodeos/contracts/app-settings.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { appNameSchema, SEMVER_PATTERN, validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';

const packageSchema = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  description: z.string().optional(),
  main: z.string().optional(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  nodeos: z.unknown().optional(),
});
export type AppPackage = z.infer<typeof packageSchema>;

/** Checks what NodeOS reads of a package.json; @throws NodeosError INPUT_INVALID */
export function parseAppPackage(value: unknown, where: string): AppPackage {
  return validate(packageSchema, value, where);
}

/**
 * The manifest of an app, from its package.json, without the ABI (which depends on the files).
 * @param where the file's path, for messages
 * @param published the package comes from a registry: its name may be bent, its command goes before its start script
 * @throws NodeosError APP_NAME_INVALID, VERSION_INVALID, APP_NO_START, INPUT_INVALID
 */
export function appManifestOf(source: AppPackage, where: string, published = false): Omit<AppManifest, 'abi'> {
  const name = appNameOf(source, published);
  if (!appNameSchema.safeParse(name).success)
    throw new NodeosError('APP_NAME_INVALID', `${where}: "${source.name ?? ''}" does not give an app name`);
  const version = source.version ?? '';
  if (version.length > 64 || !SEMVER_PATTERN.test(version))
    throw new NodeosError('VERSION_INVALID', `${where}: version "${version}" is not a semantic version`);
  const settings: AppSettings = validate(appSettingsSchema, source.nodeos ?? {}, `${where}, field nodeos`);
  if (settings.dependsOn?.includes(name))
    throw new NodeosError('INPUT_INVALID', `${where}: nodeos.dependsOn names the app itself`);
  const fault = reachFault(settings);
  if (fault) throw new NodeosError('INPUT_INVALID', `${where}, field nodeos: ${fault}`);
  if (settings.kiosk && settings.dependsOn?.length)
    throw new NodeosError('INPUT_INVALID', `${where}: nodeos.dependsOn: beside a kiosk no other app runs`);
  const command = startCommand(source, settings, where, published);
  return {
    format: 1,
    name,
    version,
    description: (source.description ?? '').slice(0, 500),
    start: command.start,
    env: { ...command.env, ...settings.env },
    ports: settings.ports ?? [],
    devices: devicesOf(settings),
    network: settings.network ?? 'host',
    memoryMiB: settings.memoryMiB ?? DEVICE_LIMITS.appMemoryDefaultMiB,
    probe: settings.probe ?? null,
    soakMs: settings.soakMs ?? DEVICE_LIMITS.appSoakDefaultMs,
    // Two versions would draw over each other.
    swap: settings.swap ?? (settings.kiosk ? 'stop-first' : 'overlap'),
    stopGraceMs: settings.stopGraceMs ?? DEVICE_LIMITS.appStopGraceDefaultMs,
    ...(settings.diskMiB !== undefined && { diskMiB: settings.diskMiB }),
    ...(settings.startMs !== undefined && { startMs: settings.startMs }),
    ...(settings.web && { web: true as const }),
    ...(settings.forward !== undefined && { forward: settings.forward }),
    ...(settings.user !== undefined && { user: settings.user }),
    ...(settings.dependsOn !== undefined && { dependsOn: settings.dependsOn }),
    ...(settings.holdUpdatesMs !== undefined && { holdUpdatesMs: settings.holdUpdatesMs }),
    ...(settings.kiosk && { kiosk: true as const }),
    ...(settings.data !== undefined && { data: { migrations: {}, ...settings.data } }),
  };
}

/** A kiosk has the screen. */
function devicesOf({ devices = [], kiosk }: AppSettings): string[] {
  const named = devices.some((entry) => entry.replace(/\?$/, '') === 'display');
  return kiosk && !named ? [...devices, 'display'] : devices;
}

interface StartCommand {
  readonly start: string[];
  readonly env: Record<string, string>;
}

/** The name without its scope; who packs another's package cannot give it one that fits. */
export function appNameOf(source: AppPackage, published: boolean): string {
  const name = (source.name ?? '').replace(/^@[^/]+\//, '');
  return published
    ? name
        .toLowerCase()
        .replace(/[^a-z0-9-]/g, '-')
        .slice(0, 32)
    : name;
}

/**
 * The explicit setting, then what `npm start` runs, then the command the package installs, then its main module. The
 * start script of a published package is for whoever works on it, and its main module is a library.
 */
function startCommand(source: AppPackage, settings: AppSettings, where: string, published: boolean): StartCommand {
  if (settings.start) return { start: settings.start, env: {} };
  const script = source.scripts?.start;
  const parsed = script === undefined ? null : parseStartScript(script);
  const bin = binFile(source);
  const command: StartCommand | null =
    bin === undefined ? null : { start: ['node', bin.replace(/^\.\//, '')], env: {} };
  const chosen = published ? (command ?? parsed) : (parsed ?? command);
  if (chosen !== null) {
    if (chosen.start[0] === 'node' || hasDependencies(source)) return chosen;
  }
  if (script !== undefined)
    throw new NodeosError(
      'APP_NO_START',
      `${where}: the start script "${script}" needs a shell or a program, and devices have none`,
      { hint: 'Write it as `node file.js arguments`, or name the command in `nodeos.start`.' },
    );
  if (published)
    throw new NodeosError('APP_NO_START', `${source.name} ${source.version} is a library: it has no command`, {
      hint: 'Make an app that uses it: `nodeos new`.',
    });
  if (source.main) return { start: ['node', source.main.replace(/^\.\//, '')], env: {} };
  throw new NodeosError('APP_NO_START', `${where} does not say how the app is started`);
}

export function hasDependencies(source: AppPackage): boolean {
  return Object.keys({ ...source.dependencies, ...source.optionalDependencies }).length > 0;
}

function binFile(source: AppPackage): string | undefined {
  if (typeof source.bin !== 'object') return source.bin;
  const commands = Object.entries(source.bin);
  const own = commands.find(([name]) => name === source.name?.replace(/^@[^/]+\//, ''));
  return own?.[1] ?? (commands.length === 1 ? commands[0]?.[1] : undefined);
}

/**
 * Splits `NAME=value … program arguments`; null where a shell would do more than split at blanks. A program other than
 * `node` is one that a dependency installs, as in npm's own scripts.
 */
export function parseStartScript(script: string): StartCommand | null {
  if (/["'`$\\|&;<>()*?[\]{}~#!\n]/.test(script)) return null;
  const words = script.trim().split(/\s+/);
  const env: Record<string, string> = {};
  while (words[0] !== undefined && /^[A-Za-z_][A-Za-z0-9_]*=/.test(words[0])) {
    const word = words.shift() as string;
    const equals = word.indexOf('=');
    env[word.slice(0, equals)] = word.slice(equals + 1);
  }
  const [program] = words;
  if (program === undefined || (program === 'node' && words.length === 1)) return null;
  return /^[\w.@-]+$/.test(program) ? { start: words, env } : null;
}

/** The file that a `node …` command runs, relative to the app; null for other commands, `-e` and packages' own flags. */
export function startFile(start: readonly string[]): string | null {
  if (start[0] !== 'node') return null;
  for (let index = 1; index < start.length; index++) {
    const word = start[index] as string;
    if (['-r', '--require', '--import', '--loader', '-C', '--conditions'].includes(word)) index++;
    else if (word === '-e' || word === '--eval' || word === '-p' || word === '--print') return null;
    else if (!word.startsWith('-')) return word;
  }
  return null;
}
