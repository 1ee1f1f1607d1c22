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
import { buildBlockMap } from './layers/block-map.ts';
import { buildBootCode } from './layers/boot-code.ts';
import { buildBootfs } from './layers/bootfs.ts';
import { buildCommandLine } from './layers/command-line.ts';
import { buildDeviceTrees } from './layers/device-trees.ts';
import { buildDiscLoader } from './layers/disc-loader.ts';
import { driverFirmware } from './layers/driver-firmware.ts';
import { type BundledApp, bundleFactoryApp } from './layers/factory-app.ts';
import { buildImage } from './layers/image.ts';
import { buildInit } from './layers/init.ts';
import { buildInitramfs } from './layers/initramfs.ts';
import { buildIso } from './layers/iso.ts';
import { buildKernel } from './layers/kernel.ts';
import { copyOut, type OutputFile } from './layers/output.ts';
import { type PackageTree, unpackPackages } from './layers/packages.ts';
import { buildPackedImage, buildQcow2 } from './layers/packed-image.ts';
import { buildBarebonesRootfs, buildRootfs, buildRootInputs, type Rootfs } from './layers/rootfs.ts';
import { buildSlot } from './layers/slot.ts';
import { type BuiltLayer, Steps } from './layers/steps.ts';
import { boardToolchain } from './layers/toolchain.ts';
import { buildOci, buildTar, type UserlandRequest } from './layers/userland.ts';
import { buildUsersfs } from './layers/usersfs.ts';
import { rawFiles } from './plan/boot-files.ts';
import { withRoomFor } from './plan/factory-app.ts';
import { FORMATS, type Format, requireFormat } from './plan/formats.ts';
import { diskSeed, type ImageIdentity, imageIdentity } from './plan/identity.ts';
import { type BuildPlan, planImage } from './plan/image-plan.ts';
import { EFI_VOLUME_BYTES, isoBoard } from './plan/iso.ts';
import { rootPackages } from './plan/root-files.ts';

export type { BuiltLayer, Format };
export { FORMATS };

export const LAYERS = ['barebones', 'initramfs', 'rootfs', 'usersfs', 'bootfs', 'slot', 'image'] as const;
export type Layer = (typeof LAYERS)[number];

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

export interface BuildRequest extends SystemRequest {
  readonly layer: Layer;
}

export interface FormatsRequest extends SystemRequest {
  readonly formats: readonly Format[];
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
  return deliver(context, request, (steps, build) => buildOutputs(steps, { ...build, layer: request.layer }));
}

/**
 * Builds an image in each of the formats. The kinds of the result's files are the formats; `img` and `img.zst` have a
 * block map beside them (`bmap`), `barebones` is the files of that layer.
 * @throws NodeosError of every layer; VERSION_INVALID, FORMAT_UNSUPPORTED before anything is built
 */
export async function buildFormats(context: BuildContext, request: FormatsRequest): Promise<BuildResult> {
  for (const format of request.formats) requireFormat(request.board, format);
  return deliver(context, request, async (steps, build) => {
    const outputs: Record<string, OutputFile> = {};
    // One after the other: they share most layers, which the first one makes.
    for (const format of request.formats) Object.assign(outputs, await formatOutputs(steps, build, format));
    return outputs;
  });
}

/** A request with what all its steps share. */
interface Build extends SystemRequest {
  readonly identity: ImageIdentity;
  readonly bundle: BundledApp | null;
}

