import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { semverSchema } from '@nodeos/contracts/validate.ts';
import { assetPath } from './assets.ts';
import type { Artefact } from './cache.ts';
import type { BuildContext } from './context.ts';
import { buildAddon } from './layers/addon.ts';
import { buildAgent } from './layers/agent.ts';
import { buildBootCode } from './layers/boot-code.ts';
import { buildBootfs } from './layers/bootfs.ts';
import { buildDeviceTrees } from './layers/device-trees.ts';
import { driverFirmware } from './layers/driver-firmware.ts';
import { buildImage } from './layers/image.ts';
import { buildInit } from './layers/init.ts';
import { buildInitramfs } from './layers/initramfs.ts';
import { buildKernel } from './layers/kernel.ts';
import { copyOut, type OutputFile } from './layers/output.ts';
import { type PackageTree, unpackPackages } from './layers/packages.ts';
import { buildBarebonesRootfs, buildRootfs, buildRootInputs, type Rootfs } from './layers/rootfs.ts';
import { buildSlot } from './layers/slot.ts';
import { type BuiltLayer, Steps } from './layers/steps.ts';
import { boardToolchain } from './layers/toolchain.ts';
import { buildUsersfs } from './layers/usersfs.ts';
import { rawFiles } from './plan/boot-files.ts';
import { diskSeed, type ImageIdentity, imageIdentity } from './plan/identity.ts';
import { type BuildPlan, planImage } from './plan/image-plan.ts';
import { rootPackages } from './plan/root-files.ts';

export type { BuiltLayer };

export const LAYERS = ['barebones', 'initramfs', 'rootfs', 'usersfs', 'bootfs', 'slot', 'image'] as const;
export type Layer = (typeof LAYERS)[number];

export interface BuildRequest {
  readonly board: Board;
  readonly layer: Layer;
  /** Semantic version of the system release. */
  readonly systemVersion: string;
  /** TUF root metadata, the factory root of trust; null for a device that trusts no release. */
  readonly trustRoot: Buffer | null;
  /** Put on the first partition. */
  readonly fleetFile?: FleetFile;
  /** JavaScript file that is used instead of the agent's bundle. */
  readonly agentOverride?: string;
  /** Folder that the results are copied to; without it they stay in the cache. */
  readonly out?: string;
}

export interface BuildResult {
  /** Absolute paths by kind, e.g. `{ image: '/…/nodeos-x86_64-usb-1.0.0.img' }`. */
  readonly files: Readonly<Record<string, string>>;
  /** Bytes of each of `files`. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Every step that the layer needed, in the order they ended. */
  readonly layers: readonly BuiltLayer[];
  /** Signature of the disk, 8 hex digits. */
  readonly diskId: string;
}

const KERNEL_ARCHITECTURES = { x64: 'x86_64', ia32: 'i386', arm64: 'arm64', arm: 'arm' } as const;

/**
 * Builds a layer and all that it is made of; what the cache holds is not made again.
 * @throws NodeosError of every layer; VERSION_INVALID before anything is built
 */
export async function buildLayer(context: BuildContext, request: BuildRequest): Promise<BuildResult> {
  assertVersion(request.systemVersion);
  const seed = identitySeed(request);
  const identity = imageIdentity(seed, diskSeed(request.board, seed));
  const steps = new Steps(context);
  const outputs = await buildOutputs(steps, request, identity);
  const { files, sizes } = await copyOut(context, outputs, request.out);
  return { files, sizes, layers: steps.reports, diskId: identity.diskId };
}

/** What a build would do, without doing it. @throws NodeosError LAYOUT_OVERLAP, INPUT_INVALID, VERSION_INVALID */
export async function planBuild(
  request: Pick<BuildRequest, 'board' | 'systemVersion' | 'trustRoot' | 'fleetFile'>,
): Promise<BuildPlan> {
  const { board, systemVersion } = request;
  assertVersion(systemVersion);
  const read = async (path: string): Promise<[string, string]> => [path, await readFragment(path)];
  return planImage(board, {
    systemVersion,
    fleetFile: request.fleetFile !== undefined,
    trustRoot: request.trustRoot !== null,
    fragments: Object.fromEntries(await Promise.all(board.kernel.fragments.map(read))),
  });
}

