import { readFile } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FleetFile, fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';

const FLEET_FILE_MAX_BYTES = 65_536;

/**
 * Reads the fleet file; null where there is none: such a device runs its apps without a server.
 * @throws NodeosError FLEET_FILE_INVALID
 */
export async function readFleetFile(path: string): Promise<FleetFile | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new NodeosError('FLEET_FILE_INVALID', `cannot read fleet.json: ${(cause as Error).message}`, { cause });
  }
  if (text.length > FLEET_FILE_MAX_BYTES)
    throw new NodeosError('FLEET_FILE_INVALID', `fleet.json is longer than ${FLEET_FILE_MAX_BYTES} bytes`);
  try {
    return parseJson(fleetFileSchema, text.replace(/^\uFEFF/, ''), 'fleet.json');
  } catch (cause) {
    throw new NodeosError('FLEET_FILE_INVALID', (cause as Error).message, { cause });
  }
}
