import { type ArmFacts, readArmFacts } from './elf-arm.ts';
import { ElfFile } from './elf-file.ts';

/** What a shared object says about the machine and the libraries it is made for. */
export interface ElfFacts {
  readonly bits: 32 | 64;
  /** Node's name of the architecture, or `machine <number>` where it has none. */
  readonly architecture: string;
  /** DT_NEEDED: names of the libraries it is linked with. */
  readonly needed: readonly string[];
  /** Versions of symbols that those must have, e.g. `GLIBC_2.34`. */
  readonly versions: readonly string[];
  /** NODE_MODULE_VERSION in the name of its entry; null for Node-API addons and those that register themselves. */
  readonly moduleVersion: string | null;
  /** Null but for 32-bit ARM. */
  readonly arm: ArmFacts | null;
}

/** e_machine, System V ABI, chapter 4. */
const MACHINES: Readonly<Record<number, string>> = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64' };
const MACHINE_ARM = 40;
const DYNAMIC_NEEDED = 1n;
const DYNAMIC_STRING_TABLE = 5n;
const DYNAMIC_STRING_BYTES = 10n;
/** Linux Standard Base, chapter Symbol Versioning. */
const DYNAMIC_VERSIONS_NEEDED = 0x6ffffffen;

/** True where the bytes begin as an ELF file does. */
export function isElf(bytes: Buffer): boolean {
  return bytes.length >= 20 && bytes.readUInt32BE(0) === 0x7f454c46;
}

/**
 * Reads what a little-endian ELF file needs.
 * @returns null for anything else (Mach-O, PE, big-endian, truncated)
 */
export function readElf(bytes: Buffer): ElfFacts | null {
  if (!isElf(bytes) || bytes[5] !== 1) return null;
  const bits = bytes[4] === 2 ? 64 : bytes[4] === 1 ? 32 : null;
  if (bits === null) return null;
  const machine = bytes.readUInt16LE(18);
  try {
    const file = new ElfFile(bytes, bits);
    return {
      bits,
      architecture: MACHINES[machine] ?? `machine ${machine}`,
      ...readStrings(file),
      arm: machine === MACHINE_ARM ? readArmFacts(file) : null,
    };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** True for musl, which is told by the name of its C library. */
export function needsMusl(facts: Pick<ElfFacts, 'needed'>): boolean {
  return facts.needed.some((name) => name.startsWith('libc.musl') || name.startsWith('ld-musl'));
}

function readStrings(file: ElfFile): Pick<ElfFacts, 'needed' | 'versions' | 'moduleVersion'> {
  const strings = file.offsetOf(file.dynamic(DYNAMIC_STRING_TABLE)[0] ?? 0n);
  if (strings === null) return { needed: [], versions: [], moduleVersion: null };
  const bytes = Number(file.dynamic(DYNAMIC_STRING_BYTES)[0] ?? 0n);
  const table = file.bytes.toString('latin1', strings, strings + bytes);
  return {
    needed: file.dynamic(DYNAMIC_NEEDED).map((name) => file.text(strings + Number(name))),
    versions: readVersions(file, strings),
    moduleVersion: /(?:^|\0)node_register_module_v(\d+)\0/.exec(table)?.[1] ?? null,
  };
}

/** Walks the list of needed libraries, each with its list of versions. */
function readVersions(file: ElfFile, strings: number): string[] {
  const versions = new Set<string>();
  const address = file.dynamic(DYNAMIC_VERSIONS_NEEDED)[0];
  let library = address === undefined ? null : file.offsetOf(address);
  while (library !== null) {
    let version = library + file.bytes.readUInt32LE(library + 8);
    for (let count = file.bytes.readUInt16LE(library + 2); count > 0; count--) {
      versions.add(file.text(strings + file.bytes.readUInt32LE(version + 8)));
      version += file.bytes.readUInt32LE(version + 12);
    }
    const next = file.bytes.readUInt32LE(library + 12);
    library = next === 0 ? null : library + next;
  }
  return [...versions].sort();
}
