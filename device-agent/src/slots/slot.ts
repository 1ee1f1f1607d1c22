import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BootFacts } from '@nodeos/contracts/boot-facts.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type SlotManifest, slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { Disk } from '../updater/disk.ts';
import type { SlotName } from './pointer.ts';
import { openVolume, withVolume } from './volume.ts';

/** Files of a slot that a trial needs. */
export const KERNEL_FILE = 'kernel';
export const INITRAMFS_FILE = 'initramfs.img';

export function otherSlot(slot: SlotName): SlotName {
  return slot === 'a' ? 'b' : 'a';
}

export function slotPartition(facts: BootFacts, slot: SlotName): string {
  return slot === 'a' ? facts.slot_a_part : facts.slot_b_part;
}

/** Byte offset of a partition on its disk. @throws NodeosError FILE_UNREADABLE */
export function partitionStart(partition: string): number {
  const path = `/sys/class/block/${basename(partition)}/start`;
  try {
    // The kernel counts in 512 bytes here, whatever the medium's sector size (Documentation/block/stat.rst).
    return Number(readFileSync(path, 'latin1')) * 512;
  } catch (cause) {
    throw new NodeosError('FILE_UNREADABLE', `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The manifest of the running slot. @throws NodeosError FILE_UNREADABLE, INPUT_INVALID */
export function readRunningManifest(slotDir: string): SlotManifest {
  const path = `${slotDir}/manifest.json`;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new NodeosError('FILE_UNREADABLE', `${path}: ${(cause as Error).message}`, { cause });
  }
  return parseJson(slotManifestSchema, text, path);
}

/**
 * Looks into a slot that was just written: it must describe itself as the signed metadata describes it.
 * @throws NodeosError RELEASE_INCOMPATIBLE
 */
export function requireSlotContent(partition: string, expected: SlotManifest): void {
  withVolume(partition, 0, (volume) => {
    const manifest = parseJson(slotManifestSchema, volume.readFile('/manifest.json').toString(), 'manifest.json');
    if (!isDeepStrictEqual(manifest, expected))
      throw new NodeosError('RELEASE_INCOMPATIBLE', 'the manifest in the slot image is not the signed one');
    for (const [name, { bytes }] of Object.entries(expected.files)) {
      if (volume.find(`/${name}`)?.bytes !== bytes)
        throw new NodeosError('RELEASE_INCOMPATIBLE', `the slot image has no ${name} of ${bytes} bytes`);
    }
  });
}

/**
 * Copies a file out of a slot and compares it with the manifest.
 * @throws NodeosError RELEASE_INCOMPATIBLE, HASH_MISMATCH
 */
export async function extractFile(
  disk: Disk,
  partition: string,
  manifest: SlotManifest,
  name: string,
  target: string,
): Promise<void> {
  const expected = manifest.files[name];
  if (!expected) throw new NodeosError('RELEASE_INCOMPATIBLE', `the manifest names no ${name}`);
  const hash = createHash('sha256');
  const volume = openVolume(partition, 0);
  const output = await disk.open(target, 'w');
  try {
    let position = 0;
    for (const piece of volume.chunks(`/${name}`)) {
      hash.update(piece);
      await output.write(piece, position);
      position += piece.length;
    }
  } finally {
    await output.close();
    volume.close();
  }
  if (hash.digest('hex') !== expected.sha256)
    throw new NodeosError('HASH_MISMATCH', `${name} in ${partition} is not the one of its manifest`);
}
