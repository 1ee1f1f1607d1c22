import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { runTool } from '../run-tool.ts';
import { bootPartition, putOnBootPartition } from './boot-partition.ts';
import { type DriveHandle, openDrive } from './drive-handle.ts';
import { DriveWriter, type Run, runOf } from './drive-writer.ts';
import { assertLargeEnough, type Drive, describeDrive } from './drives.ts';
import { ImageHash } from './image-hash.ts';
import { type ImageFacts, openImage } from './image-source.ts';
import { type Receipt, stageOf } from './receipt.ts';
import { clearEnds, headBytes, type WrittenImage, writeBody } from './write-image.ts';

/** All that the writing needs to know; plain data, so that it can be handed to another process. */
export interface FlashJob {
  readonly image: ImageFacts;
  readonly drives: readonly Drive[];
  /** Text of `fleet.json` for the boot partition. */
  readonly fleetText: string | null;
}

export type FlashPhase = 'writing' | 'flushing' | 'reading back' | 'finishing';
export interface FlashProgress {
  /** Path of the drive. */
  readonly drive: string;
  readonly phase: FlashPhase;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface FlashOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FlashProgress) => void;
  /** Opens a drive; tests give drives that fail. */
  readonly open?: (drive: Drive) => Promise<DriveHandle>;
}

/** How the work on one drive went so far. */
interface Course {
  readonly drive: Drive;
  writer: DriveWriter | null;
  error: NodeosError | null;
  sha256: string | null;
  fleetFile: boolean;
  written: Receipt['written'];
  readBack: Receipt['readBack'];
}

/**
 * Unmounts, writes, reads back and flushes; one receipt for each drive, in their order, whatever happens to it.
 * Nothing is written where a drive is too small, or the fleet file has no place in the image.
 * @throws NodeosError DRIVE_TOO_SMALL, INPUT_INVALID before any drive is touched
 */
export async function flashDrives(job: FlashJob, options: FlashOptions): Promise<Receipt[]> {
  const { image, drives } = job;
  for (const drive of drives) assertLargeEnough(drive, image.bytes);
  if (job.fleetText !== null) bootPartition(image);
  const startedAt = new Date();
  const courses = drives.map(newCourse);
  try {
    await Promise.all(courses.map((course) => attempt(course, () => begin(course, image, options))));
    const begun = courses.filter(({ error }) => error === null);
    if (begun.length > 0) await writeAndCheck(job, begun, options);
  } catch (error) {
    const failure = options.signal.aborted ? interrupted() : asNodeosError(error);
    for (const course of courses) course.error ??= failure;
  } finally {
    for (const course of courses) await attempt(course, async () => course.writer?.handle.close());
  }
  return courses.map((course) => toReceipt(course, image, startedAt));
}

async function writeAndCheck(job: FlashJob, courses: readonly Course[], options: FlashOptions): Promise<void> {
  const { image } = job;
  const writers = courses.map(({ writer }) => writer as DriveWriter);
  const tails = await Promise.all(writers.map((writer) => clearEnds(writer, image).catch(keepIn(writer))));
  const source = await openImage(image, options.signal);
  const hash = new ImageHash();
  const started = performance.now();
  try {
    const body = await writeBody(source, image, writers, hash, options.signal, (doneBytes) => {
      for (const { drive, writer } of courses)
        if (writer?.error === null)
          options.onProgress({ drive: drive.path, phase: 'writing', doneBytes, totalBytes: image.bytes });
    });
    // The drives are flushed and read back meanwhile; who needs it asks again.
    hash.digest().catch(() => {});
    const ending = (course: Course, index: number) =>
      attempt(course, async () => {
        (course.writer as DriveWriter).assertWell();
        await finish(course, job, { body, hash, tail: tails[index] ?? [], started }, options);
      });
    await Promise.all(courses.map(ending));
  } finally {
    await source.close();
    await hash.close();
  }
}

/** What the writing leaves for the rest of the work. */
interface Written {
  readonly body: WrittenImage;
  readonly hash: ImageHash;
  readonly tail: readonly Run[];
  /** `performance.now()` at the first write. */
  readonly started: number;
}

async function begin(course: Course, image: ImageFacts, options: FlashOptions): Promise<void> {
  const { drive } = course;
  options.onProgress({ drive: drive.path, phase: 'writing', doneBytes: 0, totalBytes: image.bytes });
  for (const at of drive.mounts) await unmount(drive, at, options.signal);
  course.writer = new DriveWriter(drive, await (options.open ?? openDrive)(drive));
}

