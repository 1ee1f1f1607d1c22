import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { semverSchema } from '@nodeos/contracts/validate.ts';
import { assetPath } from './assets.ts';
import type { Artefact } from './cache.ts';
import { limitCache } from './cache-limit.ts';
import type { BuildContext } from './context.ts';
import { buildCommandLine } from './layers/command-line.ts';
import { bundleFactoryApp } from './layers/factory-app.ts';
import { copyOut, type OutputFile } from './layers/output.ts';
import { buildPackedImage, buildQcow2 } from './layers/packed-image.ts';
import { type BuiltLayer, Steps } from './layers/steps.ts';
import {
  type Build,
  barebones,
  blockMap,
  boot,
  disk,
  initramfs,
  iso,
  rootfs,
  type SystemRequest,
  slot,
  userland,
  usersfs,
} from './layers/system.ts';
import { buildOci, buildTar } from './layers/userland.ts';
import { rawFiles } from './plan/boot-files.ts';
import { withRoomFor } from './plan/factory-app.ts';
import { FORMATS, type Format, requireFormat } from './plan/formats.ts';
import { diskSeed, imageIdentity } from './plan/identity.ts';
import { type BuildPlan, planImage } from './plan/image-plan.ts';

export type { BuiltLayer, Format, SystemRequest };
export { FORMATS };

export const LAYERS = ['barebones', 'initramfs', 'rootfs', 'usersfs', 'bootfs', 'slot', 'image'] as const;
export type Layer = (typeof LAYERS)[number];

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
  const outputs = await make(steps, { ...request, board: withRoomFor(request.board, bundle), seed, identity, bundle });
  const { files, sizes } = await copyOut(context, outputs, request.out, request.fleetFile !== undefined);
  if (steps.reports.some(({ cached }) => !cached)) await limitCache(context);
  return { files, sizes, layers: steps.reports, diskId: identity.diskId };
}

/** What a build would do, without doing it. @throws NodeosError LAYOUT_OVERLAP, INPUT_INVALID, VERSION_INVALID */
export async function planBuild(
  request: Pick<SystemRequest, 'board' | 'systemVersion' | 'trustRoot' | 'fleetFile' | 'app'>,
): Promise<BuildPlan> {
  const { board, systemVersion } = request;
  assertVersion(systemVersion);
  const read = async (path: string): Promise<[string, string]> => [path, await readFragment(path)];
  return planImage(board, {
    systemVersion,
    fleetFile: request.fleetFile !== undefined,
    trustRoot: request.trustRoot !== null,
    app: request.app,
    fragments: Object.fromEntries(await Promise.all(board.kernel.fragments.map(read))),
  });
}

async function formatOutputs(steps: Steps, build: Build, format: Format): Promise<Record<string, OutputFile>> {
  const name = `nodeos-${build.board.name}-${build.systemVersion}`;
  switch (format) {
    case 'img':
    case 'img.zst': {
      const { image } = await disk(steps, build);
      const packed = format === 'img' ? null : steps.note(await buildPackedImage(steps.context, image));
      return {
        [format]: packed
          ? { source: join(packed.dir, 'disk.img.zst'), name: `${name}.img.zst` }
          : { source: join(image.dir, 'disk.img'), name: `${name}.img` },
        ...(await mapOutput(steps, build)),
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
        ...(await mapOutput(steps, request)),
        ...slotOutputs(slotImage, `${prefix}-${systemVersion}`),
      };
    }
  }
}

/** Beside the image, under its name: so other programs find it. */
async function mapOutput(steps: Steps, build: Build): Promise<Record<string, OutputFile>> {
  const { dir } = await blockMap(steps, build);
  const name = `nodeos-${build.board.name}-${build.systemVersion}.img.bmap`;
  return { bmap: { source: join(dir, 'disk.bmap'), name } };
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
