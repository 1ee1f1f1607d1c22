import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { sha256Schema } from '@nodeos/contracts/validate.ts';
import * as z from 'zod';
import type { Destination } from '../trust/download.ts';
import { alignedBuffer, DIRECT_BLOCK_BYTES, hashFromMedium, openDirect } from '../trust/read-back.ts';
import { type Disk, type DiskFile, isMissing, writeFileAtomically } from '../updater/disk.ts';

/** One write to the device; flash media like whole erase blocks. */
const WRITE_BYTES = 1_048_576;
/** Progress is noted after this many bytes: what a power cut may cost. */
const NOTE_EVERY_BYTES = 8 * 1_048_576;

const progressSchema = z.strictObject({
  partition: z.string(),
  sha256: sha256Schema,
  /** Bytes from the start that are durable, the head counted. */
  bytes: z.number().int().nonnegative(),
  /** First block of the image, base64; it is written last. */
  head: z.string(),
});
type Progress = z.infer<typeof progressSchema>;

export interface SlotDestinationOptions {
  readonly disk: Disk;
  /** Block device of the slot. */
  readonly partition: string;
  /** Where the progress is noted, e.g. `<state>/slot-progress.json`. */
  readonly progressPath: string;
  /** Bytes of the image, a multiple of 4096. */
  readonly length: number;
  readonly sha256: string;
}

export interface SlotDestination extends Destination {
  close(): Promise<void>;
}

/**
 * Writes a slot image to its partition. The first block, without which there is no file system, is blanked first and
 * written last, after the hash of all is known: so a boot loader finds a whole, verified system in the slot or none.
 * Writing goes past the page cache: reading back then shows the medium, and the apps' pages are not pushed out of RAM.
 * @throws NodeosError SLOT_TOO_SMALL, LENGTH_MISMATCH, SLOT_WRITE_FAILED
 */
export async function openSlotDestination(options: SlotDestinationOptions): Promise<SlotDestination> {
  const { disk, partition, progressPath, length, sha256 } = options;
  if (length % DIRECT_BLOCK_BYTES !== 0 || length <= DIRECT_BLOCK_BYTES)
    throw new NodeosError('LENGTH_MISMATCH', `a slot image of ${length} bytes does not end on a block`);
  const device = await openDirect(disk, partition, constants.O_RDWR);
  try {
    await requireRoom(device, partition, length);
  } catch (error) {
    await device.close();
    throw error;
  }
  const memory = alignedBuffer(WRITE_BYTES + DIRECT_BLOCK_BYTES);
  const buffer = memory.subarray(0, WRITE_BYTES);
  const head = memory.subarray(WRITE_BYTES);
  /** Bytes on the device, the head counted though it is written last. */
  let written = 0;
  let noted = 0;
  /** Bytes in `buffer`. */
  let filled = 0;

  const earlier = await readProgress(disk, progressPath);
  if (earlier?.partition === partition && earlier.sha256 === sha256 && earlier.bytes <= length) {
    const bytes = Buffer.from(earlier.head, 'base64');
    if (bytes.length === DIRECT_BLOCK_BYTES && earlier.bytes >= DIRECT_BLOCK_BYTES) {
      head.set(bytes);
      written = earlier.bytes;
      noted = earlier.bytes;
    }
  }
  const destination: SlotDestination = {
    get held() {
      return written + filled;
    },
    async append(piece) {
      for (let done = 0; done < piece.length; ) {
        const taken = piece.copy(buffer, filled, done, Math.min(piece.length, done + WRITE_BYTES - filled));
        filled += taken;
        done += taken;
        if (filled === WRITE_BYTES) await flush();
      }
    },
    async keep() {
      await flush();
      if (written > noted) await note();
    },
    async discard() {
      filled = 0;
      written = 0;
      noted = 0;
      await disk.remove(progressPath);
    },
    async digest() {
      await flush();
      await writing(() => device.sync());
      const hash = createHash('sha256').update(head);
      await hashFromMedium(disk, partition, DIRECT_BLOCK_BYTES, length - DIRECT_BLOCK_BYTES, hash);
      return hash.digest('hex');
    },
    async complete() {
      await writing(() => device.write(head, 0));
      await writing(() => device.sync());
      const whole = (await hashFromMedium(disk, partition, 0, DIRECT_BLOCK_BYTES)).digest('hex');
      if (whole !== createHash('sha256').update(head).digest('hex'))
        throw new NodeosError('SLOT_WRITE_FAILED', `${partition} does not keep its first block`);
    },
    async close() {
      await device.close();
    },
  };

  /** Writes whole blocks of what is buffered; a rest of the last block stays. */
  async function flush(): Promise<void> {
    const whole = filled - (filled % DIRECT_BLOCK_BYTES);
    if (whole === 0) return;
    await writing(async () => {
      if (written === 0) {
        buffer.copy(head, 0, 0, DIRECT_BLOCK_BYTES);
        buffer.fill(0, 0, DIRECT_BLOCK_BYTES);
        await disk.remove(progressPath);
        await device.write(buffer.subarray(0, DIRECT_BLOCK_BYTES), 0);
        // Nothing of the new image may be there before the old one cannot be booted any more.
        await device.sync();
        if (whole > DIRECT_BLOCK_BYTES)
          await device.write(buffer.subarray(DIRECT_BLOCK_BYTES, whole), DIRECT_BLOCK_BYTES);
      } else await device.write(buffer.subarray(0, whole), written);
    });
    buffer.copyWithin(0, whole, filled);
    written += whole;
    filled -= whole;
    if (written - noted >= NOTE_EVERY_BYTES) await note();
  }

  async function note(): Promise<void> {
    await writing(() => device.sync());
    const progress: Progress = { partition, sha256, bytes: written, head: head.toString('base64') };
    await writeFileAtomically(disk, progressPath, JSON.stringify(progress));
    noted = written;
  }

  async function writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw new NodeosError('SLOT_WRITE_FAILED', `${partition}: ${(cause as Error).message}`, { cause });
    }
  }

  return destination;
}

/** A block device tells its size only by where reading ends. */
async function requireRoom(device: DiskFile, partition: string, length: number): Promise<void> {
  const block = alignedBuffer(DIRECT_BLOCK_BYTES);
  const got = await device.read(block, length - DIRECT_BLOCK_BYTES);
  if (got < DIRECT_BLOCK_BYTES)
    throw new NodeosError('SLOT_TOO_SMALL', `${partition} is smaller than the slot image of ${length} bytes`);
}

async function readProgress(disk: Disk, path: string): Promise<Progress | null> {
  try {
    const parsed = progressSchema.safeParse(JSON.parse((await disk.readFile(path)).toString()));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}
