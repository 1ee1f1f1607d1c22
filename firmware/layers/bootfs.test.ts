import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import { openFat } from '@nodeos/contracts/fat.ts';
import { parseEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { imageIdentity } from '../plan/identity.ts';
import { runTool } from '../run-tool.ts';
import { buildBootfs } from './bootfs.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { buildUsersfs } from './usersfs.ts';

const identity = imageIdentity('test');
const modified = 1_700_000_000;
let fixture: LayerFixture;
before(async () => {
  fixture = await LayerFixture.make();
});
after(() => fixture.remove());

async function boot(changes: Partial<Parameters<typeof buildBootfs>[1]>): Promise<ReturnType<typeof openFat>> {
  const grub = await fixture.artefact('grub', { 'BOOTX64.EFI': 'MZ' });
  const request = { board: exampleBoard, identity, grub, fleetFile: null, modified, ...changes };
  const { dir } = await buildBootfs(fixture.context(), request);
  await runTool('fsck.fat', ['-n', join(dir, 'boot.fat')]);
  const bytes = await readFile(join(dir, 'boot.fat'));
  return openFat((offset, length) => bytes.subarray(offset, offset + length));
}

describe('buildBootfs', () => {
  it('points at slot a with no attempts made, each in a block that lies in one piece', async () => {
    const volume = await boot({});
    assert.deepEqual(parseEnvironmentBlock(volume.readFile('/grub/grubenv')), { nodeos_slot: 'a' });
    assert.deepEqual(parseEnvironmentBlock(volume.readFile('/grub/attempts')), { nodeos_attempts: '0' });
    // The agent writes the first sector of each block in place.
    assert.equal(volume.locate('/grub/grubenv').bytes, 1024);
    assert.equal(volume.locate('/grub/grubenv').offset % 512, 0);
    assert.equal(volume.find('/fleet.json'), null);
    assert.match(volume.readFile('/grub/grub.cfg').toString(), new RegExp(`nodeos_disk=${identity.diskId}`));
  });

  it('holds the fleet file where one is given, and UEFI code only for boards with UEFI', async () => {
    const fleetFile = {
      server: 'https://fleet.example:8443',
      broker: 'mqtts://fleet.example:8883',
      ca: '-----BEGIN CERTIFICATE-----',
      claimToken: 'a-claim-token',
    };
    const volume = await boot({
      board: { ...exampleBoard, boot: { ...exampleBoard.boot, targets: ['i386-pc'] } as Board['boot'] },
      fleetFile,
    });
    assert.deepEqual(JSON.parse(volume.readFile('/fleet.json').toString()), fleetFile);
    assert.equal(volume.find('/EFI'), null);
    assert.equal((await boot({})).readFile('/EFI/BOOT/BOOTX64.EFI').toString(), 'MZ');
  });
});

describe('buildUsersfs', () => {
  it('is a clean ext4 with the users’ folder', async () => {
    const { dir } = await buildUsersfs(fixture.context(), exampleBoard, identity, modified);
    await runTool('e2fsck', ['-f', '-n', join(dir, 'data.ext4')]);
    const { stdout } = await runTool('debugfs', ['-R', 'ls -p /', join(dir, 'data.ext4')]);
    assert.match(stdout.toString(), /\/040755\/0\/0\/users\//);
    assert.match(stdout.toString(), /\/040700\/0\/0\/\.system\//);
  });
});
