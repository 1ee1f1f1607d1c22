import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../run-tool.ts';
import type { DriveHandle } from './drive-handle.ts';
import { openDrive } from './drive-handle.ts';
import type { Drive } from './drives.ts';

interface TestScope {
  after(cleanup: () => Promise<void> | void): void;
}
export const MIB = 1_048_576;

/** A folder that the test's end removes. */
export async function temporaryFolder(test: TestScope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-flash-'));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An ordinary file that takes the place of a drive; it is full of something that was there before. */
export async function fileDrive(path: string, bytes: number, before = 0xee): Promise<Drive> {
  const file = await open(path, 'w');
  const old = Buffer.alloc(MIB, before);
  for (let at = 0; at < bytes; at += MIB) await file.write(old, 0, Math.min(MIB, bytes - at), at);
  await file.close();
  const rest = { serial: 'TEST1', bus: 'file', removable: true, readOnly: false, mounts: [], systemUse: null };
  return { path, name: 'Test drive', bytes, ...rest };
}

/** What a fake does in the place of a call; undefined: as the file would. */
export interface Faults {
  readonly write?: (position: number, length: number) => Error | number | undefined;
  /** May change what was read. */
  readonly read?: (position: number, bytes: Buffer) => Error | undefined;
  readonly sync?: (count: number) => Error | undefined;
}

/** Opens a file as a drive in which things go wrong. */
export function faultyDrive(faults: Faults): (drive: Drive) => Promise<DriveHandle> {
  return async (drive) => {
    const handle = await openDrive(drive);
    let syncs = 0;
    return {
      direct: handle.direct,
      async write(bytes, position) {
        const fault = faults.write?.(position, bytes.length);
        if (fault instanceof Error) throw fault;
        return handle.write(fault === undefined ? bytes : bytes.subarray(0, fault), position);
      },
      async read(bytes, position) {
        const read = await handle.read(bytes, position);
        const fault = faults.read?.(position, bytes.subarray(0, read));
        if (fault !== undefined) throw fault;
        return read;
      },
      async sync() {
        const fault = faults.sync?.(++syncs);
        if (fault !== undefined) throw fault;
        await handle.sync();
      },
      close: () => handle.close(),
    };
  };
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

export interface TestImage {
  readonly path: string;
  readonly bytes: number;
}

/**
 * A disk image with a FAT partition from 1 MiB to 9 MiB, random data behind it, a hole of `holeMiB`, and data at its end.
 */
export async function testImage(folder: string, holeMiB = 16): Promise<TestImage> {
  const path = join(folder, 'disk.img');
  const fat = join(folder, 'boot.fat');
  await runTool('mkfs.vfat', ['-C', '-F', '16', '-s', '1', '-n', 'NODEOS', fat, String(8 * 1024)]);
  const bytes = (9 + 8 + holeMiB + 1) * MIB;
  const image = await open(path, 'w');
  const partition = await open(fat, 'r');
  const content = Buffer.alloc(8 * MIB);
  await partition.read(content, 0, content.length, 0);
  await partition.close();
  await image.truncate(bytes);
  await image.write(bootSector(), 0, 512, 0);
  await image.write(content, 0, content.length, MIB);
  await image.write(randomBytes(8 * MIB), 0, 8 * MIB, 9 * MIB);
  await image.write(randomBytes(MIB), 0, MIB, bytes - MIB);
  await image.close();
  return { path, bytes };
}

/** One FAT16 partition of 8 MiB at 1 MiB. */
function bootSector(): Buffer {
  const sector = Buffer.alloc(512, 0);
  sector.fill(0x90, 0, 440);
  sector[446 + 4] = 0x0e;
  sector.writeUInt32LE(2048, 446 + 8);
  sector.writeUInt32LE(16_384, 446 + 12);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
