import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertAsExpected } from '../boards/expectations.ts';
import { useGpioPackages } from '../boards/gpio.ts';
import { cannotEmulate, type LifeOptions, liveThrough } from '../boards/life.ts';

/** One board of each kind of Arm boot chain; `npm run test:boards` takes all boards. */
const LIVES: readonly LifeOptions[] = [
  { board: 'raspberrypi3', events: ['system update'], more: useGpioPackages },
  { board: 'orangepi-pc', events: ['system update', 'system rollback'] },
];

for (const life of LIVES) {
  test(`${life.board}: the image holds what is expected, file by file`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-boards-'));
    try {
      await assertAsExpected(life.board, folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test(`${life.board}: from its image to another system`, async (t) => {
    const reason = await cannotEmulate(life.board);
    if (reason !== false) return t.skip(reason);
    await liveThrough(t, life);
  });
}
