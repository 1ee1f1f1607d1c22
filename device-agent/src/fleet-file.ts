import { readFile, rm } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FleetFile, fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { writeFileAtomic } from './atomic-file.ts';

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

/** The fleet file of this boot. */
export interface FoundFleet {
  /** Null: the device stands alone. */
  readonly fleet: FleetFile | null;
  /** What is wrong with the file on the first partition, for whoever can mend it. */
  readonly fault: NodeosError | null;
}

/**
 * The fleet file of the first partition, which anybody may have edited; where it is not valid, the last one that was, so
 * that the device can still say so to its server. A file that was taken away means that the device is to stand alone.
 * @param kept where the last valid one is kept
 */
export async function findFleet(path: string, kept: string, log: (text: string) => void): Promise<FoundFleet> {
  try {
    const fleet = await readFleetFile(path);
    await keep(fleet, kept).catch((error: Error) => log(`keeping fleet.json: ${error.message}`));
    return { fleet, fault: null };
  } catch (error) {
    const fault = error as NodeosError;
    const fleet = await readFleetFile(kept).catch(() => null);
    return { fleet, fault };
  }
}

/** Written only where it differs: this runs at each boot. */
async function keep(fleet: FleetFile | null, path: string): Promise<void> {
  if (fleet === null) return rm(path, { force: true });
  const text = JSON.stringify(fleet);
  const before = await readFile(path, 'utf8').catch(() => '');
  if (before !== text) await writeFileAtomic(path, text, 0o600);
}
