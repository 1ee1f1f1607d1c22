import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import Arborist from '@npmcli/arborist';
import { type InstalledPackage, needsCompiler } from './addons.ts';
import { parseNpmrc } from './npmrc.ts';

/** Few at once: each open download takes of the user's memory. */
const CONNECTIONS = 4;
const CACHE_FOLDER = '.npm-cache';

export interface InstallRequest {
  /** Folder of the package.json; made where there is none. */
  readonly folder: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: { readonly platform: string; readonly arch: string };
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  /** Exactly what the lock file names. */
  readonly exact?: boolean;
  readonly save?: boolean;
  readonly registry?: string | undefined;
}
export interface InstallResult {
  readonly packages: number;
  /** `name@version` of packages whose machine code is missing. */
  readonly needCompiler: readonly string[];
}

/**
 * Installs packages into a folder as npm does (its own library does the work), without their scripts: a device has no
 * shell and no compiler. What fails leaves the folder as it was.
 * @throws NodeosError PACKAGE_INSTALL_FAILED, INPUT_INVALID
 */
export async function installPackages(request: InstallRequest): Promise<InstallResult> {
  const { folder, home, exact = false, save = true, add = [], remove = [] } = request;
  // A user's home; its node_modules is the system's.
  if (folder === '/')
    throw new NodeosError('INPUT_INVALID', 'npm does not install into /: make a folder and call npm there');
  const cache = join(home, CACHE_FOLDER);
  const arborist = new Arborist({
    ...settingsOf(request),
    ...{ path: folder, cache, ignoreScripts: true, omit: ['dev'], audit: false, maxSockets: CONNECTIONS },
  });
  try {
    if (exact) await arborist.loadVirtual();
    const tree = await arborist.reify({ add: [...add], rm: [...remove], save: save && !exact, omit: ['dev'] });
    const installed = [...tree.inventory.values()].filter(({ isProjectRoot }) => !isProjectRoot);
    const names = new Set(installed.map(({ name }) => name));
    const lacking = installed.filter((node) =>
      needsCompiler(node as InstalledPackage, request.platform, (name) => names.has(name)),
    );
    return { packages: installed.length, needCompiler: lacking.map((node) => `${node.name}@${node.version}`) };
  } catch (cause) {
    const { code, message } = cause as Error & { code?: string };
    const text = code && !message.includes(code) ? `${code}: ${message}` : message;
    throw new NodeosError('PACKAGE_INSTALL_FAILED', text, { cause });
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

function settingsOf({ folder, home, env, registry }: InstallRequest): Record<string, string> {
  const files = [join(home, '.npmrc'), join(folder, '.npmrc')].map((path) => {
    try {
      return parseNpmrc(readFileSync(path, 'utf8'), env);
    } catch {
      return {};
    }
  });
  const own = registry ?? env.npm_config_registry ?? env.NPM_CONFIG_REGISTRY;
  return { ...Object.assign({}, ...files), ...(own && { registry: own }) };
}
