import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runTool } from '@nodeos/firmware/run-tool.ts';

const MIB = 1_048_576;
/** Of one size by their format: GRUB's and U-Boot's environments. */
const EXACT = /(^|\/)(grubenv|attempts|[^/]*\.env)$/;

interface Entry {
  readonly start: number;
  readonly size: number;
  readonly type: string;
  readonly bootable?: boolean;
}

/**
 * What a disk image holds, told by programs that did not make it, in lines that a person can read: sfdisk's partition
 * table; the files of each FAT; the data file system; what the device trees say of themselves.
 * @param sources where each file of a partition comes from, by `<area>:<path>`
 * @throws NodeosError TOOL_FAILED where sfdisk, fsck.fat or e2fsck find a fault
 */
export async function describeImage(image: string, sources: ReadonlyMap<string, string>): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'nodeos-test-image-'));
  try {
    await runTool('sfdisk', ['--verify', image]);
    const { partitiontable } = JSON.parse((await runTool('sfdisk', ['--json', image])).stdout.toString());
    const entries = partitiontable.partitions as readonly Entry[];
    const lines = [`partition table: ${partitiontable.label}`, ...entries.map(describeEntry)];
    lines.push('', `before the first partition: ${(await describeHead(image)).join(', ')}`);
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
async function describeHead(image: string): Promise<string[]> {
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
  ];
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

async function describeVolume(
  path: string,
  area: string,
  sources: ReadonlyMap<string, string>,
  scratch: string,
): Promise<string[]> {
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

async function describeFiles(folder: string, area: string, sources: ReadonlyMap<string, string>): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = `/${relative(folder, file)}`;
      const { size } = await stat(file);
      const source = sources.get(`${area}:${path}`) ?? 'NOT PLANNED';
      const model = path.endsWith('.dtb') ? `, says "${await modelOf(file)}"` : '';
      return `${path.padEnd(44)} ${sizeClass(path, size).padEnd(13)} ${source}${model}`;
    });
  return (await Promise.all(lines)).sort();
}

/** `under 64 KiB`: sizes change with every compiler, their order of magnitude does not. */
function sizeClass(path: string, bytes: number): string {
  if (EXACT.test(path)) return `${bytes} bytes`;
  if (bytes === 0) return 'empty';
  const limit = 2 ** Math.max(12, Math.ceil(Math.log2(bytes + 1)));
  return limit < MIB ? `under ${limit / 1024} KiB` : `under ${limit / MIB} MiB`;
}

/** The property `model` of a device tree's root, as fdtdump prints it. */
async function modelOf(path: string): Promise<string> {
  const dump = (await runTool('fdtdump', [path])).stdout.toString();
  return /^ {4}model = "([^"]*)"/m.exec(dump)?.[1] ?? 'no model';
}
