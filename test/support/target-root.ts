import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Board, boardAbi } from '@nodeos/contracts/board.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { build } from './build.ts';
import { type CommandResult, runCommand } from './command.ts';

interface Machine {
  readonly emulator: string;
  /** The oldest processor of the boards; the emulator's own where it has no such choice. */
  readonly cpu?: string;
  readonly loader: string;
  readonly libraries: string;
  readonly readelf: RegExp;
}

/** QEMU's user-mode emulator, loader and library folder of each ABI; written down anew as a judge of the product's own. */
const MACHINES: Readonly<Record<string, Machine>> = {
  'linux-x64-glibc': {
    emulator: 'qemu-x86_64-static',
    loader: 'lib64/ld-linux-x86-64.so.2',
    libraries: 'usr/lib/x86_64-linux-gnu',
    readelf: /ELF64[\s\S]*X86-64/,
  },
  'linux-ia32-glibc': {
    emulator: 'qemu-i386-static',
    loader: 'lib/ld-linux.so.2',
    libraries: 'usr/lib/i386-linux-gnu',
    readelf: /ELF32[\s\S]*Intel 80386/,
  },
  'linux-arm64-glibc': {
    emulator: 'qemu-aarch64-static',
    loader: 'lib/ld-linux-aarch64.so.1',
    libraries: 'usr/lib/aarch64-linux-gnu',
    readelf: /ELF64[\s\S]*AArch64/,
  },
  'linux-armhf-glibc': {
    emulator: 'qemu-arm-static',
    cpu: 'cortex-a7',
    loader: 'lib/ld-linux-armhf.so.3',
    libraries: 'usr/lib/arm-linux-gnueabihf',
    readelf: /ELF32[\s\S]*Machine:\s+ARM[\s\S]*(hard-float ABI|Tag_ABI_VFP_args: VFP registers)/,
  },
  'linux-armel-glibc': {
    emulator: 'qemu-arm-static',
    cpu: 'arm1176',
    loader: 'lib/ld-linux.so.3',
    libraries: 'usr/lib/arm-linux-gnueabi',
    readelf: /ELF32[\s\S]*Machine:\s+ARM(?![\s\S]*(hard-float ABI|Tag_ABI_VFP_args: VFP registers))/,
  },
};

/** A board's root, unpacked, whose programs the host runs in QEMU's user-mode emulator. */
export interface TargetRoot {
  readonly board: Board;
  readonly abi: string;
  readonly folder: string;
  /** What readelf says of machine code that fits the board. */
  readonly readelf: RegExp;
  /** Runs a program of the root, or one that needs its libraries. */
  run(program: string, args: readonly string[]): Promise<CommandResult>;
  node(args: readonly string[]): Promise<CommandResult>;
}

/** The emulator that is missing, for a skip; null where all are there. */
export function missingEmulator(): string | null {
  const all = [...new Set(Object.values(MACHINES).map(({ emulator }) => emulator)), 'unsquashfs'];
  return all.find((program) => spawnSync(program, ['--version']).error !== undefined) ?? null;
}

/** Builds a board's root with the product's command and unpacks it. */
export async function unpackRoot(name: string, scratch: string): Promise<TargetRoot> {
  const board = await loadBoard(name);
  const abi = boardAbi(board);
  const machine = MACHINES[abi];
  assert.ok(machine, abi);
  const folder = join(scratch, `root-${name}`);
  if (!existsSync(folder)) {
    const built = await build(['--board', name, '--layer', 'rootfs', '--out', scratch]);
    const unpacked = await runCommand('unsquashfs', ['-q', '-d', folder, built.files.rootfs ?? '']);
    assert.equal(unpacked.code, 0, unpacked.stderr);
  }
  const { emulator, cpu, loader, libraries, readelf } = machine;
  const processor = cpu === undefined ? [] : ['-cpu', cpu];
  const run: TargetRoot['run'] = (program, args) => {
    // Named outright: QEMU would else let the loader read the host's own list of libraries.
    const start = [join(folder, loader), '--library-path', join(folder, libraries)];
    return runCommand(emulator, [...processor, '-L', folder, ...start, program, ...args]);
  };
  return { board, abi, folder, readelf, run, node: (args) => run(join(folder, 'opt/node/bin/node'), args) };
}
