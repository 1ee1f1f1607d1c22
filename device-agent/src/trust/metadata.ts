import { join } from 'node:path';
import { DEVICE_ROUTES } from '@nodeos/contracts/device-api.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { consistentTargetPath, type ReleaseCustom, releaseCustomSchema } from '@nodeos/contracts/release.ts';
import { sha256Schema } from '@nodeos/contracts/validate.ts';
import type { Updater } from 'tuf-js';
import type { ServerHttp } from '../ports.ts';
import type { Disk } from '../updater/disk.ts';
import { type RateLimits, readBody } from './body.ts';
import { toMetadataError } from './metadata-errors.ts';
import { checkMetadataKeys } from './metadata-keys.ts';
import {
  copyMetadata,
  type MetadataCopy,
  readFactoryRoot,
  readTrustedTime,
  rootVersion,
  writeTrustedTime,
} from './metadata-store.ts';

export interface TrustPorts {
  readonly http: ServerHttp;
  readonly disk: Disk;
  /** Holds `tuf/`, the verified metadata. */
  readonly stateDir: string;
  /** Holds root.json, the root metadata that the system release came with. */
  readonly slotDir: string;
  /** A folder in RAM. */
  readonly runDir: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** When the running system was built: it cannot be earlier. Milliseconds since 1970. */
  readonly buildTimeMs: number;
  readonly limits: RateLimits & { readonly metadataMaxBytes: number };
  readonly log: (text: string) => void;
}

/** What the signed metadata says about a target. */
export interface TrustedTarget {
  readonly path: string;
  /** Path below the server's URL. */
  readonly fetchPath: string;
  /** Bytes. */
  readonly length: number;
  readonly sha256: string;
  readonly custom: ReleaseCustom;
}

/** Base that tuf-js puts before file names; our fetcher takes it off again. */
const METADATA_URL = 'https://device.invalid/tuf';

/**
 * Asks the server for its newest metadata, verifies it (TUF client workflow, section 5) and returns one target of it.
 * What was verified is kept even if a later file fails: a server cannot go behind it any more.
 * @throws NodeosError METADATA_EXPIRED, METADATA_ROLLBACK, METADATA_INVALID, RELEASE_UNKNOWN, FETCH_FAILED, FETCH_STALLED
 */
export async function findTarget(ports: TrustPorts, path: string, signal?: AbortSignal): Promise<TrustedTarget> {
  const storeFolder = join(ports.stateDir, 'tuf');
  const copy = await copyMetadata(ports.disk, storeFolder, ports.runDir);
  const time = new Date(Math.max(ports.now(), ports.buildTimeMs, await readTrustedTime(ports.disk, storeFolder)));
  const fetcher = await createFetcher(ports, signal);
  try {
    const updater = await startFromNewestRoot(ports, copy, fetcher);
    setReferenceTime(updater, time);
    try {
      await updater.refresh();
    } finally {
      await copy.keep();
    }
    const info = await updater.getTargetInfo(path);
    await writeTrustedTime(ports.disk, storeFolder, time.getTime());
    if (!info) throw new NodeosError('RELEASE_UNKNOWN', `${path} is not in the signed metadata`);
    await requireConsistentSnapshot(copy);
    return toTrustedTarget(path, info);
  } catch (error) {
    throw toMetadataError(error, fetcher.failure(), time);
  } finally {
    await copy.dispose();
  }
}

