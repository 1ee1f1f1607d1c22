import { readFileSync } from 'node:fs';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import { writeFileAtomic } from '../atomic-file.ts';
import type { InstalledApp } from '../ports.ts';

/** Which version the data of an app has, and the app that can take it back. */
interface DataRecord {
  readonly version: number;
  /** Version that a migration was making when the record was written. */
  readonly underWay: number | null;
  readonly by: InstalledApp;
}
/** Runs a command of a bundle as the app's user, in its home; rejects where it does not end with code 0. */
export type RunMigration = (by: InstalledApp, command: readonly string[]) => Promise<void>;

export interface DataVersions {
  /**
   * Brings the data to the version that an app is for: up by its own migrations, down by those of the app that brought
   * it up. A migration that fails is undone, with all before it.
   * @param previous the app whose data it is where nothing was recorded; null: there is no data yet
   * @throws NodeosError APP_MIGRATION_FAILED, APP_DATA_TOO_NEW
   */
  settle(app: InstalledApp, previous: InstalledApp | null, run: RunMigration): Promise<void>;
  needsMigration(app: InstalledApp, previous: InstalledApp | null): boolean;
}

/**
 * @param folder one record an app, `<app>.json`
 * @param bundleExists whether a bundle still lies on this device
 */
export function openDataVersions(folder: string, bundleExists: (app: InstalledApp) => boolean): DataVersions {
  const path = (app: InstalledApp): string => `${folder}/${app.manifest.name}.json`;
  const write = (record: DataRecord): Promise<void> => writeFileAtomic(path(record.by), JSON.stringify(record));

  function read(app: InstalledApp): DataRecord | null {
    try {
      return JSON.parse(readFileSync(path(app), 'utf8')) as DataRecord;
    } catch {
      return null;
    }
  }

  async function goDown(record: DataRecord, to: number, run: RunMigration): Promise<void> {
    let { version } = record;
    const first = record.underWay ?? version;
    if (first > to && !bundleExists(record.by))
      throw new NodeosError('APP_DATA_TOO_NEW', `the data of ${name(record.by)} has version ${version}, not ${to}`);
    for (let at = first; at > to; at--) {
      await run(record.by, migration(record.by.manifest, at).down);
      version = at - 1;
      await write({ ...record, version, underWay: null });
    }
  }

  async function goUp(app: InstalledApp, from: number, to: number, run: RunMigration): Promise<void> {
    for (let version = from; version < to; version++) {
      // Whoever finds this after a power cut undoes what was half done.
      await write({ version, underWay: version + 1, by: app });
      try {
        await run(app, migration(app.manifest, version + 1).up);
      } catch (cause) {
        const title = `${name(app)}: the migration of its data to version ${version + 1}`;
        const undone = await goDown({ version, underWay: version + 1, by: app }, from, run).then(
          () => '',
          (error) => `; undoing it, too: ${describeError(error)}`,
        );
        throw new NodeosError('APP_MIGRATION_FAILED', `${title} ${describeError(cause)}${undone}`, { cause });
      }
      await write({ version: version + 1, underWay: null, by: app });
    }
  }

  return {
    async settle(app, previous, run) {
      const record = read(app);
      const wanted = wantedVersion(app);
      if (record === null) {
        const from = previous === null ? wanted : wantedVersion(previous);
        if (app.manifest.data === undefined && from === wanted) return;
        if (from > wanted) throw new NodeosError('APP_DATA_TOO_NEW', `${name(app)}: the data has version ${from}`);
        if (from === wanted) return write({ version: wanted, underWay: null, by: app });
        return goUp(app, from, wanted, run);
      }
      try {
        await goDown(record, Math.min(wanted, record.version), run);
      } catch (error) {
        if (error instanceof NodeosError) throw error;
        throw new NodeosError('APP_MIGRATION_FAILED', `${name(app)}: going back ${describeError(error)}`, {
          cause: error,
        });
      }
      if (wanted > record.version) return goUp(app, record.version, wanted, run);
      // Of two apps that know this version the one that runs is the one whose bundle stays.
      if (record.by.sha256 !== app.sha256 || record.underWay !== null)
        await write({ version: wanted, underWay: null, by: app });
    },
    needsMigration(app, previous) {
      const record = read(app);
      const from = record?.version ?? (previous === null ? wantedVersion(app) : wantedVersion(previous));
      return from !== wantedVersion(app) || (record?.underWay ?? null) !== null;
    },
  };
}

function wantedVersion({ manifest }: InstalledApp): number {
  return manifest.data?.version ?? 1;
}

function migration(manifest: AppManifest, version: number) {
  const found = manifest.data?.migrations[String(version)];
  if (!found) throw new NodeosError('APP_DATA_TOO_NEW', `${manifest.name} has no migration of data version ${version}`);
  return found;
}

function name({ manifest }: InstalledApp): string {
  return `${manifest.name} ${manifest.version}`;
}
