import { readFile } from 'node:fs/promises';
import { type SlotManifest, slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { BuiltLayer } from '@nodeos/firmware/layers/steps.ts';
import type { StoryContext } from '../context.ts';
import { expectThat, megabytes, type StepOutcome } from '../reporter.ts';
import { buildSystem, FIRST_SYSTEM } from '../system-releases.ts';

export interface BuiltImage {
  readonly image: string;
  readonly imageBytes: number;
  readonly slotBytes: number;
  readonly manifest: SlotManifest;
  readonly layers: readonly BuiltLayer[];
}

/** Step 1: kernel, root and disk image from their sources. */
export async function buildDemoImage(context: StoryContext): Promise<StepOutcome<BuiltImage>> {
  const { files, sizes, layers } = await buildSystem(context, 'image', FIRST_SYSTEM);
  const { image } = files;
  expectThat(image !== undefined && files.manifest !== undefined, 'a disk image', JSON.stringify(files));
  const manifest = parseJson(slotManifestSchema, await readFile(files.manifest, 'utf8'), 'manifest.json');
  const [imageBytes, slotBytes] = [sizes.image ?? 0, sizes.slot ?? 0];
  const made = layers.filter((layer) => !layer.cached);
  const sizeOf = (name: string): string => megabytes(manifest.files[name]?.bytes ?? 0);
  return {
    value: { image, imageBytes, slotBytes, manifest, layers },
    facts: [
      `kernel ${sizeOf('kernel')} (Linux ${manifest.kernelRelease})`,
      `root ${sizeOf('rootfs.sqfs')} (Node ${manifest.nodeVersion})`,
      `slot ${megabytes(slotBytes)}`,
      `image ${megabytes(imageBytes)}`,
      made.length === 0
        ? 'every layer from the cache'
        : `made: ${made.map((layer) => `${layer.name} ${layer.seconds.toFixed(0)} s`).join(', ')}`,
    ],
  };
}
