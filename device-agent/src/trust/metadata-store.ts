import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Disk, isMissing, writeFileAtomically } from '../updater/disk.ts';

/** In the order in which they are verified; each depends on those before it only. */
const FILES = ['root.json', 'timestamp.json', 'snapshot.json', 'targets.json'] as const;
const TIME_FILE = 'trusted-time';
/** The time floor moves in steps of this, to spare the medium. */
const TIME_STEP_MS = 3_600_000;

/**
 * tuf-js writes its files in place, so a power cut can leave an empty root.json that ends updates for good.
 * It therefore works on a copy in RAM; what it verified is taken over file by file, atomically.
 */
export interface MetadataCopy {
  readonly folder: string;
  readonly read: (file: (typeof FILES)[number]) => Promise<Buffer | null>;
  /** Makes the verified files of the copy durable. */
  keep(): Promise<void>;
  /** Root metadata to start from. */
  useRoot(bytes: Buffer): Promise<void>;
  dispose(): Promise<void>;
}

export async function copyMetadata(disk: Disk, storeFolder: string, runFolder: string): Promise<MetadataCopy> {
  await disk.makeFolder(storeFolder);
  const folder = await mkdtemp(join(runFolder, 'tuf-'));
  for (const file of FILES) {
    try {
      await copyFile(join(storeFolder, file), join(folder, file));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  const read = (file: string) => readOrNull(join(folder, file));
  return {
    folder,
    read,
    async keep() {
      for (const file of FILES) {
        const bytes = await read(file);
        if (!bytes || (await storedEquals(disk, join(storeFolder, file), bytes))) continue;
        await writeFileAtomically(disk, join(storeFolder, file), bytes);
      }
    },
    async useRoot(bytes) {
      await writeFile(join(folder, 'root.json'), bytes);
    },
    async dispose() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Version of a root file, null where it is torn. It is not verified here. */
export function rootVersion(bytes: Buffer | null): number | null {
  try {
    const version = JSON.parse(bytes?.toString() ?? '').signed.version;
    return Number.isSafeInteger(version) ? version : null;
  } catch {
    return null;
  }
}

/** Milliseconds since 1970 that it must be by now; 0 where nothing is known. */
export async function readTrustedTime(disk: Disk, storeFolder: string): Promise<number> {
  try {
    const time = Number((await disk.readFile(join(storeFolder, TIME_FILE))).toString());
    return Number.isSafeInteger(time) && time > 0 ? time : 0;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

/**
 * Remembers a time at which metadata was valid. It lies before that metadata's expiry, so a clock that ran ahead once
 * cannot shut the device out for longer than the server's next timestamp.
 */
export async function writeTrustedTime(disk: Disk, storeFolder: string, time: number): Promise<void> {
  if (time < (await readTrustedTime(disk, storeFolder)) + TIME_STEP_MS) return;
  await writeFileAtomically(disk, join(storeFolder, TIME_FILE), String(Math.trunc(time)));
}

export async function readFactoryRoot(slotDir: string): Promise<Buffer> {
  try {
    return await readFile(join(slotDir, 'root.json'));
  } catch (cause) {
    throw new NodeosError('METADATA_INVALID', `the slot has no readable root.json: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function storedEquals(disk: Disk, path: string, bytes: Buffer): Promise<boolean> {
  try {
    return bytes.equals(await disk.readFile(path));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function readOrNull(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
