import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { bundleApp } from '../bundle/bundle-app.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import type { FactoryApp } from '../plan/factory-app.ts';

export interface BundledApp extends FactoryApp {
  /** The bundle, in the cache. */
  readonly file: string;
  readonly artefact: Artefact;
}

/**
 * Packs the app that an image brings along; the result is one that `nodeos publish` would publish.
 * @param folder of an npm package
 * @throws NodeosError as bundleApp
 */
export async function bundleFactoryApp(context: BuildContext, board: Board, folder: string): Promise<BundledApp> {
  const scratch = await mkdtemp(join(tmpdir(), 'nodeos-factory-app-'));
  try {
    const bundle = await bundleApp(context, { folder, board, out: join(scratch, 'bundle.sqfs') });
    const { sha256, bytes, manifest } = bundle;
    const artefact = await cached(context, 'factory-app', { sha256 }, (dir) =>
      copyFile(bundle.file, join(dir, 'bundle.sqfs')),
    );
    return { manifest, sha256, bytes, file: join(artefact.dir, 'bundle.sqfs'), artefact };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
