import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { appendSquashfs } from '../formats/squashfs.ts';
import { ROOT_COMPRESSION } from '../plan/root-compression.ts';
import { boardLibraries, NODE_FOLDER, NODEOS_FOLDER, replArguments, systemArguments } from '../plan/root-files.ts';
import type { ADDONS } from './addon.ts';
import { buildDigests, DIGESTS_LIBRARY } from './digests.ts';
import { buildNodeImage } from './node-image.ts';
import type { PackageTree } from './packages.ts';
import { layOutRoot } from './root-tree.ts';
import type { Toolchain } from './toolchain.ts';

export interface Rootfs {
  /** `rootfs.sqfs`. */
  readonly artefact: Artefact;
  readonly nodeVersion: string;
}

/** Raise when the steps below or in root-tree.ts change what they produce. */
const RECIPE = 3;

/** The steps before the root: packages with their date, and Node. */
export interface RootInputs {
  readonly packages: PackageTree;
  readonly node: Awaited<ReturnType<typeof buildNodeImage>>;
  /** dhcpcd's hash functions; null where Debian's Node or the WiFi program brings the whole of OpenSSL. */
  readonly digests: Artefact | null;
}

/** Adds Node, and what dhcpcd needs instead of OpenSSL, to the unpacked packages. */
export async function buildRootInputs(
  context: BuildContext,
  board: Board,
  toolchain: Toolchain,
  packages: PackageTree,
): Promise<RootInputs> {
  const node = await buildNodeImage(context, { board, toolchain, packages, compression: ROOT_COMPRESSION });
  const folders = [join(node.artefact.dir, 'lib'), join(packages.root, 'usr/lib', boardLibraries(board).triplet)];
  const brought = folders.some((folder) => existsSync(join(folder, DIGESTS_LIBRARY)));
  return { packages, node, digests: brought ? null : await buildDigests(context, toolchain, board, packages) };
}

/** The read-only root of a device. @throws NodeosError SOURCE_MISMATCH, TOOL_MISSING, TOOL_FAILED */
export async function buildRootfs(
  context: BuildContext,
  request: {
    readonly board: Board;
    readonly inputs: RootInputs;
    readonly agent: { readonly artefact: Artefact; readonly files: readonly string[] };
    readonly addons: Readonly<Record<keyof typeof ADDONS, Artefact>>;
    readonly init: Artefact;
  },
): Promise<Rootfs> {
  const { board, inputs, agent, addons, init } = request;
  const files = {
    ...Object.fromEntries(agent.files.map((name) => [join(NODEOS_FOLDER, name), join(agent.artefact.dir, name)])),
    ...Object.fromEntries(
      Object.entries(addons).map(([name, { dir }]) => [`${NODEOS_FOLDER}/${name}.node`, join(dir, `${name}.node`)]),
    ),
    [`${NODEOS_FOLDER}/launcher`]: join(init.dir, 'launcher'),
  };
  const hashes = {
    agent: agent.artefact.hash,
    addons: Object.values(addons)
      .map(({ hash }) => hash)
      .join(' '),
    init: init.hash,
  };
  return squash(context, 'rootfs', board, inputs, hashes, systemArguments(board), files, true);
}

/** Node, its libraries and a prompt: the root of the barebones layer. */
export async function buildBarebonesRootfs(context: BuildContext, board: Board, inputs: RootInputs): Promise<Rootfs> {
  return squash(context, 'rootfs-barebones', board, inputs, {}, replArguments(), {}, false);
}

async function squash(
  context: BuildContext,
  name: string,
  board: Board,
  { packages, node, digests }: RootInputs,
  hashes: Readonly<Record<string, string>>,
  command: string,
  files: Readonly<Record<string, string>>,
  complete: boolean,
): Promise<Rootfs> {
  const hashed = {
    recipe: RECIPE,
    architecture: board.architecture,
    nodeSource: board.node.source,
    packages: packages.artefact.hash,
    node: node.artefact.hash,
    digests: digests?.hash ?? null,
    ...(board.wifi && { wifi: true }),
    ...(board.driverFirmware.length > 0 && { driverFirmware: board.driverFirmware }),
    ...hashes,
    command,
    paths: Object.keys(files).sort(),
  };
  const artefact = await cached(context, name, hashed, async (dir) => {
    context.progress({ step: name, message: 'laying out the root' });
    const tree = join(dir, 'tree');
    await mkdir(tree);
    await layOutRoot(tree, {
      board,
      packages: packages.root,
      digests: digests?.dir ?? null,
      node: node.artefact.dir,
      files,
      systemArguments: command,
      complete,
      modified: packages.newestChange,
    });
    const output = join(dir, 'rootfs.sqfs');
    await copyFile(join(node.artefact.dir, 'base.sqfs'), output);
    context.progress({ step: name, message: `compressing the rest beside ${NODE_FOLDER}` });
    await appendSquashfs({ source: tree, output, modified: packages.newestChange }, context.signal);
    await rm(tree, { recursive: true });
  });
  return { artefact, nodeVersion: node.version };
}
