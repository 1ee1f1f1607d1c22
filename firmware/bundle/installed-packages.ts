import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const names = z.record(z.string(), z.string()).default({});
/** `packages` of npm's lock file below node_modules, as far as the bill of materials needs it. */
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      name: z.string().optional(),
      version: z.string().default('0.0.0'),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      dependencies: names,
      optionalDependencies: names,
      peerDependencies: names,
    }),
  ),
});
const packageSchema = z.looseObject({
  license: z.unknown().optional(),
  licenses: z.unknown().optional(),
});

export interface InstalledPackage {
  /** Folder below the app, e.g. `node_modules/a/node_modules/@b/c`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** Subresource integrity of the archive it came from; null for what came inside another package. */
  readonly integrity: string | null;
  /** Commit that it was taken from; null for packages of a registry. */
  readonly commit: string | null;
  /** What its package.json says; null where it says nothing. */
  readonly licence: string | null;
  /** Files with the licence's text, relative to the app. */
  readonly licenceFiles: readonly string[];
  /** Paths of the packages that it loads. */
  readonly dependencies: readonly string[];
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice|unlicense|copyright)([-._].*)?$/i;

/**
 * What npm installed below an app and what is still there, sorted by path.
 * @param app folder with node_modules/.package-lock.json; without one nothing was installed
 */
export async function readInstalledPackages(app: string): Promise<InstalledPackage[]> {
  const path = join(app, 'node_modules/.package-lock.json');
  if (!existsSync(path)) return [];
  const { packages } = lockSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  // Packages for other machines were removed after the installation.
  const present = Object.entries(packages).filter(([at]) => at !== '' && existsSync(join(app, at, 'package.json')));
  const paths = new Set(present.map(([at]) => at));
  const found = present.map(async ([at, item]): Promise<InstalledPackage> => {
    const wanted = { ...item.peerDependencies, ...item.optionalDependencies, ...item.dependencies };
    return {
      path: at,
      name: item.name ?? at.slice(at.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: item.version,
      integrity: item.integrity ?? null,
      commit: /^git\+.*#([0-9a-f]{40})$/.exec(item.resolved ?? '')?.[1] ?? null,
      ...(await readLicence(app, at)),
      dependencies: resolveAll(paths, at, Object.keys(wanted)),
    };
  });
  return (await Promise.all(found)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Paths of the named packages as Node.js finds them from a package; those that are not installed are left out. */
export function resolveAll(paths: ReadonlySet<string>, from: string, wanted: readonly string[]): string[] {
  const found = wanted.flatMap((name) => {
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
      const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
      if (paths.has(candidate)) return [candidate];
      if (at === '') return [];
    }
  });
  return found.sort();
}

/** The licence that a package states and the files with its text. */
export async function readLicence(
  app: string,
  at: string,
): Promise<Pick<InstalledPackage, 'licence' | 'licenceFiles'>> {
  const folder = join(app, at);
  const source = packageSchema.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
  const files = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map((entry) => (at === '' ? entry.name : `${at}/${entry.name}`))
    .sort();
  return { licence: licenceText(source.license) ?? licenceText(source.licenses), licenceFiles: files };
}

/** Old packages state an object or a list of objects. */
function licenceText(field: unknown): string | null {
  if (typeof field === 'string') return field.trim() === '' ? null : field.trim();
  if (Array.isArray(field)) {
    const all = field.map(licenceText).filter((text) => text !== null);
    return all.length === 0 ? null : all.length === 1 ? (all[0] as string) : `(${all.join(' OR ')})`;
  }
  const type = (field as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' ? licenceText(type) : null;
}
