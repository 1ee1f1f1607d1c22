import { readdir } from 'node:fs/promises';
import type { Board } from '@nodeos/contracts/board.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { Artefact } from '../cache.ts';
import { diskSeed, type ImageIdentity, imageIdentity } from '../plan/identity.ts';
import { EFI_VOLUME_BYTES, isoBoard } from '../plan/iso.ts';
import { rootPackages } from '../plan/root-files.ts';
import { buildAddon } from './addon.ts';
import { buildAgent } from './agent.ts';
import { buildBlockMap } from './block-map.ts';
import { buildBootCode } from './boot-code.ts';
import { buildBootfs } from './bootfs.ts';
import { buildDeviceTrees } from './device-trees.ts';
import { buildDiscLoader } from './disc-loader.ts';
import { driverFirmware } from './driver-firmware.ts';
import type { BundledApp } from './factory-app.ts';
import { buildImage } from './image.ts';
import { buildInit } from './init.ts';
import { buildInitramfs } from './initramfs.ts';
import { buildIso } from './iso.ts';
import { buildKernel } from './kernel.ts';
import { type PackageTree, unpackPackages } from './packages.ts';
import { buildBarebonesRootfs, buildRootfs, buildRootInputs, type Rootfs } from './rootfs.ts';
import { type SealedRoot, sealRoot } from './sealed-root.ts';
import { buildSlot } from './slot.ts';
import type { Steps } from './steps.ts';
import { boardToolchain } from './toolchain.ts';
import type { UserlandRequest } from './userland.ts';
import { buildUsersfs } from './usersfs.ts';

export interface SystemRequest {
  readonly board: Board;
  /** Semantic version of the system release. */
  readonly systemVersion: string;
  /** TUF root metadata, the factory root of trust; null for a device that trusts no release. */
  readonly trustRoot: Buffer | null;
  /** Put on the first partition. */
  readonly fleetFile?: FleetFile;
  /** Folder of an npm package that devices run from their first boot on, without a server. */
  readonly app?: string;
  /** JavaScript file that is used instead of the agent's bundle. */
  readonly agentOverride?: string;
  /** Folder that the results are copied to; without it they stay in the cache. */
  readonly out?: string;
}

/** A request with what all its steps share. */
export interface Build extends SystemRequest {
  /** Text that names what the identity is made from. */
  readonly seed: string;
  readonly identity: ImageIdentity;
  readonly bundle: BundledApp | null;
}

const KERNEL_ARCHITECTURES = { x64: 'x86_64', ia32: 'i386', arm64: 'arm64', arm: 'arm' } as const;

interface Disk {
  readonly image: Artefact;
  readonly bootfs: Artefact;
  readonly slot: Artefact;
}

export function disk(steps: Steps, build: Build): Promise<Disk> {
  return steps.once('disk', async () => {
    const { board, identity } = build;
    const [slotImage, { code, bootfs }, data] = await steps.together(
      slot(steps, build),
      boot(steps, build),
      usersfs(steps, build),
    );
    const layers = { bootCode: code, bootfs, slot: slotImage, usersfs: data };
    const image = steps.note(await buildImage(steps.context, { board, identity, ...layers }));
    return { image, bootfs, slot: slotImage };
  });
}

export function blockMap(steps: Steps, build: Build): Promise<Artefact> {
  return steps.once('block map', async () => {
    const made = await disk(steps, build);
    return steps.note(await buildBlockMap(steps.context, { board: build.board, ...made }));
  });
}

export async function userland(steps: Steps, build: Build): Promise<UserlandRequest> {
  const { board, systemVersion, bundle: app } = build;
  const { artefact } = await rootfs(steps, build);
  return { board, systemVersion, rootfs: artefact, app, modified: await sourceDate(steps, board) };
}

/** A disc has a disk signature of its own: the disk of the same build may be in the same machine. */
export async function iso(steps: Steps, build: Build): Promise<Artefact> {
  const { context } = steps;
  const seed = `${build.seed} iso`;
  const identity = imageIdentity(seed, diskSeed(build.board, seed));
  const board = isoBoard((await sealedRoot(steps, build)).board);
  const { fleetFile = null, bundle: app } = build;
  const slotImage = await slot(steps, build);
  const [code, modified] = await steps.together(bootCode(steps, board), sourceDate(steps, board));
  const common = { board, identity, modified, bootCode: code };
  const layers = {
    discLoader: steps.note(await buildDiscLoader(context, { ...common, efiBytes: EFI_VOLUME_BYTES })),
    bootfs: steps.note(await buildBootfs(context, { ...common, fleetFile })),
    usersfs: steps.note(await buildUsersfs(context, board, identity, modified, app)),
  };
  return steps.note(await buildIso(context, { ...common, ...layers, slot: slotImage, app }));
}

export function slot(steps: Steps, build: Build): Promise<Artefact> {
  return steps.once('slot', () => makeSlot(steps, build));
}

async function makeSlot(steps: Steps, build: Build): Promise<Artefact> {
  const { systemVersion, trustRoot, identity } = build;
  const [kernelImage, firstRoot, sealed, { nodeVersion }, code, buildTime] = await steps.together(
    kernel(steps, build.board),
    initramfs(steps, build.board),
    sealedRoot(steps, build),
    rootfs(steps, build),
    bootCode(steps, build.board),
    sourceDate(steps, build.board),
  );
  const { board } = sealed;
  const deviceTrees = steps.note(await buildDeviceTrees(steps.context, board, kernelImage));
  const layers = {
    kernel: kernelImage,
    initramfs: firstRoot,
    rootfs: sealed.rootfs,
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

export async function initramfs(steps: Steps, board: Board): Promise<Artefact> {
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

function sealedRoot(steps: Steps, build: Build): Promise<SealedRoot> {
  return steps.once('sealed root', async () => {
    const sealed = await sealRoot(steps.context, build.board, (await rootfs(steps, build)).artefact);
    if (build.board.verity) steps.note(sealed.rootfs);
    return sealed;
  });
}

export function rootfs(steps: Steps, build: Build): Promise<Rootfs> {
  return steps.once('rootfs', () => makeRootfs(steps, build));
}

async function makeRootfs(steps: Steps, { board, agentOverride }: Build): Promise<Rootfs> {
  const { context } = steps;
  const toolchain = await boardToolchain(context, board);
  const agent = steps.note(await buildAgent(context, agentOverride));
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

export async function barebones(steps: Steps, board: Board): Promise<[Artefact, Artefact]> {
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

export async function boot(steps: Steps, build: Build): Promise<{ code: Artefact; bootfs: Artefact }> {
  const { board, identity, fleetFile = null } = build;
  const code = await bootCode(steps, board);
  const modified = await sourceDate(steps, board);
  const bootfs = await buildBootfs(steps.context, { board, identity, bootCode: code, fleetFile, modified });
  return { code, bootfs: steps.note(bootfs) };
}

function bootCode(steps: Steps, board: Board): Promise<Artefact> {
  return steps.once('boot code', async () => steps.note(await buildBootCode(steps.context, board)));
}

export async function usersfs(steps: Steps, { board, identity, bundle }: Build): Promise<Artefact> {
  return steps.note(await buildUsersfs(steps.context, board, identity, await sourceDate(steps, board), bundle));
}

/** The one date in an image: that of the newest package in it. */
async function sourceDate(steps: Steps, board: Board): Promise<number> {
  return (await packages(steps, board)).newestChange;
}
