import { open, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path/posix';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { runTool } from '../run-tool.ts';

export interface Ext4Folder {
  /** Absolute path in the file system; parents come first in the list. */
  readonly path: string;
  readonly mode: number;
}

export interface Ext4File {
  /** Absolute path in the file system, its folder among the folders. */
  readonly path: string;
  readonly mode: number;
  /** File on the host. */
  readonly source: string;
}

export interface Ext4Request {
  readonly output: string;
  readonly bytes: number;
  readonly label: string;
  /** Also the seed of the directory hash. */
  readonly uuid: string;
  /** Seconds since 1970: the date of everything in the file system. */
  readonly modified: number;
  /** Folders that it holds, all root's. */
  readonly folders: readonly Ext4Folder[];
  /** Files that it holds, all root's. */
  readonly files?: readonly Ext4File[];
}

const BLOCK_BYTES = 4096;
/** The largest size the file system can grow to while it is mounted: 2 TiB is also what an MBR can address. */
const GROW_MAX_BYTES = 2 ** 41;
/** One inode for 16 KiB, counted for the whole block groups of 128 MiB that it gets when it grows. */
const INODES = 8192;

/**
 * Percent of the blocks that only the system may fill: what an app leaves of a full disk. Growing first fills the block
 * group of 128 MiB without a larger share, then adds to it by whole percents of what it is then, rounded down
 * (fs/ext4/resize.c): of 16 MiB with less than 8 percent none would be left of a large disk's.
 */
const RESERVED_PERCENT = 9;
/**
 * The system may use that part by its capability, not by its uid: what an app writes through its overlay is written in
 * the name of uid 0, without the capability (fs/overlayfs/super.c). Nobody has this uid.
 */
const RESERVED_UID = 65_533;

/** Written out, since each Debian release has another default; all are known to kernel 6.12 and e2fsck 1.47. */
const FEATURES = [
  'none',
  'has_journal',
  'ext_attr',
  'resize_inode',
  'dir_index',
  'filetype',
  'extent',
  '64bit',
  'flex_bg',
  'sparse_super',
  'large_file',
  'huge_file',
  'dir_nlink',
  'extra_isize',
  'metadata_csum',
];

/**
 * Makes an ext4 file system with the same bytes on every run, with room in its tables to grow while mounted, that keeps
 * an account of what each user fills.
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function makeExt4(request: Ext4Request, signal: AbortSignal): Promise<void> {
  const file = await open(request.output, 'w');
  await file.truncate(request.bytes);
  await file.close();
  // The host's own defaults must not change what is written.
  const configuration = `${request.output}.mke2fs.conf`;
  await writeFile(configuration, '[defaults]\n[fs_types]\n\text4 = {\n\t\tblocksize = 4096\n\t}\n');
  const env = {
    E2FSPROGS_FAKE_TIME: String(request.modified),
    SOURCE_DATE_EPOCH: String(request.modified),
    MKE2FS_CONFIG: configuration,
  };
  const extended = [
    `hash_seed=${request.uuid}`,
    'lazy_itable_init=0',
    'lazy_journal_init=0',
    'root_owner=0:0',
    'nodiscard',
    `resize=${GROW_MAX_BYTES / BLOCK_BYTES - 1}`,
  ];
  const args = [
    ...['-q', '-t', 'ext4', '-b', String(BLOCK_BYTES), '-I', '256', '-N', String(INODES)],
    ...['-m', String(RESERVED_PERCENT)],
    ...['-J', 'size=4', '-O', FEATURES.join(','), '-E', extended.join(',')],
    ...['-U', request.uuid, '-L', request.label, '-e', 'remount-ro', request.output],
  ];
  await runTool('mke2fs', args, { signal, env }).finally(() => rm(configuration));
  const { folders, files = [], modified } = request;
  const commands = [
    `set_super_value def_resuid ${RESERVED_UID}`,
    ...folders.flatMap(({ path, mode }) => [`mkdir ${path}`, ...fieldCommands(path, 0o040000 | mode, modified)]),
    ...files.flatMap((each) => fileCommands(each, modified)),
  ];
  const input = `${commands.join('\n')}\n`;
  const { stderr } = await runTool('debugfs', ['-w', '-f', '-', request.output], { signal, env, input });
  // Its exit code says nothing about the commands; the first line names its version.
  const problem = stderr.split('\n').slice(1).join('\n').trim();
  if (problem) throw new NodeosError('TOOL_FAILED', `debugfs could not fill the file system: ${problem}`);
  // Last: it counts what is there, and debugfs does not keep the account.
  await runTool('tune2fs', ['-O', 'quota', '-Q', 'usrquota', request.output], { signal, env });
}

/** debugfs writes into its current folder only. */
function fileCommands({ path, mode, source }: Ext4File, modified: number): string[] {
  const write = [`cd ${dirname(path)}`, `write "${source}" ${basename(path)}`, 'cd /'];
  return [...write, ...fieldCommands(path, 0o100000 | mode, modified)];
}

/** debugfs stamps what it makes with the time of day and the user's own ids. */
function fieldCommands(path: string, mode: number, modified: number): string[] {
  const fields = { mode: `0${mode.toString(8)}`, uid: '0', gid: '0' };
  const times = Object.fromEntries(['atime', 'ctime', 'mtime', 'crtime'].map((name) => [name, `@${modified}`]));
  return Object.entries({ ...fields, ...times }).map(([name, value]) => `set_inode_field ${path} ${name} ${value}`);
}
