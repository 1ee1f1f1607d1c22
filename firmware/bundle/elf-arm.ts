import type { ElfFile } from './elf-file.ts';

/** What an ARM file says about the processor and the calling convention that it is made for. */
export interface ArmFacts {
  /** Where floating-point arguments are passed: in its own registers (hard) or not; null where the file does not say. */
  readonly floatAbi: 'hard' | 'soft' | null;
  /** Tag_CPU_arch; null where the file does not say. */
  readonly processor: number | null;
}

/** Addenda to the ABI for the Arm Architecture, sections 3.2 (format) and 3.3 (tags). */
const SECTION_ATTRIBUTES = 0x70000003;
const FORMAT_VERSION = 0x41;
const SUBSECTION_FILE = 1;
const TAG_CPU_RAW_NAME = 4;
const TAG_CPU_NAME = 5;
const TAG_CPU_ARCH = 6;
const TAG_VFP_ARGUMENTS = 28;
const TAG_COMPATIBILITY = 32;
/** ELF for the Arm Architecture, section 5.2: in e_flags of programs and shared objects. */
const FLAGS_OFFSET = 36;
const FLAG_FLOAT_SOFT = 0x200;
const FLAG_FLOAT_HARD = 0x400;
const VFP_ARGUMENTS_REGISTERS = 1;
/** Code that passes no floating-point arguments at all. */
const VFP_ARGUMENTS_NEITHER = 3;

/** Tag_CPU_arch: names for people, and whether an ARM1176 (ARMv6KZ) or a Cortex-A7 (ARMv7-A) runs it. */
const PROCESSORS = ['before ARMv4', 'ARMv4', 'ARMv4T', 'ARMv5T', 'ARMv5TE', 'ARMv5TEJ', 'ARMv6', 'ARMv6KZ'];
const LATER_PROCESSORS: Readonly<Record<number, string>> = { 8: 'ARMv6T2', 9: 'ARMv6K', 10: 'ARMv7', 14: 'ARMv8' };
const ARMV6K = 9;
const ARMV7 = 10;

export function processorName(processor: number): string {
  return PROCESSORS[processor] ?? LATER_PROCESSORS[processor] ?? `ARM processor ${processor}`;
}

/** True where a processor of the given level runs the code; the numbers do not rise with the levels. */
export function processorRuns(level: 'ARMv6' | 'ARMv7', processor: number): boolean {
  if (processor < PROCESSORS.length || processor === ARMV6K) return true;
  return level === 'ARMv7' && processor <= ARMV7;
}

/** Reads the build attributes, and the flags of the header where those say nothing. */
export function readArmFacts(file: ElfFile): ArmFacts {
  const attributes = readAttributes(file.section(SECTION_ATTRIBUTES));
  const flags = file.bytes.readUInt32LE(FLAGS_OFFSET);
  const argument = attributes.get(TAG_VFP_ARGUMENTS);
  const says = (): ArmFacts['floatAbi'] => {
    if (argument === VFP_ARGUMENTS_REGISTERS || flags & FLAG_FLOAT_HARD) return 'hard';
    if (argument === VFP_ARGUMENTS_NEITHER) return null;
    return attributes.size > 0 || flags & FLAG_FLOAT_SOFT ? 'soft' : null;
  };
  return { floatAbi: says(), processor: attributes.get(TAG_CPU_ARCH) ?? null };
}

/** The numeric attributes of the public `aeabi` vendor that hold for the whole file. */
function readAttributes(section: Buffer | null): Map<number, number> {
  const found = new Map<number, number>();
  if (!section || section[0] !== FORMAT_VERSION) return found;
  for (let at = 1; at + 4 <= section.length; ) {
    const bytes = section.readUInt32LE(at);
    if (bytes < 5) break;
    const nameEnd = section.indexOf(0, at + 4);
    if (section.toString('latin1', at + 4, nameEnd) === 'aeabi')
      readVendor(section.subarray(nameEnd + 1, at + bytes), found);
    at += bytes;
  }
  return found;
}

function readVendor(vendor: Buffer, found: Map<number, number>): void {
  for (let at = 0; at + 5 <= vendor.length; ) {
    const bytes = vendor.readUInt32LE(at + 1);
    if (bytes < 5) break;
    if (vendor[at] === SUBSECTION_FILE) readFileAttributes(vendor.subarray(at + 5, at + bytes), found);
    at += bytes;
  }
}

function readFileAttributes(bytes: Buffer, found: Map<number, number>): void {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes.readUInt8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  const skipText = (): void => {
    const end = bytes.indexOf(0, at);
    at = end < 0 ? bytes.length : end + 1;
  };
  while (at < bytes.length) {
    const tag = number();
    const isText = tag === TAG_CPU_RAW_NAME || tag === TAG_CPU_NAME || (tag > TAG_COMPATIBILITY && tag % 2 === 1);
    if (isText) skipText();
    else found.set(tag, number());
    if (tag === TAG_COMPATIBILITY) skipText();
  }
}
