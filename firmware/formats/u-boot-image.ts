import { crc32 } from '@nodeos/contracts/crc32.ts';

const HEADER_BYTES = 64;
const MAGIC = 0x27051956;
/** Operating system, architecture, image type and compression of U-Boot's include/image.h. */
const LINUX = 5;
const ARCHITECTURES = { arm: 2, arm64: 22 } as const;
const SCRIPT = 6;
const UNCOMPRESSED = 0;
const NAME_BYTES = 32;

/**
 * A script as U-Boot's `source` reads it: the legacy header (U-Boot, include/image.h), the table of sizes with one
 * entry and a zero, the text.
 * @param made seconds since 1970
 */
export function encodeUBootScript(text: string, architecture: keyof typeof ARCHITECTURES, made: number): Buffer {
  const script = Buffer.from(text, 'latin1');
  const data = Buffer.alloc(8 + script.length);
  data.writeUInt32BE(script.length, 0);
  script.copy(data, 8);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(made, 8);
  header.writeUInt32BE(data.length, 12);
  header.writeUInt32BE(crc32(data), 24);
  header.set([LINUX, ARCHITECTURES[architecture], SCRIPT, UNCOMPRESSED], 28);
  header.write('NodeOS', HEADER_BYTES - NAME_BYTES, 'latin1');
  // Its own checksum counts as zero.
  header.writeUInt32BE(crc32(header), 4);
  return Buffer.concat([header, data]);
}
