import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bootFiles, lastOf, RASPBERRY_PI_MODELS, type RaspberryPiModel, readSettings } from './raspberrypi-rules.ts';

const plain = { filters: [], tryboot: false };
const pi3 = RASPBERRY_PI_MODELS.raspi3b as RaspberryPiModel;

describe('readSettings', () => {
  // The example of the documentation, "autoboot.txt".
  const autoboot = '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n';

  it('takes the other partition in tryboot alone', () => {
    assert.equal(lastOf(readSettings(autoboot, plain), 'boot_partition'), '2');
    assert.equal(lastOf(readSettings(autoboot, { ...plain, tryboot: true }), 'boot_partition'), '3');
  });

  it('replaces a filter by the next of its kind, joins those of different kinds, and forgets all at [all]', () => {
    const text = '[pi4]\na=4\n[pi3]\na=3\n[tryboot]\nb=1\n[all]\nc=1\n[none]\nd=1\n[EDID=X]\n[pi3]\ne=1\n';
    const seen = readSettings(text, { filters: ['pi3'], tryboot: false });
    assert.deepEqual(Object.fromEntries(seen), { a: ['3'], c: ['1'] });
  });

  it('leaves comments and unknown lines out', () => {
    assert.deepEqual([...readSettings('# kernel=a\n\n=b\nkernel=c\n', plain)], [['kernel', ['c']]]);
  });
});

describe('bootFiles', () => {
  const files = (text: string) => bootFiles(readSettings(text, { filters: pi3.filters, tryboot: false }), pi3);

  it('has the defaults of the documentation', () => {
    assert.equal(files('').kernel, 'kernel7.img');
    assert.equal(files('arm_64bit=1').kernel, 'kernel8.img');
    assert.equal(files('').commandLine, 'cmdline.txt');
    assert.equal(files('').initramfs, null);
  });

  it('takes what config.txt names', () => {
    const named = files(
      'arm_64bit=1\nkernel=kernel\ninitramfs initramfs.img followkernel\narmstub=bl31.bin\ndtoverlay=pwm,pin=18\ndtoverlay=\ndtoverlay=spi\n',
    );
    assert.deepEqual(named, {
      kernel: 'kernel',
      initramfs: 'initramfs.img',
      deviceTree: 'bcm2837-rpi-3-b.dtb',
      overlays: ['pwm', 'spi'],
      commandLine: 'cmdline.txt',
      armStub: 'bl31.bin',
    });
  });
});
