/** What a shared object says about the machine it is made for. */
export interface ElfFacts {
  readonly bits: 32 | 64;
  /** Node's name of the architecture, or `machine <number>` where it has none. */
  readonly architecture: string;
  /** DT_NEEDED: names of the libraries it is linked with. */
  readonly needed: readonly string[];
}

/** e_machine, System V ABI, chapter 4. */
const MACHINES: Readonly<Record<number, string>> = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64' };
const PROGRAM_LOAD = 1;
const PROGRAM_DYNAMIC = 2;
const DYNAMIC_NEEDED = 1n;
const DYNAMIC_STRING_TABLE = 5n;

/** True where the bytes begin as an ELF file does. */
export function isElf(bytes: Buffer): boolean {
  return bytes.length >= 20 && bytes.readUInt32BE(0) === 0x7f454c46;
}

/**
 * Reads class, machine and needed libraries of a little-endian ELF file.
 * @returns null for anything else (Mach-O, PE, big-endian, truncated)
 */
export function readElf(bytes: Buffer): ElfFacts | null {
  if (!isElf(bytes) || bytes[5] !== 1) return null;
  const bits = bytes[4] === 2 ? 64 : bytes[4] === 1 ? 32 : null;
  if (bits === null) return null;
  const machine = bytes.readUInt16LE(18);
  try {
    return { bits, architecture: MACHINES[machine] ?? `machine ${machine}`, needed: readNeeded(bytes, bits) };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** `linux-<arch>-<libc>`; musl is told by the name of its C library. */
export function elfAbi(facts: ElfFacts): string {
  const musl = facts.needed.some((name) => name.startsWith('libc.musl') || name.startsWith('ld-musl'));
  return `linux-${facts.architecture}-${musl ? 'musl' : 'glibc'}`;
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileBytes: number;
}

function readNeeded(bytes: Buffer, bits: 32 | 64): string[] {
  const word = (offset: number): bigint =>
    bits === 64 ? bytes.readBigUInt64LE(offset) : BigInt(bytes.readUInt32LE(offset));
  const wordBytes = bits / 8;
  const tableOffset = Number(word(bits === 64 ? 32 : 28));
  const entryBytes = bytes.readUInt16LE(bits === 64 ? 54 : 42);
  const count = bytes.readUInt16LE(bits === 64 ? 56 : 44);
  const segments: Segment[] = Array.from({ length: count }, (_, index) => {
    const at = tableOffset + index * entryBytes;
    const [offset, address, size] = bits === 64 ? [8, 16, 32] : [4, 8, 16];
    return {
      type: bytes.readUInt32LE(at),
      offset: Number(word(at + offset)),
      address: word(at + address),
      fileBytes: Number(word(at + size)),
    };
  });
  const dynamic = segments.find((segment) => segment.type === PROGRAM_DYNAMIC);
  if (!dynamic) return [];
  const names: bigint[] = [];
  let stringsAddress = 0n;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.fileBytes; at += 2 * wordBytes) {
    const tag = word(at);
    if (tag === 0n) break;
    if (tag === DYNAMIC_NEEDED) names.push(word(at + wordBytes));
    if (tag === DYNAMIC_STRING_TABLE) stringsAddress = word(at + wordBytes);
  }
  const home = segments.find(
    (segment) =>
      segment.type === PROGRAM_LOAD &&
      stringsAddress >= segment.address &&
      stringsAddress < segment.address + BigInt(segment.fileBytes),
  );
  if (!home) return [];
  const strings = home.offset + Number(stringsAddress - home.address);
  return names.map((name) => {
    const start = strings + Number(name);
    const end = bytes.indexOf(0, start);
    if (start >= bytes.length || end < 0) throw new RangeError('string table ends early');
    return bytes.toString('latin1', start, end);
  });
}
