import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import { exampleBoard } from './example-board.testing.ts';
import { planImage } from './image-plan.ts';
import { formatBytes, renderPlan } from './render.ts';

const options = {
  systemVersion: '1.2.3',
  fleetFile: false,
  trustRoot: true,
  fragments: { 'base.config': 'CONFIG_NET=y\n# CONFIG_MODULES is not set\n' },
};

describe('planImage', () => {
  it('names every file of the slot and of the first partition with its source', () => {
    const plan = planImage(exampleBoard, options);
    const paths = (name: string): string[] =>
      plan.areas.filter((area) => area.name === name).flatMap((area) => area.files.map((file) => file.path));
    assert.deepEqual(paths('slot a'), [
      '/kernel',
      '/initramfs.img',
      '/rootfs.sqfs',
      '/manifest.json',
      '/slot.cfg',
      '/root.json',
    ]);
    assert.deepEqual(paths('slot b'), []);
    assert.deepEqual(paths('boot'), ['/EFI/BOOT/BOOTX64.EFI', '/grub/grub.cfg', '/grub/grubenv', '/grub/attempts']);
    assert.ok(plan.areas.every((area) => area.files.every((file) => file.source !== '')));
  });

  it('has a fleet file only where one is given, and UEFI boot code only where the board has UEFI', () => {
    const plan = planImage(
      { ...exampleBoard, boot: { ...exampleBoard.boot, targets: ['i386-pc'] } as Board['boot'] },
      { ...options, fleetFile: true },
    );
    const boot = plan.areas.find((area) => area.name === 'boot')?.files.map((file) => file.path);
    assert.deepEqual(boot, ['/grub/grub.cfg', '/grub/grubenv', '/grub/attempts', '/fleet.json']);
  });

  it('lists the kernel options with the line that asks for each', () => {
    assert.deepEqual(planImage(exampleBoard, options).kernel.options, [
      { name: 'CONFIG_MODULES', value: 'n', where: 'base.config:2' },
      { name: 'CONFIG_NET', value: 'y', where: 'base.config:1' },
    ]);
  });

  it('refuses a fragment line that is no option', () => {
    assert.throws(() => planImage(exampleBoard, { ...options, fragments: { 'x.config': 'NET=y' } }), {
      code: 'INPUT_INVALID',
      message: /x\.config:1/,
    });
  });
});

describe('renderPlan', () => {
  it('prints the disk as a table with offsets and sizes', () => {
    const lines = renderPlan(planImage(exampleBoard, options)).split('\n');
    assert.ok(lines.includes('p2  slot a           36 MiB    128 MiB    fat NODEOS-SLOT'), lines.join('\n'));
    assert.ok(lines.includes('CONFIG_NET=y      base.config:1'), lines.join('\n'));
    assert.ok(lines.some((line) => line.startsWith('/opt/node/bin/node ')));
  });

  it('prints whole MiB and KiB, else bytes', () => {
    assert.deepEqual([0, 512, 65_536, 4 * 1024 * 1024].map(formatBytes), ['0 B', '512 B', '64 KiB', '4 MiB']);
  });
});
