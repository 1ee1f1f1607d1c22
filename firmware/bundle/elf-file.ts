/** A piece of a file that is loaded to an address. */
interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileBytes: number;
}

const PROGRAM_LOAD = 1;
const PROGRAM_DYNAMIC = 2;
const SECTION_ENTRY = { 32: { bytes: 40, offset: 16, size: 20 }, 64: { bytes: 64, offset: 24, size: 32 } } as const;

/** Raw access to a little-endian ELF file (System V ABI, chapters 4 and 5); reads beyond the end throw a RangeError. */
export class ElfFile {
  readonly bytes: Buffer;
  readonly bits: 32 | 64;
  readonly #segments: readonly Segment[];
  readonly #dynamic: readonly (readonly [tag: bigint, value: bigint])[];

  constructor(bytes: Buffer, bits: 32 | 64) {
    this.bytes = bytes;
    this.bits = bits;
    this.#segments = this.#readSegments();
    this.#dynamic = this.#readDynamic();
  }

  /** A word of the file's class. */
  word(offset: number): bigint {
    return this.bits === 64 ? this.bytes.readBigUInt64LE(offset) : BigInt(this.bytes.readUInt32LE(offset));
  }

  /** Values of a tag of the dynamic section, in their order. */
  dynamic(tag: bigint): bigint[] {
    return this.#dynamic.filter((entry) => entry[0] === tag).map((entry) => entry[1]);
  }

  /** Offset in the file of a loaded address; null where no segment of the file holds it. */
  offsetOf(address: bigint): number | null {
    const home = this.#segments.find(
      (segment) =>
        segment.type === PROGRAM_LOAD &&
        address >= segment.address &&
        address < segment.address + BigInt(segment.fileBytes),
    );
    return home ? home.offset + Number(address - home.address) : null;
  }

  /** Text up to the next zero byte. */
  text(offset: number): string {
    const end = this.bytes.indexOf(0, offset);
    if (offset >= this.bytes.length || end < 0) throw new RangeError('string table ends early');
    return this.bytes.toString('latin1', offset, end);
  }

  /** Contents of the first section of a type; null without one. */
  section(type: number): Buffer | null {
    const { bytes: entryBytes, offset, size } = SECTION_ENTRY[this.bits];
    const table = Number(this.word(this.bits === 64 ? 40 : 32));
    const count = this.bytes.readUInt16LE(this.bits === 64 ? 60 : 48);
    for (let index = 0; table > 0 && index < count; index++) {
      const at = table + index * entryBytes;
      if (this.bytes.readUInt32LE(at + 4) !== type) continue;
      const start = Number(this.word(at + offset));
      return this.bytes.subarray(start, start + Number(this.word(at + size)));
    }
    return null;
  }

  #readSegments(): Segment[] {
    const table = Number(this.word(this.bits === 64 ? 32 : 28));
    const entryBytes = this.bytes.readUInt16LE(this.bits === 64 ? 54 : 42);
    const count = this.bytes.readUInt16LE(this.bits === 64 ? 56 : 44);
    return Array.from({ length: count }, (_, index) => {
      const at = table + index * entryBytes;
      const [offset, address, size] = this.bits === 64 ? [8, 16, 32] : [4, 8, 16];
      return {
        type: this.bytes.readUInt32LE(at),
        offset: Number(this.word(at + offset)),
        address: this.word(at + address),
        fileBytes: Number(this.word(at + size)),
      };
    });
  }

  #readDynamic(): [bigint, bigint][] {
    const segment = this.#segments.find(({ type }) => type === PROGRAM_DYNAMIC);
    const entries: [bigint, bigint][] = [];
    if (!segment) return entries;
    const wordBytes = this.bits / 8;
    for (let at = segment.offset; at < segment.offset + segment.fileBytes; at += 2 * wordBytes) {
      const tag = this.word(at);
      if (tag === 0n) break;
      entries.push([tag, this.word(at + wordBytes)]);
    }
    return entries;
  }
}
