import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { appManifestOf } from '@nodeos/firmware/bundle/app-manifest.ts';
import { type Bundle, bundleApp, readAppPackage } from '@nodeos/firmware/bundle/bundle-app.ts';
import { lockFileIn } from '@nodeos/firmware/bundle/lock-file.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import { RUNNER_FILE, RUNNER_SOURCE } from './device-runner.ts';

/** An app's dependencies and the runner; the app's own files come later. */
export interface DevelopmentApp {
  readonly name: string;
  readonly version: string;
  bundle(): Promise<Bundle>;
}

/**
 * The development version of an app: `<version>-dev.<hash>`, the same as long as dependencies and settings stay.
 * @param scratch an empty folder
 */
export async function developmentApp(
  context: BuildContext,
  folder: string,
  board: Board,
  scratch: string,
): Promise<DevelopmentApp> {
  const source = await readAppPackage(folder);
  const manifest = appManifestOf(source, join(folder, 'package.json'));
  const lock = lockFileIn(folder);
  const lockText = lock === null ? '' : await readFile(join(folder, lock), 'utf8');
  const { nodeos, dependencies, optionalDependencies } = source;
  const settings = nodeos as Record<string, unknown> | undefined;
  const own = {
    name: source.name,
    private: true,
    type: 'commonjs',
    scripts: { start: `node ${RUNNER_FILE}` },
    dependencies,
    optionalDependencies,
    nodeos: {
      ...pick(settings, ['user', 'devices', 'network', 'memoryMiB', 'dependsOn']),
      env: {
        ...manifest.env,
        ...(manifest.ports[0] !== undefined && { PORT: String(manifest.ports[0]) }),
        NODEOS_DEV_START: JSON.stringify(manifest.start),
      },
      // The app may fail to start for as long as its author likes: nobody waits for it to be healthy.
      ...{ soakMs: 0, swap: 'stop-first', stopGraceMs: 2_000 },
    },
  };
  const hash = createHash('sha256').update(JSON.stringify(own)).update(lockText).update(RUNNER_SOURCE).digest('hex');
  const version = `${manifest.version.replace(/[-+].*$/, '')}-dev.${hash.slice(0, 10).replace(/^0+(?=\d+$)/, '')}`;
  return {
    name: manifest.name,
    version,
    async bundle() {
      const app = join(scratch, 'app');
      await mkdir(app);
      await writeFile(join(app, 'package.json'), JSON.stringify({ ...own, version, files: [RUNNER_FILE] }));
      await writeFile(join(app, RUNNER_FILE), RUNNER_SOURCE);
      if (lock !== null) await copyFile(join(folder, lock), join(app, lock));
      return bundleApp(context, { folder: app, board, out: join(scratch, `${manifest.name}-${version}.sqfs`) });
    },
  };
}

function pick(source: Record<string, unknown> | undefined, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.flatMap((name) => (source && name in source ? [[name, source[name]]] : [])));
}
