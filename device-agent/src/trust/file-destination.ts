import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../updater/disk.ts';
import type { Destination } from './download.ts';
import { hashFromMedium } from './read-back.ts';

export interface FileDestination extends Destination {
  close(): Promise<void>;
}

/**
 * A file that appears under its name only when it is whole. The partial file stands beside it; as the name says what
 * the bytes must hash to, an attempt after a restart may go on with it.
 * @param path e.g. `bundles/<sha256>.sqfs`
 */
export async function openFileDestination(disk: Disk, path: string): Promise<FileDestination> {
  const partial = `${path}.part`;
  await disk.makeFolder(dirname(path));
  let held = (await disk.size(partial)) ?? 0;
  let file: DiskFile | null = null;

  async function opened(): Promise<DiskFile> {
    file ??= await disk.open(partial, held > 0 ? 'r+' : 'w');
    return file;
  }
  async function close(): Promise<void> {
    await file?.close();
    file = null;
  }

  return {
    get held() {
      return held;
    },
    async append(piece) {
      await (await opened()).write(piece, held);
      held += piece.length;
    },
    async keep() {
      if (held > 0) await (await opened()).sync();
    },
    async discard() {
      await close();
      await disk.remove(partial);
      held = 0;
    },
    async digest() {
      await (await opened()).sync();
      return (await hashFromMedium(disk, partial, 0, held)).digest('hex');
    },
    async complete() {
      await close();
      await disk.rename(partial, path);
      await disk.syncFolder(dirname(path));
    },
    close,
  };
}
