import { closeSync, openSync, readSync } from 'node:fs';
import { type FatVolume, openFat } from '@nodeos/contracts/fat.ts';

/** An open FAT volume; it must be closed. */
export type OpenVolume = FatVolume & { readonly close: () => void };

/**
 * Opens the FAT volume that begins at `start` of a device or file.
 * @param start byte offset
 * @throws NodeosError INPUT_INVALID where there is none
 */
export function openVolume(path: string, start: number): OpenVolume {
  const file = openSync(path, 'r');
  try {
    const volume = openFat((offset, length) => {
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, start + offset));
    });
    return { ...volume, close: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Opens a volume, looks at it and closes it again. */
export function withVolume<T>(path: string, start: number, look: (volume: FatVolume) => T): T {
  const volume = openVolume(path, start);
  try {
    return look(volume);
  } finally {
    volume.close();
  }
}
