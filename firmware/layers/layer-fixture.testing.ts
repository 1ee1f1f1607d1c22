import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Artefact } from '../cache.ts';
import type { BuildContext } from '../context.ts';

/** A folder for one test file, with contexts and artefacts below it. */
export class LayerFixture {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<LayerFixture> {
    return new LayerFixture(await mkdtemp(join(tmpdir(), 'nodeos-layers-')));
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** A context with an empty cache of that name. */
  context(cache = 'cache'): BuildContext {
    const cacheRoot = join(this.folder, cache);
    return { cacheRoot, signal: new AbortController().signal, progress: () => {}, locked: false };
  }

  /** A finished step that holds the given files. */
  async artefact(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<Artefact> {
    const dir = join(this.folder, 'artefacts', name);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), content);
    }
    return { name, hash: name, dir, cached: false, seconds: 0 };
  }
}
