import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { uefiPackage } from './uefi.ts';

/** Reads and changes device trees where the emulator plays the firmware. */
const DEVICE_TREE_TOOL = { program: 'fdtput', package: 'device-tree-compiler' } as const;

/** Debian's packages of QEMU's programs. */
const PACKAGES: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-i386': 'qemu-system-x86',
  'qemu-system-arm': 'qemu-system-arm',
  'qemu-system-aarch64': 'qemu-system-arm',
};

/**
 * Sees that the programs for a board's machine are there and new enough.
 * @throws NodeosError TOOL_MISSING, EMULATOR_TOO_OLD
 */
export async function requireEmulator(
  emulate: Pick<NonNullable<Board['emulate']>, 'system' | 'machine' | 'firmware' | 'minimumVersion'>,
): Promise<void> {
  requireProgram(emulate.system, PACKAGES[emulate.system] ?? emulate.system);
  requireProgram('setpriv', 'util-linux');
  await requireVersion(emulate);
  if (emulate.firmware === 'raspberrypi') requireProgram(DEVICE_TREE_TOOL.program, DEVICE_TREE_TOOL.package);
}

/** Debian's packages that a board's machine needs. */
export function emulatorPackages({ system, firmware }: Pick<NonNullable<Board['emulate']>, 'system' | 'firmware'>) {
  const uefi = firmware === 'uefi' ? uefiPackage(system) : undefined;
  return [
    PACKAGES[system] ?? system,
    ...(uefi === undefined ? [] : [uefi]),
    ...(firmware === 'raspberrypi' ? [DEVICE_TREE_TOOL.package] : []),
  ];
}

async function requireVersion({
  system,
  machine,
  minimumVersion,
}: Pick<NonNullable<Board['emulate']>, 'system' | 'machine' | 'minimumVersion'>): Promise<void> {
  if (minimumVersion === undefined) return;
  const { stdout } = await promisify(execFile)(system, ['--version']);
  const version = /version (\d+)\.(\d+)/.exec(stdout);
  const [least = 0, leastMinor = 0] = minimumVersion.split('.').map(Number);
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  if (major > least || (major === least && minor >= leastMinor)) return;
  const text = `QEMU ${major}.${minor} has no machine ${machine}; ${minimumVersion} or newer is needed`;
  const name = PACKAGES[system] ?? system;
  throw new NodeosError('EMULATOR_TOO_OLD', text, {
    hint: `Install a newer one, on Debian 12 from its backports: apt-get install -t bookworm-backports ${name}`,
  });
}

function requireProgram(name: string, debianPackage: string): void {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const folder of folders) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return;
    } catch {
      // Not in this folder.
    }
  }
  throw new NodeosError('TOOL_MISSING', `the program ${name} is not installed`, {
    hint: `Install it: apt-get install ${debianPackage}`,
  });
}
