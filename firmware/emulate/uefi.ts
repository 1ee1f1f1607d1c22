import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { DiskSource } from './machine.ts';

interface FirmwareFiles {
  readonly code: string;
  readonly variables: string;
}

/** By QEMU's program: Debian's package, and where it puts its firmware; the first that is there is taken. */
const UEFI: Readonly<Record<string, { readonly package: string; readonly files: readonly FirmwareFiles[] }>> = {
  'qemu-system-x86_64': {
    package: 'ovmf',
    // 4 MiB flash first (Debian 12 on), then the older 2 MiB one.
    files: [
      { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
      { code: '/usr/share/OVMF/OVMF_CODE.fd', variables: '/usr/share/OVMF/OVMF_VARS.fd' },
    ],
  },
  'qemu-system-aarch64': {
    package: 'qemu-efi-aarch64',
    // Of the same size as the machine's flash, 64 MiB each.
    files: [{ code: '/usr/share/AAVMF/AAVMF_CODE.fd', variables: '/usr/share/AAVMF/AAVMF_VARS.fd' }],
  },
};

/** Debian's package with the UEFI firmware for one of QEMU's programs; undefined where there is none. */
export function uefiPackage(system: string): string | undefined {
  return UEFI[system]?.package;
}

/**
 * UEFI firmware for one of QEMU's programs, with a fresh copy of the variables in `folder`.
 * @throws NodeosError TOOL_MISSING; INPUT_INVALID where there is none for that machine
 */
export async function prepareUefi(system: string, folder: string): Promise<DiskSource['firmware']> {
  const known = UEFI[system];
  if (known === undefined) {
    throw new NodeosError('INPUT_INVALID', `there is no UEFI firmware for ${system}`, {
      hint: 'Leave the option --firmware out: each board starts as its machine does.',
    });
  }
  const found = known.files.find((files) => existsSync(files.code) && existsSync(files.variables));
  if (found === undefined) {
    throw new NodeosError('TOOL_MISSING', 'the UEFI firmware for QEMU is not installed', {
      hint: `Install it: apt-get install ${known.package}`,
    });
  }
  const variables = join(folder, 'uefi-variables.fd');
  await copyFile(found.variables, variables);
  return { kind: 'uefi', code: found.code, variables };
}
