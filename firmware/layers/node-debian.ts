import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { major } from 'semver';
import type { BuildContext } from '../context.ts';
import { clearIcuItems } from '../formats/icu-data.ts';
import { isUnusedIcuItem } from '../plan/icu-items.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { libraryClosure } from './elf-closure.ts';
import { assertSameText } from './icu-check.ts';
import type { NodeImageRequest, NodeSource } from './node-image.ts';

/** Raise when the steps below or the items of icu-items.ts change. */
const RECIPE = 1;

/** Parts of the C and C++ libraries: every program of the root needs them, so they stay in the loader's folder. */
const SYSTEM_LIBRARIES = /^(ld-linux.*|lib(atomic|c|dl|gcc_s|m|pthread|rt|stdc\+\+))\.so/;

/**
 * Debian's Node, for processors without an official one: a small program, libraries, and ICU's data in a library of
 * its own, of which unreachable items are cleared as in the official program.
 * @throws NodeosError SOURCE_MISMATCH where the packages are not built as expected
 */
export async function debianNode(context: BuildContext, { board, packages }: NodeImageRequest): Promise<NodeSource> {
  const node = join(packages.root, 'usr/bin/node');
  const version = await packagedVersion(packages.artefact.dir);
  const libraryFolder = join(packages.root, 'usr/lib', boardLibraries(board).triplet);
  return {
    version,
    inputs: { recipe: RECIPE, packages: packages.artefact.hash, architecture: board.architecture.debian },
    async layOut(folder) {
      await mkdir(join(folder, 'lib'));
      const libraries = await libraryClosure([node], [], [libraryFolder]);
      for (const [name, file] of libraries)
        if (!SYSTEM_LIBRARIES.test(name)) await copyFile(file, join(folder, 'lib', name));
      await copyFile(node, join(folder, 'bin/node'));
      await copyFile(join(packages.root, 'usr/share/doc/nodejs/copyright'), join(folder, 'LICENSE'));
      const data = [...libraries.keys()].find((name) => name.startsWith('libicudata.so'));
      if (!data)
        throw new NodeosError('SOURCE_MISMATCH', `${board.name}: Debian's Node has come to be built without ICU`);
      await clearData(join(folder, 'lib', data), major(version));
      const changed = { root: packages.root, node, libraries: join(folder, 'lib') };
      await assertSameText(context, board, { root: packages.root, node }, changed);
    },
  };
}

/** `20.19.2` of `20.19.2+dfsg-1+deb13u2`. */
async function packagedVersion(dir: string): Promise<string> {
  const packages: { name: string; version: string }[] = JSON.parse(await readFile(join(dir, 'packages.json'), 'utf8'));
  const version = packages.find(({ name }) => name === 'nodejs')?.version ?? '';
  const upstream = /^\d+\.\d+\.\d+/.exec(version)?.[0];
  if (!upstream)
    throw new NodeosError('SOURCE_MISMATCH', `the package nodejs has the version ${version}, which is not Node's`);
  return upstream;
}

async function clearData(file: string, nodeMajor: number): Promise<void> {
  const bytes = await readFile(file);
  if (clearIcuItems(bytes, (name) => isUnusedIcuItem(name, nodeMajor)) === 0)
    throw new NodeosError('SOURCE_MISMATCH', `${basename(file)} holds no data of ICU`);
  await writeFile(file, bytes);
}

/**
 * JavaScript that Debian's Node reads from files where others have it built in.
 * @param library libnode, which names them by absolute paths
 * @throws NodeosError SOURCE_MISMATCH naming one that no package holds
 */
export async function externalModules(library: string, packages: string): Promise<string[]> {
  const text = (await readFile(library)).toString('latin1');
  const paths = [...new Set(text.match(/\/usr\/share\/nodejs\/[\w./@-]+\.js/g) ?? [])].sort();
  for (const path of paths)
    if (!existsSync(join(packages, path)))
      throw new NodeosError('SOURCE_MISMATCH', `Node reads ${path}, which is in none of the unpacked packages`, {
        hint: 'Add the Debian package that holds it to firmware/plan/root-files.ts.',
      });
  return paths;
}
