import { closeSync, openSync, readSync } from 'node:fs';
import { openFat } from '@nodeos/contracts/fat.ts';
import { slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { ImageFacts } from './image-source.ts';

/** Slot a follows the boot partition. */
const SLOT_INDEX = 1;

/**
 * Name of the board that an image is for, as its first slot says. Null where that cannot be seen: the image is packed,
 * or none of ours.
 */
export function imageBoard({ path, compressed, partitions }: ImageFacts): string | null {
  const slot = partitions[SLOT_INDEX];
  if (compressed || !slot?.fat) return null;
  const file = openSync(path, 'r');
  try {
    const volume = openFat((offset, length) => {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, slot.bytes - offset)));
      return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, slot.offset + offset));
    });
    const text = volume.readFile('/manifest.json').toString('utf8');
    return parseJson(slotManifestSchema, text, 'manifest.json').board;
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}
