import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseEnvironmentBlock, renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import type { Pointer, PointerPlace } from './pointer.ts';
import { SECTOR_BYTES, writeSector } from './sector.ts';
import { withVolume } from './volume.ts';

const POINTER_FILE = '/grub/grubenv';
/** GRUB writes it at every boot, and must not touch the pointer's sector. */
const ATTEMPTS_FILE = '/grub/attempts';

/** GRUB's environment blocks on the boot partition; their variables stand in the first sector of each. */
export function openGrubPointer({ disk, device, start }: PointerPlace): Pointer {
  const readValues = (file: string) =>
    parseEnvironmentBlock(withVolume(device, start, (volume) => volume.readFile(file, 4096)));

  async function writeValue(file: string, name: string, value: string): Promise<void> {
    const { offset, values } = withVolume(device, start, (volume) => ({
      offset: start + volume.locate(file).offset,
      values: parseEnvironmentBlock(volume.readFile(file, 4096)),
    }));
    const sector = renderEnvironmentBlock({ ...values, [name]: value }).subarray(0, SECTOR_BYTES);
    await writeSector(disk, device, offset, sector, file);
  }

  function read(): 'a' | 'b' {
    const slot = readValues(POINTER_FILE).nodeos_slot;
    if (slot !== 'a' && slot !== 'b')
      throw new NodeosError('INPUT_INVALID', `${POINTER_FILE}: nodeos_slot is "${slot}", not a or b`);
    return slot;
  }

  function readAttempts(): number {
    const attempts = Number(readValues(ATTEMPTS_FILE).nodeos_attempts);
    return Number.isSafeInteger(attempts) && attempts >= 0 ? attempts : 0;
  }

  return {
    read,
    readAttempts,
    async clearAttempts() {
      if (readAttempts() !== 0) await writeValue(ATTEMPTS_FILE, 'nodeos_attempts', '0');
    },
    async confirm(slot) {
      await writeValue(POINTER_FILE, 'nodeos_slot', slot);
    },
    async takeOnce(slot) {
      if (read() === slot) throw new NodeosError('INPUT_INVALID', `slot ${slot} is the one of every cold boot`);
      await writeValue(ATTEMPTS_FILE, 'nodeos_once', slot);
      return 'reboot';
    },
    async forgetOnce() {
      const once = readValues(ATTEMPTS_FILE).nodeos_once;
      if (once === 'a' || once === 'b') await writeValue(ATTEMPTS_FILE, 'nodeos_once', 'none');
    },
  };
}
