import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** An open file or block device; positions are byte offsets. */
export interface DiskFile {
  /** Bytes read; 0 at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes the whole buffer. */
  write(buffer: Uint8Array, position: number): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Returns when the bytes are on the medium. */
  sync(): Promise<void>;
  close(): Promise<void>;
  readonly fd: number;
}

/**
 * All that the update engine does to the disk. One small interface, so that tests can cut the power at every call.
 */
export interface Disk {
  /** @param flags of node:fs, e.g. `r`, `r+`, `wx`, or a number */
  open(path: string, flags: string | number, mode?: number): Promise<DiskFile>;
  readFile(path: string): Promise<Buffer>;
  /** Bytes of a file, null where there is none. */
  size(path: string): Promise<number | null>;
  /** Names in a folder; empty where there is none. */
  list(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  /** No error where the file is missing. */
  remove(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Makes renames and new names in the folder durable. */
  syncFolder(path: string): Promise<void>;
}

class SystemFile implements DiskFile {
  readonly #handle: FileHandle;
  constructor(handle: FileHandle) {
    this.#handle = handle;
  }
  get fd(): number {
    return this.#handle.fd;
  }
  async read(buffer: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(buffer, 0, buffer.length, position)).bytesRead;
  }
  async write(buffer: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesWritten } = await this.#handle.write(buffer, done, buffer.length - done, position + done);
      if (bytesWritten === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      done += bytesWritten;
    }
  }
  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes);
  }
  async sync(): Promise<void> {
    await this.#handle.sync();
  }
  async close(): Promise<void> {
    await this.#handle.close();
  }
}

export const systemDisk: Disk = {
  async open(path, flags, mode = 0o600) {
    return new SystemFile(await open(path, flags, mode));
  },
  readFile,
  async size(path) {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  },
  async list(path) {
    try {
      return await readdir(path);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  rename,
  async remove(path) {
    await rm(path, { force: true });
  },
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  async syncFolder(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

/** Replaces a file so that a power cut leaves the old content or the new, never a mixture. */
export async function writeFileAtomically(disk: Disk, path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  await writeDurably(disk, temporary, content);
  await disk.rename(temporary, path);
  await disk.syncFolder(dirname(path));
}

/** Writes a file and waits until it is on the medium; the name is not durable yet. */
export async function writeDurably(disk: Disk, path: string, content: string | Uint8Array): Promise<void> {
  const file = await disk.open(path, 'w');
  try {
    await file.write(typeof content === 'string' ? Buffer.from(content) : content, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException)?.code === 'ENOENT';
}
