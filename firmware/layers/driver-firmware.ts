import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { deviceFirmwarePath } from '../plan/root-files.ts';

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
      found.set(deviceFirmwarePath(path), file);
    }
  return found;
}
