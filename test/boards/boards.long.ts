import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { boardNames } from '@nodeos/firmware/boards.ts';
import { assertAsExpected } from './expectations.ts';
import { cannotEmulate, type LifeOptions, liveThrough } from './life.ts';

/** Ways to start each board; the first one lives through everything, the others show that they come up with an app. */
const MACHINES: Readonly<Record<string, readonly LifeOptions['machine'][]>> = {
  'x86_64-usb': [
    { firmware: 'bios', bus: 'usb' },
    { firmware: 'uefi', bus: 'usb', memoryMiB: 256 },
    { firmware: 'uefi', bus: 'sata', memoryMiB: 256 },
    { firmware: 'uefi', bus: 'nvme', memoryMiB: 256 },
  ],
  'i686-usb': [{ bus: 'sata' }],
  raspberrypi0: [{}],
  raspberrypi2: [{}],
  raspberrypi3: [{}],
  raspberrypi4: [{}],
  'orangepi-pc': [{}],
  'arm64-uefi': [{}],
};
const EVERYTHING: LifeOptions['events'] = ['app update', 'system update', 'system rollback'];

for (const board of await boardNames()) {
  describe(board, () => {
    test('the image holds what is expected, file by file', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-boards-'));
      try {
        await assertAsExpected(board, folder);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
    for (const [index, machine] of (MACHINES[board] ?? []).entries()) {
      const how = Object.values(machine ?? {}).join(', ') || 'as it is';
      test(`lives through ${index === 0 ? 'everything' : 'its start'}: ${how}`, async (t) => {
        const reason = await cannotEmulate(board);
        if (reason !== false) return t.skip(reason);
        await liveThrough(t, { board, machine, events: index === 0 ? EVERYTHING : ['app update'] });
      });
    }
  });
}
