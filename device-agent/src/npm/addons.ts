import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What is looked at of an installed package. */
export interface InstalledPackage {
  readonly path: string;
  readonly package: {
    readonly name?: string;
    readonly version?: string;
    readonly scripts?: Readonly<Record<string, string>>;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  };
}

/** Programs that fetch or compile machine code when a package is installed. */
const ADDON_TOOLS = /\b(node-gyp|node-gyp-build|node-pre-gyp|prebuild-install|prebuild|cmake-js|napi)\b/;

/**
 * Whether a package's machine code is missing: it is neither packed nor a package of its own for this platform.
 * @param has whether a package of that name is installed beside it
 */
export function needsCompiler(
  { path, package: manifest }: InstalledPackage,
  platform: { readonly platform: string; readonly arch: string },
  has: (name: string) => boolean,
): boolean {
  const { install = '', preinstall = '', postinstall = '' } = manifest.scripts ?? {};
  const script = [preinstall, install, postinstall].join('\n');
  if (!existsSync(join(path, 'binding.gyp')) && !ADDON_TOOLS.test(script)) return false;
  return !isPacked(path, platform) && !Object.keys(manifest.optionalDependencies ?? {}).some(isForPlatform);

  function isForPlatform(name: string): boolean {
    return has(name) && name.includes(`${platform.platform}-${platform.arch}`);
  }
}

/** `prebuilds/<platform>-<architecture>/*.node`, as prebuildify lays them out, or a build that was packed as it was. */
function isPacked(path: string, { platform, arch }: { readonly platform: string; readonly arch: string }): boolean {
  const folders = namesIn(join(path, 'prebuilds')).filter(
    (name) =>
      name.startsWith(`${platform}-`) &&
      name
        .slice(platform.length + 1)
        .split('+')
        .includes(arch),
  );
  const places = [...folders.map((name) => join(path, 'prebuilds', name)), join(path, 'build/Release')];
  return places.some((place) => namesIn(place).some((name) => name.endsWith('.node')));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
