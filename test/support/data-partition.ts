import { open, rm } from 'node:fs/promises';
import { runTool } from '@nodeos/firmware/run-tool.ts';

const MIB = 1_048_576;
/** Where every x86_64 image has its data partition. */
const DATA_OFFSET = 292 * MIB;

export interface DataEntry {
  /** Absolute path in the partition. */
  readonly path: string;
  readonly owner: number;
  readonly mode: number;
  /** File on the host whose content it gets; a folder without one. */
  readonly file?: string;
}

/**
 * Puts files and folders into the data partition of an image that was not started yet, as an operator would by mounting it.
 * @param mebibytes of the partition before it grows, as the board has it
 */
export async function fillDataPartition(image: string, entries: readonly DataEntry[], mebibytes = 16): Promise<void> {
  const bytes = mebibytes * MIB;
  const part = `${image}.data`;
  try {
    await copyRange(image, DATA_OFFSET, part, 0, bytes);
    const commands = entries.flatMap(({ path, owner, mode, file }) => [
      file === undefined ? `mkdir ${path}` : `write ${file} ${path}`,
      `set_inode_field ${path} mode 0${((file === undefined ? 0o040000 : 0o100000) | mode).toString(8)}`,
      `set_inode_field ${path} uid ${owner}`,
      `set_inode_field ${path} gid ${owner}`,
    ]);
    const { stderr } = await runTool('debugfs', ['-w', '-f', '-', part], { input: `${commands.join('\n')}\n` });
    const problem = stderr.split('\n').slice(1).join('\n').trim();
    if (problem !== '') throw new Error(`debugfs: ${problem}`);
    // debugfs does not keep the account of what each user fills; it is made anew when it is turned on.
    for (const quota of ['^quota', 'quota']) await runTool('tune2fs', ['-O', quota, '-Q', 'usrquota', part]);
    await copyRange(part, 0, image, DATA_OFFSET, bytes);
  } finally {
    await rm(part, { force: true });
  }
}

async function copyRange(from: string, fromOffset: number, to: string, toOffset: number, bytes: number): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, fromOffset === 0 ? 'r+' : 'w');
  try {
    const block = Buffer.alloc(bytes);
    await source.read(block, 0, bytes, fromOffset);
    await target.write(block, 0, bytes, toOffset);
  } finally {
    await source.close();
    await target.close();
  }
}
