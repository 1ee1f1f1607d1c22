import { mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { describeRoot } from './describe-root.ts';

const MIB = 1_048_576;
/** Of one size by their format: GRUB's environments. */
const EXACT = /(^|\/)(grubenv|attempts)$/;
/** Both copies of what U-Boot and the agent tell each other, in bytes from the start of the disk. */
const LOADER_RECORDS = [0x20_0000, 0x21_0000];
const LOADER_RECORD_BYTES = 512;

/** Where files come from, as the plan says. */
export interface ImageSources {
  /** By `<area>:<path>`. */
  readonly files: ReadonlyMap<string, string>;
  /** Of the root, by path; `*` stands for any text. */
  readonly root: ReadonlyMap<string, string>;
}

interface Entry {
  readonly start: number;
  readonly size: number;
  readonly type: string;
  readonly bootable?: boolean;
}

/**
 * What a disk image holds, told by programs that did not make it, in lines that a person can read: sfdisk's partition
 * table; the files of each FAT; the data file system; what the device trees say of themselves.
 * @throws NodeosError TOOL_FAILED where sfdisk, fsck.fat or e2fsck find a fault
 */
export async function describeImage(image: string, sources: ImageSources): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'nodeos-test-image-'));
  try {
    await runTool('sfdisk', ['--verify', image]);
    const { partitiontable } = JSON.parse((await runTool('sfdisk', ['--json', image])).stdout.toString());
    const entries = partitiontable.partitions as readonly Entry[];
    const lines = [`partition table: ${partitiontable.label}`, ...entries.map(describeEntry)];
    lines.push('', 'before the first partition:', ...(await describeHead(image, scratch)));
    for (const [index, area] of ['boot', 'slot a', 'slot b', 'data'].entries()) {
      const path = join(scratch, `p${index + 1}`);
      await cut(image, path, entries[index] as Entry);
      lines.push('', `${area}:`, ...(await describeVolume(path, area, sources, scratch)));
    }
    return `${lines.join('\n')}\n`;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function describeEntry({ start, size, type, bootable }: Entry, index: number): string {
  const [from, length] = [`${start / 2048} MiB`, `${size / 2048} MiB`];
  return `p${index + 1}  from ${from.padEnd(8)} ${length.padEnd(8)} type ${type}${bootable ? '  active' : ''}`;
}

/** Names what stands in the raw areas; the device record must be none. */
async function describeHead(image: string, scratch: string): Promise<string[]> {
  const head = Buffer.alloc(4 * MIB);
  const file = await open(image, 'r');
  await file.read(head, 0, head.length, 0);
  await file.close();
  const empty = (from: number, to: number): boolean => head.subarray(from, to).every((byte) => byte === 0);
  return [
    empty(0, 440) ? 'no code in the boot sector' : 'code in the boot sector',
    // Allwinner's boot ROM looks for this word at 8 KiB of the card (linux-sunxi, eGON header).
    ...(head.toString('latin1', 8196, 8204) === 'eGON.BT0' ? ['Allwinner loader at 8 KiB'] : []),
    empty(MIB, 2 * MIB) ? 'no device record' : 'A DEVICE RECORD',
    ...(empty(2 * MIB, 4 * MIB) ? [] : await describeLoaderRecords(image, head, scratch)),
  ];
}

/** Each record as U-Boot's own tool reads it, which refuses a wrong checksum. */
async function describeLoaderRecords(image: string, head: Buffer, scratch: string): Promise<string[]> {
  const lines = LOADER_RECORDS.map(async (offset, index) => {
    const place = `boot loader record ${index + 1} at ${offset / 1024} KiB`;
    if (head.subarray(offset, offset + LOADER_RECORD_BYTES).every((byte) => byte === 0)) return `${place}: empty`;
    const config = join(scratch, `record-${index}.config`);
    await writeFile(config, `${image} 0x${offset.toString(16)} 0x${LOADER_RECORD_BYTES.toString(16)}\n`);
    const { stdout } = await runTool('fw_printenv', ['-c', config]);
    return `${place}: ${stdout.toString().trim().split('\n').sort().join(' ')}`;
  });
  return Promise.all(lines);
}

async function cut(image: string, target: string, { start, size }: Entry): Promise<void> {
  const [from, to] = [await open(image, 'r'), await open(target, 'w')];
  try {
    const [block, zeros] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];
    await to.truncate(size * 512);
    for (let offset = 0; offset < size * 512; offset += MIB) {
      const { bytesRead } = await from.read(block, 0, Math.min(MIB, size * 512 - offset), start * 512 + offset);
      if (!block.subarray(0, bytesRead).equals(zeros.subarray(0, bytesRead)))
        await to.write(block, 0, bytesRead, offset);
    }
  } finally {
    await from.close();
    await to.close();
  }
}

async function describeVolume(path: string, area: string, sources: ImageSources, scratch: string): Promise<string[]> {
  if (area === 'data') {
    const checked = (await runTool('e2fsck', ['-f', '-n', path])).stdout.toString();
    return [`ext4 ${/^(\S+): \d+\/\d+ files/m.exec(checked)?.[1] ?? 'without a name'}, e2fsck finds no fault`];
  }
  const first = Buffer.alloc(512);
  const file = await open(path, 'r');
  await file.read(first, 0, first.length, 0);
  await file.close();
  if (first.every((byte) => byte === 0)) return ['empty'];
  await runTool('fsck.fat', ['-n', path]);
  const folder = join(scratch, area.replace(' ', '-'));
  await runTool('mcopy', ['-s', '-n', '-i', path, '::/', folder]);
  const lines = await describeFiles(folder, area, sources);
  return ['FAT, fsck.fat finds no fault', ...lines];
}

async function describeFiles(folder: string, area: string, sources: ImageSources): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = `/${relative(folder, file)}`;
      const { size } = await stat(file);
      const source = sources.files.get(`${area}:${path}`) ?? 'NOT PLANNED';
      return `${path.padEnd(44)} ${sizeClass(path, size).padEnd(13)} ${source}${await describeTree(file)}`;
    });
  const described = (await Promise.all(lines)).sort();
  const root = entries.find((entry) => entry.name === 'rootfs.sqfs');
  if (root === undefined) return described;
  const files = await describeRoot(join(root.parentPath, root.name), sources.root);
  return [...described, '', `${area}, rootfs.sqfs:`, ...files];
}

/** `under 64 KiB`: sizes change with every compiler, their order of magnitude does not. */
function sizeClass(path: string, bytes: number): string {
  if (EXACT.test(path)) return `${bytes} bytes`;
  if (bytes === 0) return 'empty';
  const limit = 2 ** Math.max(12, Math.ceil(Math.log2(bytes + 1)));
  return limit < MIB ? `under ${limit / 1024} KiB` : `under ${limit / MIB} MiB`;
}

/** What a device tree says of itself, as fdtdump prints it: its model; of an overlay, the nodes that it changes. */
async function describeTree(path: string): Promise<string> {
  if (!/\.dtbo?$/.test(path)) return '';
  const dump = (await runTool('fdtdump', [path])).stdout.toString();
  if (path.endsWith('.dtb')) return `, says "${/^ {4}model = "([^"]*)"/m.exec(dump)?.[1] ?? 'no model'}"`;
  const fixups = /^ {4}__fixups__ \{\n((?: {8}.*\n)*)/m.exec(dump)?.[1] ?? '';
  const changed = [...fixups.matchAll(/^ {8}(\w+) = .*:target:0/gm)].map((match) => match[1]);
  return `, changes ${changed.sort().join(', ') || 'nothing'}`;
}
