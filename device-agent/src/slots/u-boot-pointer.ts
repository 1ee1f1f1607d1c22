import { closeSync, openSync, readSync } from 'node:fs';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import {
  encodeUBootRecord,
  type FoundRecord,
  newestUBootRecord,
  U_BOOT_RECORD_BYTES,
  U_BOOT_RECORD_OFFSETS,
  type UBootRecord,
} from '@nodeos/contracts/u-boot-environment.ts';
import type { Pointer, PointerPlace } from './pointer.ts';
import { writeSector } from './sector.ts';

/** Two records before the first partition, written in turn by U-Boot and by us: one of them is always whole. */
export function openUBootPointer({ disk, device }: PointerPlace): Pointer {
  function find(): FoundRecord {
    const file = openSync(device, 'r');
    try {
      const [first, second] = U_BOOT_RECORD_OFFSETS.map((offset) => {
        const bytes = Buffer.alloc(U_BOOT_RECORD_BYTES);
        readSync(file, bytes, 0, bytes.length, offset);
        return bytes;
      }) as [Buffer, Buffer];
      return newestUBootRecord([first, second]);
    } finally {
      closeSync(file);
    }
  }

  async function change(values: Partial<UBootRecord>): Promise<void> {
    const { record, next } = find();
    const changed = encodeUBootRecord({ ...record, ...values, sequence: record.sequence + 1 });
    await writeSector(disk, device, U_BOOT_RECORD_OFFSETS[next], changed, 'the record of the boot loader');
  }

  return {
    read: () => find().record.slot,
    readAttempts: () => find().record.attempts,
    async clearAttempts() {
      if (find().record.attempts !== 0) await change({ attempts: 0 });
    },
    async confirm(slot) {
      await change({ slot });
    },
    async takeOnce(slot) {
      if (find().record.slot === slot)
        throw new NodeosError('INPUT_INVALID', `slot ${slot} is the one of every cold boot`);
      await change({ once: slot });
      return 'reboot';
    },
    async forgetOnce() {
      if (find().record.once !== null) await change({ once: null });
    },
  };
}
