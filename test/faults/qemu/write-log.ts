import { open } from 'node:fs/promises';
import type { Losses } from '@nodeos/device-agent/src/updater/fault-disk.test-support.ts';
import { copyDisk } from '@nodeos/firmware/emulate/disk-copy.ts';

/** One write of the machine, in the order in which the disk took them. */
export interface DiskWrite {
  readonly offset: number;
  /** Bytes, or how many zeros. */
  readonly data: Buffer | number;
  /** On the medium before it is answered (forced unit access). */
  readonly durable: boolean;
}

/** All that a machine did to its disk. */
export interface WriteLog {
  readonly writes: DiskWrite[];
  /** Numbers of writes that had been made when a flush was answered. */
  readonly flushes: number[];
}

const SECTOR_BYTES = 512;

/** Writes that a flush has made safe when so many had been made. */
export function safeAt(log: WriteLog, count: number): number {
  return log.flushes.findLast((flush) => flush <= count) ?? 0;
}

/**
 * What a power cut leaves on a medium after the given number of writes: the last of them was under way. What was not
 * flushed is there, gone, or there in part.
 */
export async function materialise(
  base: string,
  target: string,
  log: WriteLog,
  count: number,
  losses: Losses,
  random: () => number,
): Promise<void> {
  const safe = safeAt(log, count - 1);
  const share = random();
  await copyDisk(base, target, 0);
  const file = await open(target, 'r+');
  try {
    for (const [index, write] of log.writes.slice(0, count).entries()) {
      const last = index === count - 1;
      const kept = losses === 'nothing lost' || (losses === 'torn sector' && last) || random() < share;
      if (index >= safe && !write.durable && losses !== 'nothing lost' && (losses === 'unsynced lost' || !kept))
        continue;
      if (last && losses === 'torn sector') await writeTorn(file, write, random);
      else await writeWhole(file, write);
    }
  } finally {
    await file.close();
  }
}

type File = Awaited<ReturnType<typeof open>>;

async function writeWhole(file: File, { offset, data }: DiskWrite): Promise<void> {
  const bytes = typeof data === 'number' ? Buffer.alloc(data) : data;
  await file.write(bytes, 0, bytes.length, offset);
}

/** Some of the sectors came through, and one of them half. */
async function writeTorn(file: File, { offset, data }: DiskWrite, random: () => number): Promise<void> {
  const bytes = typeof data === 'number' ? Buffer.alloc(data) : data;
  const sectors = bytes.length / SECTOR_BYTES;
  const torn = Math.floor(random() * sectors);
  const share = random();
  for (let sector = 0; sector < sectors; sector++) {
    const length = sector === torn ? Math.floor(random() * SECTOR_BYTES) : SECTOR_BYTES;
    if (sector !== torn && random() >= share) continue;
    await file.write(bytes, sector * SECTOR_BYTES, length, offset + sector * SECTOR_BYTES);
  }
}

/**
 * Writes of a range at which to cut: each one before and after a flush, and others between them, evenly.
 * @param from first write, counted from 1
 */
export function chooseCuts(log: WriteLog, from: number, to: number, wanted: number): number[] {
  const boundaries = log.flushes.flatMap((flush) => [flush, flush + 1]).filter((count) => count >= from && count <= to);
  const unique = [...new Set(boundaries)].sort((one, other) => one - other);
  if (unique.length >= wanted) return everyNth(unique, wanted);
  const others = Array.from({ length: to - from + 1 }, (_, index) => from + index).filter(
    (count) => !unique.includes(count),
  );
  return [...unique, ...everyNth(others, wanted - unique.length)].sort((one, other) => one - other);
}

function everyNth(values: readonly number[], wanted: number): number[] {
  if (values.length <= wanted) return [...values];
  return Array.from(
    { length: wanted },
    (_, index) => values[Math.floor(((index + 0.5) * values.length) / wanted)] as number,
  );
}
