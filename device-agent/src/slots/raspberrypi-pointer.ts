import { NodeosError } from '@nodeos/contracts/errors.ts';
import { AUTOBOOT_FILE, parseAutoboot, renderAutoboot } from '@nodeos/contracts/raspberrypi-autoboot.ts';
import type { Pointer, PointerPlace } from './pointer.ts';
import { SECTOR_BYTES, writeSector } from './sector.ts';
import { withVolume } from './volume.ts';

/**
 * `autoboot.txt` names the slot of a cold boot and the other one for a tryboot. The firmware keeps the word for a
 * tryboot over one restart only and not over a power cut, so that nothing of it is ever on the disk; it does not count.
 */
export function openRaspberryPiPointer({ disk, device, start }: PointerPlace): Pointer {
  const read = () => parseAutoboot(withVolume(device, start, (volume) => volume.readFile(AUTOBOOT_FILE, SECTOR_BYTES)));
  return {
    read,
    readAttempts: () => 0,
    async clearAttempts() {},
    async confirm(slot) {
      const text = renderAutoboot(slot);
      const place = withVolume(device, start, (volume) => volume.locate(AUTOBOOT_FILE));
      if (place.bytes !== text.length)
        throw new NodeosError(
          'SLOT_WRITE_FAILED',
          `${AUTOBOOT_FILE} has ${place.bytes} bytes instead of ${text.length}`,
        );
      const sector = Buffer.alloc(SECTOR_BYTES);
      text.copy(sector);
      await writeSector(disk, device, start + place.offset, sector, AUTOBOOT_FILE);
    },
    async takeOnce(slot) {
      if (read() === slot) throw new NodeosError('INPUT_INVALID', `slot ${slot} is the one of every cold boot`);
      return 'tryboot';
    },
    async forgetOnce() {},
  };
}
