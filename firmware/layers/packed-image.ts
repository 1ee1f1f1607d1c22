import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;
/** Most of an image is compressed already, the rest is zeros: higher levels only take longer. */
const LEVEL = 9;

/** The disk, compressed, with its size in the frame's header. @returns a folder with `disk.img.zst` */
export async function buildPackedImage(context: BuildContext, image: Artefact): Promise<Artefact> {
  return cached(context, 'img.zst', { recipe: RECIPE, level: LEVEL, image: image.hash }, async (dir) => {
    context.progress({ step: 'img.zst', message: 'compressing the disk' });
    const source = join(image.dir, 'disk.img');
    const compress = createZstdCompress({
      pledgedSrcSize: (await stat(source)).size,
      params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    const { signal } = context;
    await pipeline(createReadStream(source), compress, createWriteStream(join(dir, 'disk.img.zst')), { signal });
  });
}

/** The disk for virtual machines, which take no space for its zeros. @returns a folder with `disk.qcow2` */
export async function buildQcow2(context: BuildContext, image: Artefact): Promise<Artefact> {
  return cached(context, 'qcow2', { recipe: RECIPE, image: image.hash }, async (dir) => {
    context.progress({ step: 'qcow2', message: 'converting the disk' });
    // One worker in order (-m 1, without -W): clusters stand in the order of the disk, so the bytes are always the same.
    const words = ['convert', '-m', '1', '-f', 'raw', '-O', 'qcow2', '-o', 'compat=1.1,lazy_refcounts=off'];
    await runTool('qemu-img', [...words, join(image.dir, 'disk.img'), join(dir, 'disk.qcow2')], {
      signal: context.signal,
    });
  });
}
