import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { Metadata, MetadataKind, type Root, type Snapshot, type Timestamp } from '@tufjs/models';
import { writeFileAtomic } from '../atomic-file.ts';
import type { Blobs } from '../blobs/blobs.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { Sequence } from '../sequence.ts';
import type { ReleaseRecord } from '../store/releases.ts';
import type { Store } from '../store/store.ts';
import {
  checkNotExpired,
  checkRootChain,
  checkSigned,
  onlineKeyIds,
  parseMetadata,
  parseRoot,
  parseTargets,
  readTarget,
} from './checks.ts';
import type { OnlineKey, OnlineRole } from './online-keys.ts';
import { makeSnapshot, makeTimestamp, signedText } from './online-metadata.ts';
import { checkReleases } from './releases.ts';

export interface RepositoryOptions {
  /** Folder of the metadata files, named as clients ask for them. */
  readonly folder: string;
  readonly keys: Readonly<Record<OnlineRole, OnlineKey>>;
  readonly blobs: Blobs;
  readonly store: Store;
  readonly now?: () => number;
  /** Runs work while nobody else writes to the folder; the default keeps order in this process. */
  readonly exclusively?: <T>(work: () => Promise<T>) => Promise<T>;
}

/** A TUF repository with consistent snapshots. Files are the truth: what `timestamp.json` leads to is published. */
export interface Repository {
  /** Version of the newest root, null before the first. */
  rootVersion(): Promise<number | null>;
  /** @throws NodeosError METADATA_INVALID, METADATA_STALE, SIGNATURE_INVALID, METADATA_EXPIRED */
  putRoot(text: string): Promise<void>;
  /**
   * Publishes signed targets: all checks first, then snapshot and timestamp.
   * @returns the number of releases listed now
   * @throws NodeosError also RELEASE_EXISTS, NOT_FOUND and LENGTH_MISMATCH for blobs
   */
  putTargets(text: string): Promise<number>;
  /** Content of a metadata file by a client's name; `root.json` and `targets.json` mean the newest. Read from disk each time. */
  read(file: string): Promise<Buffer | null>;
  /** Signs snapshot and timestamp anew where less than half of their lifetime is left. */
  refresh(): Promise<void>;
}

/**
 * A file of this name in the folder says that it came from a backup: devices may have seen newer versions than are here,
 * so the next ones take the seconds since 1970, which counting never reaches.
 */
export const RESTORED_MARK = 'restored';

