import { NodeosError } from './errors.ts';

/** On the first partition; the firmware reads one sector of it (Raspberry Pi documentation, autoboot.txt). */
export const AUTOBOOT_FILE = '/autoboot.txt';
const PARTITIONS = { a: 2, b: 3 } as const;

/**
 * The pointer of the Raspberry Pi: the slot of a cold boot, and the other one for a tryboot. Both forms have the same
 * length, so that one sector write changes one into the other.
 */
export function renderAutoboot(slot: 'a' | 'b'): Buffer {
  const [cold, once] = slot === 'a' ? [PARTITIONS.a, PARTITIONS.b] : [PARTITIONS.b, PARTITIONS.a];
  return Buffer.from(`[all]\ntryboot_a_b=1\nboot_partition=${cold}\n[tryboot]\nboot_partition=${once}\n`, 'latin1');
}

/** @throws NodeosError INPUT_INVALID for a file that we did not write */
export function parseAutoboot(text: Uint8Array): 'a' | 'b' {
  const found = (['a', 'b'] as const).find((slot) => renderAutoboot(slot).equals(text));
  if (found) return found;
  const first = Buffer.from(text.subarray(0, 100)).toString('latin1');
  throw new NodeosError('INPUT_INVALID', `${AUTOBOOT_FILE} names no slot: ${JSON.stringify(first)}`);
}
