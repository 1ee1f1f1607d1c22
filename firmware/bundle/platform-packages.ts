import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { z } from 'zod';

const namesSchema = z.union([z.string().transform((name) => [name]), z.array(z.string())]).default([]);
const ranges = z.record(z.string(), z.string()).default({});

/** `packages` of npm's lock file, as far as it tells which machine a package is for. */
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      os: namesSchema,
      cpu: namesSchema,
      libc: namesSchema,
      dev: z.boolean().default(false),
      optional: z.boolean().default(false),
      optionalDependencies: ranges,
    }),
  ),
});

type LockedPackages = z.infer<typeof lockSchema>['packages'];
export type Platform = Readonly<Record<'os' | 'cpu' | 'libc', string>>;

/** What npm calls a board's machine. */
export function boardPlatform(board: Pick<Board, 'architecture'>): Platform {
  return { os: 'linux', cpu: board.architecture.node, libc: 'glibc' };
}

/** Whether lists of a package.json as npm reads them admit a machine; an empty list admits all. */
export function admits(lists: Partial<Record<keyof Platform, readonly string[]>>, platform: Platform): boolean {
  return (['os', 'cpu', 'libc'] as const).every((key) => {
    const list = lists[key] ?? [];
    if (list.includes(`!${platform[key]}`)) return false;
    const named = list.filter((item) => !item.startsWith('!'));
    return named.length === 0 || named.includes(platform[key]);
  });
}

/**
 * Packages that bring their machine code in optional packages, one for each kind of machine, and have none for the
 * board: npm installs them without a word, and they fail when they are first used.
 * @param lockText package-lock.json after the installation
 */
export function withoutMachineCode(lockText: string, board: Pick<Board, 'architecture'>): string[] {
  const { packages } = lockSchema.parse(JSON.parse(lockText));
  const platform = boardPlatform(board);
  return Object.entries(packages)
    .filter(([path, item]) => path !== '' && !item.dev && !item.optional)
    .filter(([path, item]) => {
      const kinds = Object.keys(item.optionalDependencies).flatMap((name) => find(packages, path, name) ?? []);
      const forLinux = kinds.filter((kind) => kind.cpu.length > 0 && admits({ os: kind.os }, platform));
      return forLinux.length > 0 && !forLinux.some((kind) => admits(kind, platform));
    })
    .map(([path]) => path.replace(/^.*node_modules\//, ''))
    .sort();
}

/** Looks a dependency up from a package's folder outwards, as Node does. */
function find(packages: LockedPackages, from: string, name: string): LockedPackages[string] | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const found = packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`];
    if (found) return found;
    if (folder === '') return null;
  }
}

/** @throws NodeosError RELEASE_INCOMPATIBLE naming the packages that have machine code for others only */
export async function refuseWithoutMachineCode(app: string, board: Board): Promise<void> {
  const file = ['npm-shrinkwrap.json', 'package-lock.json']
    .map((name) => join(app, name))
    .find((path) => existsSync(path));
  if (!file) return;
  const names = withoutMachineCode(await readFile(file, 'utf8'), board);
  // Sources in the package are as good: they are compiled.
  const lost = names.filter((name) => !existsSync(join(app, 'node_modules', name, 'binding.gyp')));
  if (lost.length === 0) return;
  throw new NodeosError(
    'RELEASE_INCOMPATIBLE',
    `there is no machine code for ${board.name} (linux, ${board.architecture.node}, glibc) of ${lost.join(', ')}`,
    { hint: 'Use another package, or a version of this one that is published for the board’s processor.' },
  );
}
