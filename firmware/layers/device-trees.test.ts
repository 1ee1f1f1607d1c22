import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Artefact } from '../cache.ts';
import { buildDeviceTrees, overlayPath } from './device-trees.ts';
import { LayerFixture } from './layer-fixture.testing.ts';

let fixture: LayerFixture;
let kernel: Artefact;

/** A machine with the labels that raspberrypi/spi.dts refers to, and one without. */
const MACHINE = `/dts-v1/; / { #address-cells = <1>; #size-cells = <1>;
  gpio { spi0_gpio7: spi0-gpio7 { brcm,pins = <7 8 9 10 11>; }; };
  spi: spi@7e204000 { reg = <0x7e204000 0x200>; status = "disabled"; }; };`;
const OTHER = '/dts-v1/; / { model = "other"; uart: serial { }; };';

const compile = (source: string): Buffer =>
  execFileSync('dtc', ['-@', '-q', '-I', 'dts', '-O', 'dtb'], { input: source });

before(async () => {
  fixture = await LayerFixture.make();
  kernel = await fixture.artefact('kernel', {
    'dtbs/broadcom/machine.dtb': compile(MACHINE),
    'dtbs/broadcom/other.dtb': compile(OTHER),
  });
});
after(() => fixture.remove());

function board(deviceTrees: string[], overlays: string[]) {
  const kernelField = { source: 'linux-source-6.12', fragments: ['base.config'], patches: [], commandLine: '' };
  return { name: 'mine', kernel: { ...kernelField, deviceTrees, overlays } };
}

test('the slot has the trees that the board names, and overlays that another program can apply', async () => {
  const made = board(['broadcom/machine.dtb'], ['raspberrypi/spi.dts']);
  const { dir } = await buildDeviceTrees(fixture.context(), made, kernel);
  assert.deepEqual((await readdir(dir, { recursive: true })).sort(), ['machine.dtb', 'overlays', 'overlays/spi.dtbo']);
  const merged = join(fixture.folder, 'merged.dtb');
  execFileSync('fdtoverlay', ['-i', join(dir, 'machine.dtb'), '-o', merged, join(dir, 'overlays/spi.dtbo')]);
  const get = (property: string): string =>
    execFileSync('fdtget', [merged, '/spi@7e204000', property]).toString().trim();
  assert.equal(get('status'), 'okay');
  assert.equal(
    execFileSync('fdtget', [merged, '/spi@7e204000/spidev@1', 'reg']).toString().trim(),
    '1',
    'the second chip-select',
  );
});

test('a board without device trees gets an empty folder', async () => {
  const { dir } = await buildDeviceTrees(fixture.context(), board([], []), kernel);
  assert.deepEqual(await readdir(dir), []);
});

for (const [what, made, message] of [
  ['a device tree that the kernel lacks', board(['broadcom/none.dtb'], []), /no device tree broadcom\/none\.dtb/],
  ['an overlay that does not exist', board(['broadcom/machine.dtb'], ['none.dts']), /overlays\/none\.dts/],
  [
    'an overlay that does not fit one of the trees',
    board(['broadcom/machine.dtb', 'broadcom/other.dtb'], ['raspberrypi/spi.dts']),
    /spi\.dtbo does not fit other\.dtb/,
  ],
] as const) {
  test(`${what} is refused by name`, async () => {
    await assert.rejects(buildDeviceTrees(fixture.context(), made, kernel), { code: 'INPUT_INVALID', message });
  });
}

test('an overlay is found in the slot under its last name', () => {
  assert.equal(overlayPath('raspberrypi/spi.dts'), 'overlays/spi.dtbo');
});