async function buildOutputs(
  steps: Steps,
  request: BuildRequest,
  identity: ImageIdentity,
): Promise<Record<string, OutputFile>> {
  const { board, layer, systemVersion } = request;
  const prefix = `nodeos-${board.name}`;
  switch (layer) {
    case 'barebones': {
      const [kernelImage, { dir }] = await barebones(steps, board);
      return {
        kernel: { source: join(kernelImage.dir, 'kernel'), name: `${prefix}-kernel` },
        initramfs: { source: join(dir, 'initramfs.img'), name: `${prefix}-barebones.img` },
      };
    }
    case 'initramfs': {
      const { dir } = await initramfs(steps, board);
      return { initramfs: { source: join(dir, 'initramfs.img'), name: `${prefix}-initramfs.img` } };
    }
    case 'rootfs': {
      const { artefact } = await rootfs(steps, request);
      return { rootfs: { source: join(artefact.dir, 'rootfs.sqfs'), name: `${prefix}-rootfs.sqfs` } };
    }
    case 'usersfs': {
      const { dir } = await usersfs(steps, board, identity);
      return { usersfs: { source: join(dir, 'data.ext4'), name: `${prefix}-data.ext4` } };
    }
    case 'bootfs': {
      const { code, bootfs } = await boot(steps, request, identity);
      return {
        bootfs: { source: join(bootfs.dir, 'boot.fat'), name: `${prefix}-boot.fat` },
        ...rawOutputs(board, code, prefix),
      };
    }
    case 'slot':
      return slotOutputs(await slot(steps, request, identity), `${prefix}-${systemVersion}`);
    case 'image': {
      const { image, slotImage } = await disk(steps, request, identity);
      return {
        image: { source: join(image.dir, 'disk.img'), name: `${prefix}-${systemVersion}.img` },
        ...slotOutputs(slotImage, `${prefix}-${systemVersion}`),
      };
    }
  }
}

/** Code that stands outside of partitions, by the name of its file. */
function rawOutputs(board: Board, code: Artefact, prefix: string): Record<string, OutputFile> {
  const files = rawFiles(board).flatMap(({ content }) => ('layer' in content ? [content.file] : []));
  return Object.fromEntries(files.map((file) => [file, { source: join(code.dir, file), name: `${prefix}-${file}` }]));
}

function slotOutputs({ dir }: Artefact, prefix: string): Record<string, OutputFile> {
  return {
    slot: { source: join(dir, 'slot.img'), name: `${prefix}-slot.img` },
    manifest: { source: join(dir, 'manifest.json'), name: `${prefix}-manifest.json` },
  };
}

async function disk(
  steps: Steps,
  request: BuildRequest,
  identity: ImageIdentity,
): Promise<{ image: Artefact; slotImage: Artefact }> {
  const { board } = request;
  const [slotImage, { code, bootfs }, data] = await steps.together(
    slot(steps, request, identity),
    boot(steps, request, identity),
    usersfs(steps, board, identity),
  );
  const image = await buildImage(steps.context, {
    board,
    identity,
    bootCode: code,
    bootfs,
    slot: slotImage,
    usersfs: data,
  });
  return { image: steps.note(image), slotImage };
}

async function slot(steps: Steps, request: BuildRequest, identity: ImageIdentity): Promise<Artefact> {
  const { board, systemVersion, trustRoot } = request;
  const [kernelImage, firstRoot, root, code, buildTime] = await steps.together(
    kernel(steps, board),
    initramfs(steps, board),
    rootfs(steps, request),
    bootCode(steps, board),
    sourceDate(steps, board),
  );
  const { artefact, nodeVersion } = root;
  const deviceTrees = steps.note(await buildDeviceTrees(steps.context, board, kernelImage));
  const layers = {
    kernel: kernelImage,
    initramfs: firstRoot,
    rootfs: artefact,
    bootCode: code,
    deviceTrees,
    nodeVersion,
  };
  return steps.note(
    await buildSlot(steps.context, { board, systemVersion, identity, ...layers, trustRoot, buildTime }),
  );
}

