/** One file in ICU's data archive, e.g. `coll/root.res` or `gb18030-2022.cnv`. */
export interface IcuItem {
  readonly name: string;
  /** Bytes from the start of the buffer. */
  readonly offset: number;
  readonly bytes: number;
}

/** Header of a common data archive (ICU, source/common/ucmndata.h and unicode/udata.h): magic bytes, then this format. */
const MAGIC = [0xda, 0x27] as const;
const MAGIC_OFFSET = 2;
const FORMAT = 'CmnD';
const FORMAT_OFFSET = 12;
/** Node holds a second archive with nothing in it. */
const ITEMS_MIN = 10;

/**
 * Lists ICU's data inside a little-endian program. The size of the last item is not recorded; it is left out.
 * @returns an empty list where the program holds no such archive
 */
export function listIcuItems(program: Buffer): IcuItem[] {
  for (let at = program.indexOf(FORMAT, 0, 'latin1'); at >= 0; at = program.indexOf(FORMAT, at + 1, 'latin1')) {
    const items = readArchive(program, at - FORMAT_OFFSET);
    if (items.length >= ITEMS_MIN) return items;
  }
  return [];
}

function readArchive(program: Buffer, start: number): IcuItem[] {
  if (start < 0 || program[start + MAGIC_OFFSET] !== MAGIC[0] || program[start + MAGIC_OFFSET + 1] !== MAGIC[1])
    return [];
  // Offsets in the table of contents count from its own start, behind the header.
  const table = start + program.readUInt16LE(start);
  const count = program.readUInt32LE(table);
  if (table + 4 + 8 * count > program.length) return [];
  const entries = Array.from({ length: count }, (_, index) => {
    const name = table + program.readUInt32LE(table + 4 + 8 * index);
    const path = program.toString('latin1', name, program.indexOf(0, name));
    // Every name begins with the version, e.g. `icudt78l/`.
    return { name: path.slice(path.indexOf('/') + 1), offset: table + program.readUInt32LE(table + 8 + 8 * index) };
  });
  return entries.slice(0, -1).map((entry, index) => ({
    ...entry,
    bytes: (entries[index + 1]?.offset ?? entry.offset) - entry.offset,
  }));
}

/**
 * Overwrites items with zeros, which take no room in a compressed root. ICU then says of them that they are not there.
 * @returns how many bytes were cleared
 */
export function clearIcuItems(program: Buffer, isUnused: (name: string) => boolean): number {
  const unused = listIcuItems(program).filter((item) => isUnused(item.name));
  for (const { offset, bytes } of unused) program.fill(0, offset, offset + bytes);
  return unused.reduce((sum, { bytes }) => sum + bytes, 0);
}
