import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/**
 * Firmware that the board's drivers load.
 * @param packages folder with the unpacked packages
 * @returns absolute path on the device → file on the host
 * @throws NodeosError SOURCE_MISMATCH naming a file that its package does not hold
 */
export function driverFirmware(board: Pick<Board, 'name' | 'driverFirmware'>, packages: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const item of board.driverFirmware)
    for (const path of item.files) {
      const file = join(packages, path);
      if (!existsSync(file))
        throw new NodeosError('SOURCE_MISMATCH', `${board.name} needs ${path}, which ${item.package} does not hold`, {
          hint: 'Correct driverFirmware in the board file.',
        });
      found.set(join('/', deviceName(path)), file);
    }
  return found;
}

/** Debian keeps variants of one file side by side and lets update-alternatives link one of them under the true name. */
function deviceName(path: string): string {
  return path.replace(/(regulatory\.db(?:\.p7s)?)-(?:debian|upstream)$/, '$1');
}
