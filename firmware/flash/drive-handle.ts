import { constants, type PathLike } from 'node:fs';
import { open } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Drive, describeDrive } from './drives.ts';

/** A drive that is open for writing; every call may do less than was asked, as the system calls do. */
export interface DriveHandle {
  /** True: reads come from the drive itself and not from this computer's memory. */
  readonly direct: boolean;
  write(bytes: Buffer, position: number): Promise<number>;
  read(bytes: Buffer, position: number): Promise<number>;
  /** Resolves when the drive says that it holds what was written. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What direct I/O asks of lengths and positions: the largest block of any drive. */
export const BLOCK_BYTES = 4096;

/**
 * Opens a drive for nobody else. O_EXCL makes the kernel refuse one that is mounted, swapped on, or part of a volume
 * group or RAID (open(2): "If the block device is in use by the system, open() fails with the error EBUSY").
 *
 * O_DIRECT goes past the page cache both ways. So nothing that is read back can come from the memory of this computer,
 * and a drive that is slower than the image's source slows the reading of the source down at once. What a drive itself
 * keeps in its own memory cannot be told from what it has stored: the flush before the read-back, and reading in the
 * order of writing, by which the oldest bytes come first, is all that can be done about that.
 * @throws NodeosError DRIVE_BUSY, DRIVE_GONE, PRIVILEGE_MISSING, DRIVE_REFUSED
 */
export async function openDrive(drive: Drive): Promise<DriveHandle> {
  // On an ordinary file O_EXCL without O_CREAT means nothing.
  const flags = constants.O_RDWR | (drive.bus === 'file' ? 0 : constants.O_EXCL);
  let direct = true;
  const file = await open(drive.path as PathLike, flags | constants.O_DIRECT)
    .catch((error: NodeJS.ErrnoException) => {
      // File systems without direct I/O (tmpfs before Linux 6.6); every block device has it.
      if (error.code !== 'EINVAL') throw error;
      direct = false;
      return open(drive.path, flags);
    })
    .catch((error) => {
      throw driveError(error, drive, 'opened');
    });
  return {
    direct,
    write: async (bytes, position) => (await file.write(bytes, 0, bytes.length, position)).bytesWritten,
    read: async (bytes, position) => (await file.read(bytes, 0, bytes.length, position)).bytesRead,
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

/** What a failed system call on a drive means to whoever holds it. */
export function driveError(cause: unknown, drive: Drive, did: 'opened' | 'written' | 'read' | 'flushed'): NodeosError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const which = describeDrive(drive);
  if (code === 'EBUSY') return new NodeosError('DRIVE_BUSY', `${which} is in use`, { cause });
  if (code === 'EACCES' || code === 'EPERM')
    return new NodeosError('PRIVILEGE_MISSING', `you may not write to ${which}`, { cause });
  if (code === 'EROFS') return new NodeosError('DRIVE_REFUSED', `${which} is write-protected`, { cause });
  if (['ENODEV', 'ENXIO', 'ENOMEDIUM', 'ENOENT'].includes(code))
    return new NodeosError('DRIVE_GONE', `${which} was pulled out, or has switched itself off`, { cause });
  if (code === 'ENOSPC')
    return new NodeosError(
      'DRIVE_TOO_SMALL',
      `${which} is full before the ${drive.bytes} bytes that it claims to hold`,
      {
        cause,
      },
    );
  return new NodeosError('DRIVE_FAILED', `${which} could not be ${did}: ${message}`, { cause });
}