/** From the last write of the body to the verdict. The head comes when all else is known to be there. */
async function finish(
  course: Course,
  { image, fleetText }: FlashJob,
  { body, hash, tail, started }: Written,
  { signal, onProgress }: FlashOptions,
): Promise<void> {
  const { drive, writer } = course as Course & { writer: DriveWriter };
  const show = (phase: FlashPhase, doneBytes: number, totalBytes: number): void =>
    onProgress({ drive: drive.path, phase, doneBytes, totalBytes });
  const headSize = headBytes(image);
  const toRead = body.runs.reduce((sum, { bytes }) => sum + bytes, headSize);
  show('flushing', 0, 0);
  await writer.flush();
  course.written = stageOf(body.writtenBytes, performance.now() - started);
  const readFrom = performance.now();
  let read = 0;
  const onRead = (bytes: number): void => {
    read += bytes;
    show('reading back', read, toRead);
  };
  const stale = await writer.readBack(body.runs, signal, onRead);
  await writer.clear(stale, signal);
  await writer.readBack(tail, signal);
  if (fleetText !== null) {
    show('finishing', 0, 0);
    const edits = await putOnBootPartition(writer, image, fleetText, signal);
    await writer.flush();
    await writer.readBack(edits, signal);
    course.fleetFile = true;
  }
  course.sha256 = await hash.digest();
  assertSameImage(image, body.imageBytes, course.sha256);
  signal.throwIfAborted();
  const head = runOf(body.head, 0);
  try {
    await writer.write(body.head, 0);
    await writer.flush();
    await writer.readBack([head], signal, onRead);
  } catch (error) {
    // The first error is what counts; a drive that is still there must not look whole.
    await clearEnds(new DriveWriter(drive, writer.handle), image).catch(() => {});
    throw error;
  }
  course.readBack = {
    ...stageOf(toRead, performance.now() - readFrom),
    direct: writer.handle.direct,
  };
  const cleared = stale.reduce((sum, { bytes }) => sum + bytes, 0);
  course.written = { ...course.written, bytes: body.writtenBytes + cleared + headSize };
}

/** The image was read when it was checked and when it was written: both times it must have been the same. */
function assertSameImage(image: ImageFacts, bytes: number, sha256: string): void {
  if (bytes === image.bytes && (image.sha256 === null || image.sha256 === sha256)) return;
  throw new NodeosError('IMAGE_DAMAGED', `${image.path} changed while it was written`);
}

async function unmount(drive: Drive, at: string, signal: AbortSignal): Promise<void> {
  await runTool('umount', [at], { signal }).catch((cause) => {
    if (isNodeosError(cause) && cause.code === 'INTERRUPTED') throw cause;
    throw new NodeosError('DRIVE_BUSY', `${at} on ${describeDrive(drive)} cannot be unmounted: ${cause.message}`, {
      cause,
    });
  });
}

function newCourse(drive: Drive): Course {
  return { drive, writer: null, error: null, sha256: null, fleetFile: false, written: null, readBack: null };
}

async function attempt(course: Course, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // An abort is told of once, for all drives.
    course.error ??= (error as Error).name === 'AbortError' ? interrupted() : asNodeosError(error);
  }
}

function keepIn(writer: DriveWriter): (error: unknown) => Run[] {
  return (error) => {
    writer.error ??= asNodeosError(error);
    return [];
  };
}

function interrupted(): NodeosError {
  return new NodeosError('INTERRUPTED', 'the writing was broken off', {
    hint: 'The drive is unusable until it is flashed again.',
  });
}

function asNodeosError(error: unknown): NodeosError {
  if (isNodeosError(error)) return error;
  return new NodeosError('INTERNAL', (error as Error).stack ?? String(error), { cause: error });
}

function toReceipt(course: Course, image: ImageFacts, startedAt: Date): Receipt {
  const { drive, error, sha256, fleetFile, written, readBack } = course;
  const { path, name, serial, bytes, bus } = drive;
  const endedAt = new Date();
  return {
    format: 1,
    verdict: error === null ? 'done' : 'failed',
    error: error && { code: error.code, message: error.message, hint: error.hint },
    drive: { path, name, serial, bytes, bus },
    image: { source: image.path, bytes: image.bytes, sha256: sha256 ?? image.sha256 },
    fleetFile,
    written,
    readBack,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    seconds: (endedAt.getTime() - startedAt.getTime()) / 1000,
  };
}
