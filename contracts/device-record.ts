import { crc32 } from './crc32.ts';

/** Raw area before the first partition; both copies survive a reformatted data partition. */
export const DEVICE_RECORD_OFFSETS = [0x10_0000, 0x11_0000] as const;
export const DEVICE_RECORD_AREA_BYTES = 0x1_0000;
const MAGIC = 'NODEOSDR';
const HEADER_BYTES = 24;
const PAYLOAD_MAX_BYTES = 8192;

/**
 * Encodes a device record: magic (8 bytes), format (u32 LE, 1), sequence (u32 LE), payload length (u32 LE),
 * CRC-32 over sequence, length and payload (u32 LE), payload (JSON, UTF-8), padded to 512 bytes.
 */
export function encodeDeviceRecord(sequence: number, payload: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(payload));
  if (body.length > PAYLOAD_MAX_BYTES)
    throw new RangeError(`device record of ${body.length} bytes is larger than ${PAYLOAD_MAX_BYTES}`);
  const record = Buffer.alloc(Math.ceil((HEADER_BYTES + body.length) / 512) * 512);
  record.write(MAGIC, 'latin1');
  record.writeUInt32LE(1, 8);
  record.writeUInt32LE(sequence, 12);
  record.writeUInt32LE(body.length, 16);
  body.copy(record, HEADER_BYTES);
  record.writeUInt32LE(checksum(record, body.length), 20);
  return record;
}

/** Decodes one copy; null where it is empty, torn or of another format. */
export function decodeDeviceRecord(area: Buffer): { sequence: number; payload: unknown } | null {
  if (area.length < HEADER_BYTES || area.toString('latin1', 0, 8) !== MAGIC || area.readUInt32LE(8) !== 1) return null;
  const length = area.readUInt32LE(16);
  if (length > PAYLOAD_MAX_BYTES || HEADER_BYTES + length > area.length) return null;
  if (area.readUInt32LE(20) !== checksum(area, length)) return null;
  try {
    return {
      sequence: area.readUInt32LE(12),
      payload: JSON.parse(area.toString('utf8', HEADER_BYTES, HEADER_BYTES + length)),
    };
  } catch {
    return null;
  }
}

/** The newer of the two copies, null where neither is whole. */
export function newestDeviceRecord(copies: readonly Buffer[]): { sequence: number; payload: unknown } | null {
  const whole = copies.map(decodeDeviceRecord).filter((record) => record !== null);
  return whole.sort((a, b) => b.sequence - a.sequence)[0] ?? null;
}

function checksum(record: Buffer, length: number): number {
  return crc32(Buffer.concat([record.subarray(12, 20), record.subarray(HEADER_BYTES, HEADER_BYTES + length)]));
}
