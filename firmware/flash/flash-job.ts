import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import * as z from 'zod';
import { findDrive } from './discover.ts';
import { assertMayFlash, type Drive, describeDrive } from './drives.ts';
import { type FlashJob, type FlashProgress, flashDrives } from './flash-drives.ts';
import { type Receipt, receiptSchema } from './receipt.ts';

const driveSchema: z.ZodType<Drive> = z.object({
  path: z.string(),
  name: z.string(),
  serial: z.string().nullable(),
  bytes: z.number(),
  bus: z.string(),
  removable: z.boolean(),
  readOnly: z.boolean(),
  mounts: z.array(z.string()),
  systemUse: z.string().nullable(),
});

/** A job on its way into another process. */
export const jobSchema = z.object({
  image: z.object({
    path: z.string(),
    compressed: z.boolean(),
    bytes: z.number(),
    sha256: z.string().nullable(),
    map: z.array(z.object({ from: z.number(), to: z.number() })).nullable(),
    partitions: z.array(z.object({ offset: z.number(), bytes: z.number(), fat: z.boolean() })),
  }),
  drives: z.array(driveSchema).min(1),
  fleetText: z.string().nullable(),
  internal: z.boolean(),
});
export type CheckedJob = FlashJob & { readonly internal: boolean };

const progressSchema = z.object({
  drive: z.string(),
  phase: z.enum(['writing', 'flushing', 'reading back', 'finishing']),
  doneBytes: z.number(),
  totalBytes: z.number(),
});
const problemSchema = z.object({ code: z.string(), message: z.string(), hint: z.string() });

/** What the process that writes says, one JSON value a line. */
export const writerWordSchema = z.union([
  z.object({ progress: progressSchema }),
  z.object({ receipts: z.array(receiptSchema) }),
  z.object({ error: problemSchema }),
]);
export type WriterWord =
  | { readonly progress: FlashProgress }
  | { readonly receipts: readonly Receipt[] }
  | { readonly error: z.infer<typeof problemSchema> };

/**
 * Does a job on the drives as they are now: between the choice and the writing another may have taken the same name.
 * @throws NodeosError DRIVE_UNKNOWN, DRIVE_REFUSED, DRIVE_GONE, DRIVE_TOO_SMALL before any drive is touched
 */
export async function doJob(
  job: CheckedJob,
  signal: AbortSignal,
  onProgress: (progress: FlashProgress) => void,
): Promise<Receipt[]> {
  const drives = await Promise.all(
    job.drives.map(async (chosen) => {
      const now = await findDrive(chosen.path, signal).catch((error) => {
        if (isNodeosError(error) && error.code === 'DRIVE_UNKNOWN') throw gone(chosen);
        throw error;
      });
      if (now.serial !== chosen.serial || now.bytes !== chosen.bytes || now.bus !== chosen.bus) throw gone(chosen);
      assertMayFlash(now, job.internal);
      return now;
    }),
  );
  return flashDrives({ ...job, drives }, { signal, onProgress });
}

function gone(drive: Drive): NodeosError {
  return new NodeosError('DRIVE_GONE', `${describeDrive(drive)} was pulled out or exchanged after it was chosen`, {
    hint: 'Choose again; nothing was written.',
  });
}
