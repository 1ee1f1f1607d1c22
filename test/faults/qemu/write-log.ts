import { open } from 'node:fs/promises';
import type { Losses } from '@nodeos/device-agent/src/updater/fault-disk.test-support.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';

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

/** The write that was under way, of which some sectors came through, one of them in part. */
export interface TornWrite {
  /** Sectors that came through whole. */
  readonly whole: readonly number[];
  readonly torn: number;
  /** Bytes of that sector. */
  readonly tornBytes: number;
}

/** What a cut leaves of a recording: all writes before a number, and some after it. */
export interface CutPlan {
  readonly all: number;
  readonly further: readonly number[];
  readonly last: TornWrite | null;
}

/**
 * What a power cut leaves after the given number of writes: the last of them was under way. What was not flushed is
 * there, gone, or there in part. Two cuts with equal plans leave the same disk.
 */
export function planCut(log: WriteLog, count: number, losses: Losses, random: () => number): CutPlan {
  const safe = safeAt(log, count - 1);
  const share = random();
  const applied: number[] = [];
  let last: TornWrite | null = null;
  for (let index = safe; index < count; index++) {
    const write = log.writes[index] as DiskWrite;
    const underWay = index === count - 1;
    const kept = losses === 'nothing lost' || (losses === 'torn sector' && underWay) || random() < share;
    if (!write.durable && losses !== 'nothing lost' && (losses === 'unsynced lost' || !kept)) continue;
    if (underWay && losses === 'torn sector') last = tear(write, random);
    else applied.push(index);
  }
  let all = safe;
  while (applied[0] === all) {
    applied.shift();
    all++;
  }
  return { all, further: applied, last };
}

function tear({ data }: DiskWrite, random: () => number): TornWrite {
  const sectors = (typeof data === 'number' ? data : data.length) / SECTOR_BYTES;
  const torn = Math.floor(random() * sectors);
  const share = random();
  const tornBytes = Math.floor(random() * SECTOR_BYTES);
  const whole = Array.from({ length: sectors }, (_, sector) => sector).filter(
    (sector) => sector !== torn && random() < share,
  );
  return { whole, torn, tornBytes };
}

/** Lays what a cut leaves on a medium of its own. */
export async function materialise(
  base: string,
  target: string,
  log: WriteLog,
  count: number,
  losses: Losses,
  random: () => number,
): Promise<void> {
  const plan = planCut(log, count, losses, random);
  // Holes stay holes.
  await runTool('cp', [base, target]);
  const file = await open(target, 'r+');
  try {
    for (const write of log.writes.slice(0, plan.all)) await writeWhole(file, write);
    for (const index of plan.further) await writeWhole(file, log.writes[index] as DiskWrite);
    if (plan.last) await writeTorn(file, log.writes[count - 1] as DiskWrite, plan.last);
  } finally {
    await file.close();
  }
}

type File = Awaited<ReturnType<typeof open>>;

async function writeWhole(file: File, { offset, data }: DiskWrite): Promise<void> {
  const bytes = typeof data === 'number' ? Buffer.alloc(data) : data;
  await file.write(bytes, 0, bytes.length, offset);
}

async function writeTorn(
  file: File,
  { offset, data }: DiskWrite,
  { whole, torn, tornBytes }: TornWrite,
): Promise<void> {
  const bytes = typeof data === 'number' ? Buffer.alloc(data) : data;
  const put = (sector: number, length: number) =>
    file.write(bytes, sector * SECTOR_BYTES, length, offset + sector * SECTOR_BYTES);
  for (const sector of whole) await put(sector, SECTOR_BYTES);
  await put(torn, tornBytes);
}

const BLOCK_BYTES = 4096;
const HEAD_BYTES = 64 * 1_048_576;

/** Notes what somebody else changes at the beginning of a disk while its machine is off, as writes that are safe. */
export async function noteChanges(log: WriteLog, image: string, change: () => Promise<void>): Promise<void> {
  const before = await readHead(image);
  await change();
  const after = await readHead(image);
  for (let offset = 0; offset < after.length; offset += BLOCK_BYTES) {
    const data = after.subarray(offset, offset + BLOCK_BYTES);
    if (!data.equals(before.subarray(offset, offset + BLOCK_BYTES)))
      log.writes.push({ offset, data: Buffer.from(data), durable: true });
  }
  log.flushes.push(log.writes.length);
}

async function readHead(image: string): Promise<Buffer> {
  const file = await open(image, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    await file.read(head, 0, head.length, 0);
    return head;
  } finally {
    await file.close();
  }
}
