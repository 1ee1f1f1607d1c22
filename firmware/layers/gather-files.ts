import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artefact } from '../cache.ts';
import type { FatFile } from '../formats/fat.ts';
import type { BootFile, BootLayer } from '../plan/boot-files.ts';

/** What a layer's hash must know of files that are planned. */
export function describeFiles(planned: readonly BootFile[]): [path: string, content: string][] {
  return planned.map(({ path, content }) => [
    path,
    'bytes' in content ? createHash('sha256').update(content.bytes).digest('hex') : `${content.layer} ${content.file}`,
  ]);
}

/** Files on the host with the planned content: those that have bytes are written to `folder`, which is made. */
export async function gatherFiles(
  planned: readonly BootFile[],
  layers: Readonly<Partial<Record<BootLayer, Artefact>>>,
  folder: string,
): Promise<FatFile[]> {
  await mkdir(folder, { recursive: true });
  const files: FatFile[] = [];
  for (const [index, { path, content }] of planned.entries()) {
    if ('bytes' in content) {
      const source = join(folder, String(index));
      await writeFile(source, content.bytes);
      files.push({ path, source });
      continue;
    }
    const layer = layers[content.layer];
    if (!layer) throw new RangeError(`${path} is planned from a layer that is not there: ${content.layer}`);
    files.push({ path, source: join(layer.dir, content.file) });
  }
  return files;
}