async function createFetcher(ports: TrustPorts, signal: AbortSignal | undefined) {
  const { DownloadHTTPError } = await import('tuf-js/dist/error.js');
  let failure: NodeosError | null = null;

  async function fetchMetadata(url: string, maxBytes: number): Promise<Buffer> {
    const file = url.slice(METADATA_URL.length + 1);
    const cap = Math.min(maxBytes, ports.limits.metadataMaxBytes);
    const answer = await ports.http.request('GET', `${DEVICE_ROUTES.tuf}/${file}`, { signal });
    if (answer.status !== 200) {
      answer.body.destroy();
      // TUF 5.3.3: a root that is not there means that the last one was the newest.
      if (answer.status === 404 && file.endsWith('.root.json')) throw new DownloadHTTPError(`no ${file}`, 404);
      throw new NodeosError('FETCH_FAILED', `${file}: the server answered ${answer.status}`);
    }
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of readBody(answer.body, file, ports.limits)) {
      length += piece.length;
      if (length > cap) throw new NodeosError('METADATA_INVALID', `${file} is longer than ${cap} bytes`);
      pieces.push(piece);
    }
    const bytes = Buffer.concat(pieces);
    checkMetadataKeys(bytes, file);
    return bytes;
  }

  return {
    failure: () => failure,
    async downloadBytes(url: string, maxBytes: number): Promise<Buffer> {
      try {
        return await fetchMetadata(url, maxBytes);
      } catch (error) {
        if (isNodeosError(error)) failure = error;
        throw error;
      }
    },
    downloadFile(): Promise<never> {
      throw new NodeosError('INTERNAL', 'targets are not fetched through the metadata client');
    },
  };
}

/**
 * The stored root, or the one in the slot where that is newer or the stored one is damaged. A newer one came with a
 * signed system release; the chain of roots on the server may have a gap before it.
 */
async function startFromNewestRoot(
  ports: TrustPorts,
  copy: MetadataCopy,
  fetcher: Awaited<ReturnType<typeof createFetcher>>,
): Promise<Updater> {
  const { Updater } = await import('tuf-js');
  const open = (bytes: Buffer) => {
    checkMetadataKeys(bytes, 'root.json');
    return new Updater({
      metadataDir: copy.folder,
      metadataBaseUrl: METADATA_URL,
      fetcher,
      config: {
        rootMaxLength: ports.limits.metadataMaxBytes,
        snapshotMaxLength: ports.limits.metadataMaxBytes,
        targetsMaxLength: ports.limits.metadataMaxBytes,
      },
    });
  };
  const stored = await copy.read('root.json');
  const factory = await readFactoryRoot(ports.slotDir);
  const storedVersion = rootVersion(stored);
  if (stored && storedVersion !== null && storedVersion >= (rootVersion(factory) ?? 0)) {
    try {
      return open(stored);
    } catch (error) {
      ports.log(`stored root metadata is damaged, starting again from the slot's: ${(error as Error).message}`);
    }
  }
  await copy.useRoot(factory);
  return open(factory);
}

/** tuf-js takes the system's clock; on a device without a battery that may say 1970, and nothing would ever expire. */
function setReferenceTime(updater: Updater, time: Date): void {
  const store = (updater as unknown as { trustedSet?: { referenceTime?: Date } }).trustedSet;
  if (!(store?.referenceTime instanceof Date)) throw new NodeosError('INTERNAL', 'tuf-js keeps its time elsewhere');
  store.referenceTime = time;
}

async function requireConsistentSnapshot(copy: MetadataCopy): Promise<void> {
  const root = JSON.parse((await copy.read('root.json'))?.toString() ?? '{}');
  if (root.signed?.consistent_snapshot !== true)
    throw new NodeosError('METADATA_INVALID', 'root.json does not ask for consistent snapshots');
}

function toTrustedTarget(
  path: string,
  info: { length: number; hashes: Record<string, string>; custom: unknown },
): TrustedTarget {
  const sha256 = sha256Schema.safeParse(info.hashes.sha256);
  if (!sha256.success) throw new NodeosError('METADATA_INVALID', `${path} has no sha256 in the metadata`);
  if (!Number.isSafeInteger(info.length) || info.length <= 0)
    throw new NodeosError('METADATA_INVALID', `${path} has a length of ${info.length} in the metadata`);
  const custom = releaseCustomSchema.safeParse(info.custom);
  if (!custom.success) {
    const fields = custom.error.issues.map((issue) => issue.path.join('.')).join(', ');
    throw new NodeosError('METADATA_INVALID', `${path} is described wrongly in the metadata: ${fields}`);
  }
  return {
    path,
    fetchPath: `${DEVICE_ROUTES.targets}/${consistentTargetPath(path, sha256.data)}`,
    length: info.length,
    sha256: sha256.data,
    custom: custom.data,
  };
}