export async function openRepository(options: RepositoryOptions): Promise<Repository> {
  const { folder, keys, blobs, store } = options;
  const now = options.now ?? Date.now;
  const sequence = new Sequence();
  const exclusively = options.exclusively ?? ((work) => sequence.run(work));
  await exclusively(async () => {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) if (name.endsWith('.part')) await rm(join(folder, name));
  });

  const readText = async (name: string): Promise<string | null> => {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  };
  const write = (name: string, text: string): Promise<void> => writeFileAtomic(join(folder, name), text);

  const rootVersion = async (): Promise<number | null> => {
    const versions = (await readdir(folder)).map((name) => Number(/^(\d+)\.root\.json$/.exec(name)?.[1] ?? 0));
    return Math.max(0, ...versions) || null;
  };
  const currentRoot = async (): Promise<Metadata<Root> | null> => {
    const version = await rootVersion();
    return version === null ? null : parseRoot((await readText(`${version}.root.json`)) ?? '');
  };
  const currentTimestamp = async (): Promise<Metadata<Timestamp> | null> => {
    const text = await readText('timestamp.json');
    if (text === null) return null;
    return parseMetadata(text, 'timestamp.json', (data) => Metadata.fromJSON(MetadataKind.Timestamp, data));
  };
  const currentSnapshot = async (timestamp: Metadata<Timestamp>): Promise<Metadata<Snapshot>> => {
    const name = `${timestamp.signed.snapshotMeta.version}.snapshot.json`;
    return parseMetadata((await readText(name)) ?? '', name, (data) => Metadata.fromJSON(MetadataKind.Snapshot, data));
  };
  /** Version of the published targets, 0 before the first. */
  const targetsVersion = async (): Promise<number> => {
    const timestamp = await currentTimestamp();
    if (timestamp === null) return 0;
    return (await currentSnapshot(timestamp)).signed.meta['targets.json']?.version ?? 0;
  };

  const restored = async (): Promise<boolean> => (await readText(RESTORED_MARK)) !== null;
  const after = async (version: number): Promise<number> =>
    (await restored()) ? Math.max(version + 1, Math.floor(now() / 1000)) : version + 1;

  /** Writes snapshot (a new one where `targets` is given), then the timestamp: only that makes it published. */
  const signOnline = async (
    root: Metadata<Root>,
    newTargets: { version: number; text: string } | null,
  ): Promise<void> => {
    const ids = onlineKeyIds(root.signed, keys);
    const timestamp = await currentTimestamp();
    let snapshotVersion = timestamp?.signed.snapshotMeta.version ?? 0;
    if (newTargets !== null) {
      snapshotVersion = await after(snapshotVersion);
      const snapshot = makeSnapshot(snapshotVersion, now() + SERVER_LIMITS.snapshotLifetimeMs, newTargets);
      await write(`${snapshotVersion}.snapshot.json`, signedText(snapshot, keys.snapshot, ids.snapshot));
    } else if (timestamp !== null) {
      // What somebody changed on the disk must not get this server's signature.
      checkSigned(root, await currentSnapshot(timestamp), 'snapshot', `${snapshotVersion}.snapshot.json on the server`);
    }
    const text = (await readText(`${snapshotVersion}.snapshot.json`)) ?? '';
    const version = await after(timestamp?.signed.version ?? 0);
    const next = makeTimestamp(version, now() + SERVER_LIMITS.timestampLifetimeMs, { version: snapshotVersion, text });
    await write('timestamp.json', signedText(next, keys.timestamp, ids.timestamp));
    if (newTargets !== null) await rm(join(folder, RESTORED_MARK), { force: true });
  };

  const whatIsDue = async (): Promise<'snapshot' | 'timestamp' | null> => {
    const timestamp = await currentTimestamp();
    if (timestamp === null || (await currentRoot()) === null) return null;
    const left = (expires: string): number => new Date(expires).getTime() - now();
    const snapshot = await currentSnapshot(timestamp);
    if ((await restored()) || left(snapshot.signed.expires) < SERVER_LIMITS.snapshotLifetimeMs / 2) return 'snapshot';
    return left(timestamp.signed.expires) < SERVER_LIMITS.timestampLifetimeMs / 2 ? 'timestamp' : null;
  };
  const signAnew = async (): Promise<void> => {
    const due = await whatIsDue();
    const root = await currentRoot();
    if (due === null || root === null) return;
    if (due === 'timestamp') return signOnline(root, null);
    const version = await targetsVersion();
    const text = await readText(`${version}.targets.json`);
    checkSigned(root, parseTargets(text ?? ''), 'targets', `${version}.targets.json on the server`);
    await signOnline(root, { version, text: text ?? '' });
  };

  const repository: Repository = {
    rootVersion,

    putRoot: (text) =>
      exclusively(async () => {
        const root = parseRoot(text);
        const previous = await currentRoot();
        const present = await readText(`${root.signed.version}.root.json`);
        if (previous !== null && present !== null && sameJson(present, text)) return;
        checkRootChain(root, previous);
        checkNotExpired(root, now(), 'root.json');
        onlineKeyIds(root.signed, keys);
        await write(`${root.signed.version}.root.json`, text);
      }),

    putTargets: (text) =>
      exclusively(async () => {
        const root = await currentRoot();
        if (root === null)
          throw new NodeosError('METADATA_INVALID', 'the server has no root metadata yet', {
            hint: 'Make the keys with `nodeos keys init` and publish with `nodeos publish`: it uploads root.json first.',
          });
        const targets = parseTargets(text);
        checkSigned(root, targets, 'targets', 'targets.json');
        checkNotExpired(targets, now(), 'targets.json');
        const current = await targetsVersion();
        const { version } = targets.signed;
        const signed = Object.values(targets.signed.targets).map(readTarget);
        // The answer to an earlier, equal upload was lost: it is done.
        if (version === current && sameJson((await readText(`${version}.targets.json`)) ?? '', text))
          return signed.length;
        if (version !== current + 1)
          throw new NodeosError(
            'METADATA_STALE',
            `targets.json has version ${version}, the next one is ${current + 1}`,
          );
        const releases = await checkReleases(signed, blobs, store, now());
        await write(`${version}.targets.json`, text);
        await signOnline(root, { version, text });
        await listReleases(store, releases);
        return signed.length;
      }),

    async read(file) {
      const newest = async (): Promise<string> => {
        if (file === 'root.json') return `${await rootVersion()}.root.json`;
        if (file === 'targets.json') return `${await targetsVersion()}.targets.json`;
        return file;
      };
      if (!/^((\d{1,10}\.)?(root|targets|snapshot)|timestamp)\.json$/.test(file)) return null;
      const text = await readText(await newest());
      return text === null ? null : Buffer.from(text);
    },

    async refresh() {
      // Looked at before: most of the time there is nothing to wait for.
      if ((await whatIsDue()) !== null) await exclusively(signAnew);
    },
  };
  return repository;
}

/** Makes the store list exactly these releases. */
async function listReleases(store: Store, releases: readonly ReleaseRecord[]): Promise<void> {
  await store.transaction(async (inside) => {
    const listed = new Set(releases.map((release) => release.target));
    for (const release of await inside.releases.list())
      if (release.listed && !listed.has(release.target)) await inside.releases.put({ ...release, listed: false });
    for (const release of releases) await inside.releases.put(release);
  });
}

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false;
  }
}