async function kernel(steps: Steps, board: Board): Promise<Artefact> {
  const { source, fragments, patches } = board.kernel;
  const arch = KERNEL_ARCHITECTURES[board.architecture.node];
  const crossCompile = board.architecture.crossPrefix;
  return steps.note(await buildKernel(steps.context, { arch, source, fragments, patches, crossCompile }));
}

async function initramfs(steps: Steps, board: Board): Promise<Artefact> {
  const made = await init(steps, board);
  const { root, newestChange } = await packages(steps, board);
  const firmware = driverFirmware(board, root);
  return steps.note(await buildInitramfs(steps.context, { init: made, modified: newestChange, firmware }));
}

function init(steps: Steps, board: Board): Promise<Artefact> {
  return steps.once('init', async () =>
    steps.note(await buildInit(steps.context, await boardToolchain(steps.context, board))),
  );
}

function packages(steps: Steps, board: Board): Promise<PackageTree> {
  return steps.once('packages', () => unpackPackages(steps.context, board, rootPackages(board)));
}

async function rootfs(steps: Steps, request: BuildRequest): Promise<Rootfs> {
  const { context } = steps;
  const { board } = request;
  const toolchain = await boardToolchain(context, board);
  const agent = steps.note(await buildAgent(context, request.agentOverride));
  const addons = {
    nodeos: steps.note(await buildAddon(context, toolchain, 'nodeos')),
    gpio: steps.note(await buildAddon(context, toolchain, 'gpio')),
  };
  const inputs = await buildRootInputs(context, board, toolchain, await packages(steps, board));
  steps.note(inputs.node.artefact);
  const agentFiles = { artefact: agent, files: (await readdir(agent.dir)).sort() };
  const root = await buildRootfs(context, { board, inputs, agent: agentFiles, addons, init: await init(steps, board) });
  steps.note(root.artefact);
  return root;
}

async function barebones(steps: Steps, board: Board): Promise<[Artefact, Artefact]> {
  const small = async (): Promise<Artefact> => {
    const toolchain = await boardToolchain(steps.context, board);
    const inputs = await buildRootInputs(steps.context, board, toolchain, await packages(steps, board));
    steps.note(inputs.node.artefact);
    const { artefact } = await buildBarebonesRootfs(steps.context, board, inputs);
    steps.note(artefact);
    const modified = inputs.packages.newestChange;
    const parts = { init: await init(steps, board), modified, rootfs: artefact };
    return steps.note(await buildInitramfs(steps.context, parts));
  };
  return steps.together(kernel(steps, board), small());
}

async function boot(
  steps: Steps,
  request: BuildRequest,
  identity: ImageIdentity,
): Promise<{ code: Artefact; bootfs: Artefact }> {
  const { board, fleetFile = null } = request;
  const code = await bootCode(steps, board);
  const modified = await sourceDate(steps, board);
  const bootfs = await buildBootfs(steps.context, { board, identity, bootCode: code, fleetFile, modified });
  return { code, bootfs: steps.note(bootfs) };
}

function bootCode(steps: Steps, board: Board): Promise<Artefact> {
  return steps.once('boot code', async () => steps.note(await buildBootCode(steps.context, board)));
}

async function usersfs(steps: Steps, board: Board, identity: ImageIdentity): Promise<Artefact> {
  return steps.note(await buildUsersfs(steps.context, board, identity, await sourceDate(steps, board)));
}

/** The one date in an image: that of the newest package in it. */
async function sourceDate(steps: Steps, board: Board): Promise<number> {
  return (await packages(steps, board)).newestChange;
}

/** Fleet file and agent are left out: both may differ between images of one product. */
function identitySeed({ board, systemVersion, trustRoot }: BuildRequest): string {
  const trust = trustRoot ? createHash('sha256').update(trustRoot).digest('hex') : 'none';
  return `${board.name} ${systemVersion} ${trust}`;
}

function assertVersion(version: string): void {
  if (!semverSchema.safeParse(version).success)
    throw new NodeosError('VERSION_INVALID', `${version} is not a semantic version`);
}

async function readFragment(path: string): Promise<string> {
  return readFile(assetPath('kernel-configs', path), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new NodeosError('FILE_UNREADABLE', `the kernel fragment ${path} cannot be read: ${cause.code}`, { cause });
  });
}
