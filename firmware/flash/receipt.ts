import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { sha256Schema } from '@nodeos/contracts/validate.ts';
import * as z from 'zod';
import type { Drive } from './drives.ts';
import type { ImageFacts } from './image-source.ts';

const stageSchema = z.object({ bytes: z.number().int(), seconds: z.number(), bytesPerSecond: z.number().int() });

/** What became of one drive, for machines. */
export const receiptSchema = z.object({
  format: z.literal(1),
  /** `done` only where every written block was read back, and all of it flushed. */
  verdict: z.enum(['done', 'failed']),
  /** Why it failed, null where it did not. */
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).nullable(),
  drive: z.object({
    path: z.string(),
    name: z.string(),
    serial: z.string().nullable(),
    bytes: z.number().int(),
    bus: z.string(),
  }),
  image: z.object({
    source: z.string(),
    bytes: z.number().int(),
    /** Of the unpacked image; null where it was not read to its end. */
    sha256: sha256Schema.nullable(),
  }),
  /** A fleet file was put on the boot partition: from there on the drive differs from the image. */
  fleetFile: z.boolean(),
  written: stageSchema.nullable(),
  readBack: stageSchema
    .extend({
      /** The reads went past the memory of this computer. */
      direct: z.boolean(),
    })
    .nullable(),
  startedAt: z.string(),
  endedAt: z.string(),
  seconds: z.number(),
});
export type Receipt = z.infer<typeof receiptSchema>;
export type ReceiptStage = z.infer<typeof stageSchema>;

export function stageOf(bytes: number, milliseconds: number): ReceiptStage {
  const seconds = Math.max(milliseconds, 1) / 1000;
  return { bytes, seconds: Number(seconds.toFixed(3)), bytesPerSecond: Math.round(bytes / seconds) };
}

/** What is true from the first write on until there is a verdict. */
export function unfinishedReceipt(
  { path, name, serial, bytes, bus }: Drive,
  image: Pick<ImageFacts, 'path' | 'bytes' | 'sha256'>,
  startedAt: Date,
): Receipt {
  const hint = 'The drive is unusable until it is flashed again.';
  return {
    ...{ format: 1, verdict: 'failed' },
    error: { code: 'INTERRUPTED', message: 'the writing did not come to its end', hint },
    drive: { path, name, serial, bytes, bus },
    image: { source: image.path, bytes: image.bytes, sha256: image.sha256 },
    ...{ fleetFile: false, written: null, readBack: null },
    ...{ startedAt: startedAt.toISOString(), endedAt: startedAt.toISOString(), seconds: 0 },
  };
}

/** Writes a receipt whole or not at all. @throws NodeosError FILE_UNREADABLE */
export async function writeReceipt(path: string, receipt: Receipt): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, `${JSON.stringify(receipt, null, 2)}\n`);
    await rename(temporary, path);
  } catch (cause) {
    throw new NodeosError('FILE_UNREADABLE', `the receipt ${path} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  }
}
