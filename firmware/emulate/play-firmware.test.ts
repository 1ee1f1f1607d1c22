import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { boardSchema } from '@nodeos/contracts/board.ts';
import { runTool } from '../run-tool.ts';
import { raspberryPiFirmware } from './play-firmware.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-firmware-'));
after(() => rmSync(folder, { recursive: true }));
const skip =
  process.env.CI === undefined && spawnSync('dtc', ['--version']).error !== undefined && 'dtc is not installed';
const SECTORS = 8192;

/** A card with three FAT partitions of 4 MiB; each slot's kernel is its own name. */
async function card(): Promise<string> {
  const path = join(folder, 'card.img');
  writeFileSync(path, '');
  truncateSync(path, 4 * SECTORS * 512);
  const rows = [1, 2, 3].map((at) => `start=${at * SECTORS}, size=${SECTORS}, type=c`);
  await runTool('sfdisk', [path], { input: ['label: dos', ...rows].join('\n') });
  const tree = await runTool('dtc', ['-O', 'dtb', '-'], {
    input: '/dts-v1/; / { soc { usb { dr_mode = "peripheral"; power = "yes"; }; }; };',
  });
  const slot = (name: string) => ({
    'start.elf': 'firmware',
    'config.txt': 'arm_64bit=1\nupstream_kernel=1\nkernel=kernel\ninitramfs initramfs.img followkernel\n',
    'cmdline.txt': `nodeos.slot=${name}\n`,
    kernel: `kernel of ${name}`,
    'initramfs.img': 'initramfs',
    'bcm2837-rpi-3-b.dtb': tree.stdout,
  });
  const first = {
    'bootcode.bin': 'boot code',
    'autoboot.txt': '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n',
  };
  for (const [at, files] of [first, slot('a'), slot('b')].entries()) {
    const volume = `${path}@@${(at + 1) * SECTORS * 512}`;
    await runTool('mformat', ['-i', volume, '-T', String(SECTORS), '::']);
    for (const [name, input] of Object.entries(files))
      await runTool('mcopy', ['-i', volume, '-', `::/${name}`], { input });
  }
  return path;
}

test('a tryboot that the system asked for is for one start; the device tree is fitted to the machine', {
  skip,
}, async () => {
  const emulate = boardSchema.shape.emulate.unwrap().parse({
    ...{ system: 'qemu-system-aarch64', machine: 'raspi3b', cpu: null, memoryMiB: 1024, devices: [] },
    ...{ firmware: 'raspberrypi', revision: 'a02082', commandLine: 'console=ttyAMA0' },
    deviceTreeChanges: [
      { node: '/soc/usb', property: 'dr_mode', text: 'host', reason: 'a test' },
      { node: '/soc/usb', property: 'power', text: null, reason: 'a test' },
    ],
  });
  const { load, onNote } = raspberryPiFirmware({ emulate, disk: await card(), folder });
  const start = async (): Promise<string> => {
    const loaded = await load();
    assert.equal(loaded.kind, 'loaded');
    if (loaded.kind !== 'loaded') return '';
    const tree = async (type: string, node: string, property: string): Promise<string> =>
      (await runTool('fdtget', ['-t', type, loaded.deviceTree as string, node, property])).stdout.toString().trim();
    assert.equal(await tree('x', '/system', 'linux,revision'), 'a02082');
    assert.equal(await tree('s', '/soc/usb', 'dr_mode'), 'host');
    await assert.rejects(tree('s', '/soc/usb', 'power'));
    return `${readFileSync(loaded.kernel, 'utf8')}: ${loaded.commandLine}`;
  };
  const [slotA, slotB] = ['a', 'b'].map((name) => `kernel of ${name}: nodeos.slot=${name} console=ttyAMA0`);
  assert.equal(await start(), slotA);
  onNote('bcm2835_property: unhandled tag 0x00030046');
  assert.equal(await start(), slotA);
  onNote('bcm2835_property: unhandled tag 0x00038064');
  assert.equal(await start(), slotB);
  assert.equal(await start(), slotA);
});
