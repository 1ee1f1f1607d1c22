import { crc32 } from './crc32.ts';
import { NodeosError } from './errors.ts';

/** Two raw sectors before the first partition; U-Boot and the agent write them in turn. */
export const U_BOOT_RECORD_OFFSETS = [0x20_0000, 0x21_0000] as const;
export const U_BOOT_RECORD_AREA_BYTES = 0x1_0000;
export const U_BOOT_RECORD_BYTES = 512;

/** What U-Boot and the agent tell each other; the record of the higher sequence counts. */
export interface UBootRecord {
  readonly sequence: number;
  /** The pointer: the slot of a cold boot. */
  readonly slot: 'a' | 'b';
  /** Taken by the next boot, which takes it out again. */
  readonly once: 'a' | 'b' | null;
  /** Starts of the pointer's slot since it was last healthy. */
  readonly attempts: number;
}

/**
 * As `env import -c` reads it (U-Boot documentation, env command): CRC-32 of the rest (u32 LE), then `name=value`
 * texts, each ended by a zero byte, and one more. Numbers are hexadecimal, as U-Boot's setexpr writes them.
 */
export function encodeUBootRecord(record: UBootRecord): Buffer {
  const values = {
    nodeos_attempts: record.attempts.toString(16),
    nodeos_once: record.once ?? 'none',
    nodeos_sequence: record.sequence.toString(16),
    nodeos_slot: record.slot,
  };
  const block = Buffer.alloc(U_BOOT_RECORD_BYTES);
  const text = Object.entries(values).map(([name, value]) => `${name}=${value}\0`);
  block.write(text.join(''), 4, 'latin1');
  block.writeUInt32LE(crc32(block.subarray(4)), 0);
  return block;
}

/** Null where the sector is empty, torn or holds something else. */
function decodeUBootRecord(block: Uint8Array): UBootRecord | null {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength).subarray(0, U_BOOT_RECORD_BYTES);
  if (bytes.length < U_BOOT_RECORD_BYTES || bytes.readUInt32LE(0) !== crc32(bytes.subarray(4))) return null;
  const text = bytes.toString('latin1', 4).split('\0\0', 1)[0] as string;
  const values = new Map(text.split('\0').map((each) => each.split('=', 2) as [string, string]));
  const sequence = hexadecimal(values.get('nodeos_sequence'));
  const attempts = hexadecimal(values.get('nodeos_attempts'));
  const slot = values.get('nodeos_slot');
  const once = values.get('nodeos_once');
  if (sequence === null || attempts === null || (slot !== 'a' && slot !== 'b')) return null;
  return { sequence, attempts, slot, once: once === 'a' || once === 'b' ? once : null };
}

export interface FoundRecord {
  readonly record: UBootRecord;
  /** Where the next one goes: over the older. */
  readonly next: 0 | 1;
}

/** The newer of both copies. @throws NodeosError INPUT_INVALID where neither is whole */
export function newestUBootRecord(copies: readonly [Uint8Array, Uint8Array]): FoundRecord {
  const [first, second] = [decodeUBootRecord(copies[0]), decodeUBootRecord(copies[1])];
  if (first && (!second || first.sequence >= second.sequence)) return { record: first, next: 1 };
  if (second) return { record: second, next: 0 };
  throw new NodeosError('INPUT_INVALID', 'neither record of the boot loader is whole');
}

function hexadecimal(text: string | undefined): number | null {
  return text !== undefined && /^[0-9a-f]{1,8}$/.test(text) ? Number.parseInt(text, 16) : null;
}
