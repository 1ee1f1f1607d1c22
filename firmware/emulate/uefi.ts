import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { DiskSource } from './machine.ts';

/** Where Debian's package `ovmf` puts its firmware: 4 MiB flash first (Debian 12 on), then the older 2 MiB one. */
const OVMF_FILES = [
  { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  { code: '/usr/share/OVMF/OVMF_CODE.fd', variables: '/usr/share/OVMF/OVMF_VARS.fd' },
];

/** The machine's firmware; for UEFI with a fresh copy of the variables in `folder`. @throws NodeosError TOOL_MISSING */
export async function prepareFirmware(kind: 'bios' | 'uefi', folder: string): Promise<DiskSource['firmware']> {
  if (kind === 'bios') return { kind };
  const found = OVMF_FILES.find((files) => existsSync(files.code) && existsSync(files.variables));
  if (found === undefined) {
    throw new NodeosError('TOOL_MISSING', 'the UEFI firmware for QEMU is not installed', {
      hint: 'Install it: apt-get install ovmf',
    });
  }
  const variables = join(folder, 'uefi-variables.fd');
  await copyFile(found.variables, variables);
  return { kind, code: found.code, variables };
}
