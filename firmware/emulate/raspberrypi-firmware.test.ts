import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runTool } from '../run-tool.ts';
import { readAsFirmware } from './raspberrypi-firmware.ts';

const MIB = 1_048_576;
/** Partitions of 16 MiB, the first at 1 MiB. */
const startOf = (partition: number): number => (1 + (partition - 1) * 16) * MIB;
const AUTOBOOT = '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n';
const CONFIG =
  'arm_64bit=1\nkernel=kernel\ninitramfs initramfs.img followkernel\narmstub=bl31.bin\n[tryboot]\nkernel=wrong\n';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-pi-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** A disk made by sfdisk, mkfs.vfat and mtools: nothing of ours has written it. */
async function disk(name: string, files: Readonly<Record<number, Readonly<Record<string, string>>>>): Promise<string> {
  const image = join(folder, name);
  await writeFile(image, '');
  await truncate(image, 49 * MIB);
  const line = (partition: number): string => `${startOf(partition) / 512},${(16 * MIB) / 512},c`;
  await runTool('sfdisk', ['--quiet', image], { input: [1, 2, 3].map(line).join('\n') });
  for (const [partition, contents] of Object.entries(files)) {
    const offset = startOf(Number(partition));
    await runTool('mkfs.vfat', ['--offset', String(offset / 512), image, String((16 * MIB) / 1024)]);
    for (const [path, content] of Object.entries(contents)) {
      const source = join(folder, 'file');
      await writeFile(source, content);
      const args = ['-i', `${image}@@${offset}`];
      if (path.includes('/'))
        await runTool('mmd', [...args, '-D', 's', `::${path.split('/')[0]}`], { okCodes: [0, 1] });
      await runTool('mcopy', [...args, source, `::${path}`]);
    }
  }
  return image;
}

const slot = (name: string): Record<string, string> => ({
  'config.txt': CONFIG.replace('[tryboot]\nkernel=wrong\n', ''),
  'cmdline.txt': `quiet slot=${name}\nnot this line\n`,
  kernel: `kernel ${name}`,
  'initramfs.img': `initramfs ${name}`,
  'bl31.bin': 'stub',
  'bcm2837-rpi-3-b.dtb': `tree ${name}`,
});

test('the pointer’s slot is taken at a plain start, the other one at a tryboot', async () => {
  const image = await disk('ab.img', { 1: { 'autoboot.txt': AUTOBOOT }, 2: slot('a'), 3: slot('b') });
  const plain = await readAsFirmware(image, { model: 'raspi3b', tryboot: false });
  assert.equal(plain.partition, 2);
  assert.equal(plain.kernel.toString(), 'kernel a');
  assert.equal(plain.initramfs?.toString(), 'initramfs a');
  assert.equal(plain.deviceTree.toString(), 'tree a');
  assert.equal(plain.commandLine, 'quiet slot=a');
  assert.equal(plain.armStub?.toString(), 'stub');
  const once = await readAsFirmware(image, { model: 'raspi3b', tryboot: true });
  assert.deepEqual([once.partition, once.kernel.toString()], [3, 'kernel b']);
});

test('without autoboot.txt the first partition is started', async () => {
  const image = await disk('single.img', { 1: slot('a') });
  assert.equal((await readAsFirmware(image, { model: 'raspi3b', tryboot: false })).partition, 1);
});

test('overlays are applied to the device tree', async () => {
  const compile = async (source: string, name: string): Promise<string> => {
    const output = join(folder, name);
    await runTool('dtc', ['-@', '-I', 'dts', '-O', 'dtb', '-o', output, '-'], { input: source });
    return output;
  };
  const base = await compile('/dts-v1/; / { pwm: pwm { status = "disabled"; }; };', 'base.dtb');
  const overlay = await compile('/dts-v1/; /plugin/; &pwm { status = "okay"; };', 'pwm.dtbo');
  const image = await disk('overlay.img', { 1: { ...slot('a'), 'config.txt': `${CONFIG}[all]\ndtoverlay=pwm\n` } });
  const at = ['-i', `${image}@@${startOf(1)}`];
  await runTool('mcopy', ['-o', ...at, base, '::bcm2837-rpi-3-b.dtb']);
  await runTool('mmd', [...at, '::overlays']);
  await runTool('mcopy', [...at, overlay, '::overlays/pwm.dtbo']);
  const { deviceTree } = await readAsFirmware(image, { model: 'raspi3b', tryboot: false });
  const whole = join(folder, 'whole.dtb');
  await writeFile(whole, deviceTree);
  assert.equal((await runTool('fdtget', [whole, '/pwm', 'status'])).stdout.toString().trim(), 'okay');
  assert.equal((await runTool('fdtget', [base, '/pwm', 'status'])).stdout.toString().trim(), 'disabled');
});

test('what a Raspberry Pi could not start is an error', async () => {
  const broken = await disk('broken.img', { 1: { 'autoboot.txt': AUTOBOOT.replace('=2', '=4') }, 2: slot('a') });
  const ask = (model: string, tryboot = false) => readAsFirmware(broken, { model, tryboot });
  await assert.rejects(ask('raspi3b'), { code: 'INPUT_INVALID' });
  await assert.rejects(ask('q35'), { code: 'INPUT_INVALID', message: /q35/ });
  const empty = await disk('empty.img', { 1: { 'autoboot.txt': AUTOBOOT }, 2: { 'config.txt': '' } });
  await assert.rejects(readAsFirmware(empty, { model: 'raspi3b', tryboot: false }), { code: 'FILE_UNREADABLE' });
});
