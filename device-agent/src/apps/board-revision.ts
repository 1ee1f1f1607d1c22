import { readFile, writeFile } from 'node:fs/promises';

/**
 * /proc/cpuinfo as programs for the Raspberry Pi expect it: with the board's revision code, from which they tell the
 * layout of its pins. 64-bit kernels leave it out (arch/arm64/kernel/cpuinfo.c); the firmware gives it in the device tree.
 * @param revision property `linux,revision` below `/system` of the device tree, big-endian
 * @returns null where there is nothing to add
 */
export function cpuinfoWithRevision(cpuinfo: string, revision: Buffer | null): string | null {
  if (revision === null || revision.length !== 4 || /^Revision\s*:/m.test(cpuinfo)) return null;
  return `${cpuinfo.trimEnd()}\n\nRevision\t: ${revision.toString('hex').replace(/^0{1,4}/, '')}\n`;
}

/** Writes that text where the launcher takes it from. Gives its path; null where the kernel's own does. */
export async function describeBoard(paths: {
  readonly proc: string;
  readonly cpuinfo: string;
}): Promise<string | null> {
  const property = `${paths.proc}/device-tree/system/linux,revision`;
  const [cpuinfo, revision] = await Promise.all([
    readFile(`${paths.proc}/cpuinfo`, 'utf8'),
    readFile(property).catch(() => null),
  ]);
  const text = cpuinfoWithRevision(cpuinfo, revision);
  if (text === null) return null;
  await writeFile(paths.cpuinfo, text);
  return paths.cpuinfo;
}
