import { crc32 } from 'node:zlib';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { alignedBuffers } from './aligned-buffers.ts';
import { type DriveHandle, driveError } from './drive-handle.ts';
import { type Drive, describeDrive } from './drives.ts';

/** A part of the drive, and by what it is known again. */
export interface Run {
  readonly position: number;
  readonly bytes: number;
  /** Null: zeros, which nobody has written. */
  readonly crc: number | null;
}

/** Largest run: what is written and read at once. */
export const CHUNK_BYTES = 4 * 1_048_576;
/** Writes under way at once: while the drive is busy with one the next already waits in the kernel. */
const WRITES_AT_ONCE = 2;
const READS_AT_ONCE = 3;
const [ZEROS] = alignedBuffers(1, CHUNK_BYTES) as [Buffer];

/** One drive that is written, with every failed call turned into what it means. */
export class DriveWriter {
  readonly drive: Drive;
  readonly handle: DriveHandle;
  /** Set by the first call that failed; nothing is written after it. */
  error: NodeosError | null = null;
  private readonly underWay: Promise<void>[] = [];

  constructor(drive: Drive, handle: DriveHandle) {
    this.drive = drive;
    this.handle = handle;
  }

  /** Writes all bytes, which must not change until it resolves; calls may overlap. Resolves also after an error. */
  async write(bytes: Buffer, position: number): Promise<void> {
    while (this.underWay.length >= WRITES_AT_ONCE) await this.underWay[0];
    if (this.error !== null) return;
    const job = this.writeAll(bytes, position)
      .catch((error) => {
        this.error ??= error;
      })
      .finally(() => this.underWay.splice(this.underWay.indexOf(job), 1));
    this.underWay.push(job);
    await job;
  }

  private async writeAll(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const written = await this.handle.write(bytes.subarray(done), position + done).catch((cause) => {
        throw driveError(cause, this.drive, 'written');
      });
      if (written === 0) throw driveError({ code: 'ENOSPC', message: 'nothing was written' }, this.drive, 'written');
      done += written;
    }
  }

  /** Waits for what was written, then until the drive says that it holds it. @throws NodeosError */
  async flush(): Promise<void> {
    await Promise.all(this.underWay);
    this.assertWell();
    await this.handle.sync().catch((cause) => {
      throw driveError(cause, this.drive, 'flushed');
    });
  }

  /**
   * Reads runs from the drive and compares them with what was written.
   * @returns runs that should be zeros and hold something from before
   * @throws NodeosError DRIVE_MISMATCH naming the first run that was written and differs
   */
  async readBack(
    runs: readonly Run[],
    signal: AbortSignal,
    onRead: (bytes: number) => void = () => {},
  ): Promise<Run[]> {
    const stale: Run[] = [];
    const buffers = alignedBuffers(READS_AT_ONCE, CHUNK_BYTES);
    const pending: Promise<Buffer>[] = [];
    const start = (index: number): void => {
      const run = runs[index];
      if (run === undefined) return;
      const bytes = (buffers[index % READS_AT_ONCE] as Buffer).subarray(0, run.bytes);
      const job = this.read(bytes, run.position).then(() => bytes);
      // It is awaited in its turn; one that fails earlier must not count as unhandled until then.
      job.catch(() => {});
      pending.push(job);
    };
    for (let index = 0; index < READS_AT_ONCE; index++) start(index);
    try {
      for (const [index, run] of runs.entries()) {
        signal.throwIfAborted();
        const bytes = await (pending.shift() as Promise<Buffer>);
        if (run.crc === null) {
          if (!bytes.equals(ZEROS.subarray(0, run.bytes))) stale.push(run);
        } else if (crc32(bytes) !== run.crc) throw this.mismatch(run);
        onRead(run.bytes);
        start(index + READS_AT_ONCE);
      }
      return stale;
    } finally {
      await Promise.allSettled(pending);
    }
  }

  /** Writes zeros where something from before is, and reads them back. @throws NodeosError */
  async clear(stale: readonly Run[], signal: AbortSignal): Promise<void> {
    if (stale.length === 0) return;
    for (const { position, bytes } of stale) {
      signal.throwIfAborted();
      await this.write(ZEROS.subarray(0, bytes), position);
      this.assertWell();
    }
    await this.flush();
    const [still] = await this.readBack(stale, signal);
    if (still !== undefined) throw this.mismatch(still);
  }

  /** Fills the buffer from the drive. @throws NodeosError */
  async read(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const read = await this.handle.read(bytes.subarray(done), position + done).catch((cause) => {
        throw driveError(cause, this.drive, 'read');
      });
      if (read === 0)
        throw new NodeosError('DRIVE_MISMATCH', `${describeDrive(this.drive)} ends at byte ${position + done}`);
      done += read;
    }
  }

  assertWell(): void {
    if (this.error !== null) throw this.error;
  }

  private mismatch({ position, bytes }: Run): NodeosError {
    return new NodeosError(
      'DRIVE_MISMATCH',
      `${describeDrive(this.drive)} does not hold what was written to it, in bytes ${position} to ${position + bytes - 1}`,
    );
  }
}

/**
 * The run of bytes that are being written. A CRC of 32 bits misses a wrong run once in four thousand million, and costs
 * a tenth of the processor that a cryptographic hash would: nobody forges a worn-out card.
 */
export function runOf(bytes: Buffer, position: number): Run {
  return { position, bytes: bytes.length, crc: crc32(bytes) };
}