async function deliver(
  context: BuildContext,
  request: SystemRequest,
  make: (steps: Steps, build: Build) => Promise<Record<string, OutputFile>>,
): Promise<BuildResult> {
  assertVersion(request.systemVersion);
  const seed = identitySeed(request);
  const identity = imageIdentity(seed, diskSeed(request.board, seed));
  const steps = new Steps(context);
  const bundle = request.app === undefined ? null : await bundleFactoryApp(steps.context, request.board, request.app);
  if (bundle) steps.note(bundle.artefact);
  const outputs = await make(steps, { ...request, board: withRoomFor(request.board, bundle), identity, bundle });
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

async function formatOutputs(steps: Steps, build: Build, format: Format): Promise<Record<string, OutputFile>> {
  const name = `nodeos-${build.board.name}-${build.systemVersion}`;
  switch (format) {
    case 'img':
    case 'img.zst': {
      const made = await disk(steps, build);
      const map = steps.note(await buildBlockMap(steps.context, { board: build.board, ...made }));
      const packed = format === 'img' ? null : steps.note(await buildPackedImage(steps.context, made.image));
      return {
        [format]: packed
          ? { source: join(packed.dir, 'disk.img.zst'), name: `${name}.img.zst` }
          : { source: join(made.image.dir, 'disk.img'), name: `${name}.img` },
        bmap: { source: join(map.dir, 'disk.bmap'), name: `${name}.img.bmap` },
      };
    }
    case 'qcow2': {
      const { image } = await disk(steps, build);
      const { dir } = steps.note(await buildQcow2(steps.context, image));
      return { qcow2: { source: join(dir, 'disk.qcow2'), name: `${name}.qcow2` } };
    }
    case 'barebones':
      return buildOutputs(steps, { ...build, layer: 'barebones' });
    case 'iso': {
      const { dir } = await iso(steps, build);
      return { iso: { source: join(dir, 'disc.iso'), name: `${name}.iso` } };
    }
    case 'oci': {
      const { dir } = steps.note(await buildOci(steps.context, await userland(steps, build)));
      return { oci: { source: join(dir, 'image.oci.tar'), name: `${name}.oci.tar` } };
    }
    case 'tar': {
      const { dir } = steps.note(await buildTar(steps.context, await userland(steps, build)));
      return { tar: { source: join(dir, 'root.tar'), name: `${name}.tar` } };
    }
  }
}

async function buildOutputs(steps: Steps, request: Build & BuildRequest): Promise<Record<string, OutputFile>> {
  const { board, layer, systemVersion } = request;
  const prefix = `nodeos-${board.name}`;
  switch (layer) {
    case 'barebones': {
      const [kernelImage, { dir }] = await barebones(steps, board);
      const words = await buildCommandLine(steps.context, `${board.kernel.commandLine} nodeos.mode=barebones`);
      return {
        kernel: { source: join(kernelImage.dir, 'kernel'), name: 'barebones/kernel' },
        initramfs: { source: join(dir, 'initramfs.img'), name: 'barebones/initramfs.img' },
        commandLine: { source: join(words.dir, 'command-line'), name: 'barebones/command-line' },
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
      const { dir } = await usersfs(steps, request);
      return { usersfs: { source: join(dir, 'data.ext4'), name: `${prefix}-data.ext4` } };
    }
    case 'bootfs': {
      const { code, bootfs } = await boot(steps, request);
      return {
        bootfs: { source: join(bootfs.dir, 'boot.fat'), name: `${prefix}-boot.fat` },
        ...rawOutputs(board, code, prefix),
      };
    }
    case 'slot':
      return slotOutputs(await slot(steps, request), `${prefix}-${systemVersion}`);
    case 'image': {
      const { image, slot: slotImage } = await disk(steps, request);
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

interface Disk {
  readonly image: Artefact;
  readonly bootfs: Artefact;
  readonly slot: Artefact;
}

function disk(steps: Steps, build: Build): Promise<Disk> {
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

async function userland(steps: Steps, build: Build): Promise<UserlandRequest> {
  const { board, systemVersion, bundle: app } = build;
  const { artefact } = await rootfs(steps, build);
  return { board, systemVersion, rootfs: artefact, app, modified: await sourceDate(steps, board) };
}

/** A disc has a disk signature of its own: the disk of the same build may be in the same machine. */
async function iso(steps: Steps, build: Build): Promise<Artefact> {
  const { context } = steps;
  const seed = `${identitySeed(build)} iso`;
  const identity = imageIdentity(seed, diskSeed(build.board, seed));
  const board = isoBoard(build.board);
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

function slot(steps: Steps, build: Build): Promise<Artefact> {
  return steps.once('slot', () => makeSlot(steps, build));
}

async function makeSlot(steps: Steps, build: Build): Promise<Artefact> {
  const { board, systemVersion, trustRoot, identity } = build;
  const [kernelImage, firstRoot, root, code, buildTime] = await steps.together(
    kernel(steps, board),
    initramfs(steps, board),
    rootfs(steps, build),
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

function rootfs(steps: Steps, build: Build): Promise<Rootfs> {
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

async function boot(steps: Steps, build: Build): Promise<{ code: Artefact; bootfs: Artefact }> {
  const { board, identity, fleetFile = null } = build;
  const code = await bootCode(steps, board);
  const modified = await sourceDate(steps, board);
  const bootfs = await buildBootfs(steps.context, { board, identity, bootCode: code, fleetFile, modified });
  return { code, bootfs: steps.note(bootfs) };
}

function bootCode(steps: Steps, board: Board): Promise<Artefact> {
  return steps.once('boot code', async () => steps.note(await buildBootCode(steps.context, board)));
}

async function usersfs(steps: Steps, { board, identity, bundle }: Build): Promise<Artefact> {
  return steps.note(await buildUsersfs(steps.context, board, identity, await sourceDate(steps, board), bundle));
}

/** The one date in an image: that of the newest package in it. */
async function sourceDate(steps: Steps, board: Board): Promise<number> {
  return (await packages(steps, board)).newestChange;
}

/** Fleet file, app and agent are left out: both may differ between images of one product. */
function identitySeed({ board, systemVersion, trustRoot }: SystemRequest): string {
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
