import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChipNames, findLine } from './line-names.ts';
import { raspberryPiGpio } from './pins.ts';

/** As Linux 6.12 shows them on a Raspberry Pi 3 B: named after the schematic, not after the pins. */
const PI: ChipNames = {
  name: 'gpiochip0',
  label: 'pinctrl-bcm2835',
  lineNames: ['ID_SDA', 'ID_SCL', 'SDA1', 'SCL1', ...Array.from({ length: 50 }, (_, at) => `GPIO${at + 4}`)],
};
const EXPANDER: ChipNames = { name: 'gpiochip1', label: 'raspberrypi-exp-gpio', lineNames: ['BT_ON', 'WL_ON', '', ''] };
const ORANGE: ChipNames = { name: 'gpiochip0', label: '1c20800.pinctrl', lineNames: Array(224).fill('') };
const UNKNOWN: ChipNames = { name: 'gpiochip0', label: 'some-chip', lineNames: ['led', '', 'button', ''] };

test('a line of a Raspberry Pi by its number, its pin on the header, and the kernel’s name', () => {
  assert.deepEqual(findLine('GPIO17', [PI, EXPANDER]), { chip: 'gpiochip0', offset: 17 });
  assert.deepEqual(findLine('P1-11', [PI, EXPANDER]), { chip: 'gpiochip0', offset: 17 });
  assert.deepEqual(findLine('GPIO2', [PI]), { chip: 'gpiochip0', offset: 2 });
  assert.deepEqual(findLine('SDA1', [PI]), { chip: 'gpiochip0', offset: 2 });
  assert.deepEqual(findLine('WL_ON', [PI, EXPANDER]), { chip: 'gpiochip1', offset: 1 });
  assert.deepEqual(findLine(23, [EXPANDER, PI]), { chip: 'gpiochip0', offset: 23 });
});

test('a line of an Allwinner by bank and number, and by its pin on the header', () => {
  assert.deepEqual(findLine('PA6', [ORANGE]), { chip: 'gpiochip0', offset: 6 });
  assert.deepEqual(findLine('P1-12', [ORANGE]), { chip: 'gpiochip0', offset: 3 * 32 + 14 });
  assert.throws(() => findLine('PL10', [ORANGE]), { code: 'GPIO_LINE_UNKNOWN' });
});

test('a line by chip: its name, label or path, and an offset or a name', () => {
  for (const chip of ['gpiochip0', 'some-chip', '/dev/gpiochip0'])
    for (const line of ['2', 'button']) assert.equal(findLine(`${chip}:${line}`, [UNKNOWN]).offset, 2);
  assert.throws(() => findLine('gpiochip7:1', [UNKNOWN]), { code: 'GPIO_LINE_UNKNOWN' });
});

test('what no chip has is refused with what there is; so is what two have', () => {
  assert.throws(() => findLine('GPIO99', [PI]), /no line GPIO99 on gpiochip0 \(pinctrl-bcm2835, 54 lines\)/);
  for (const name of ['P1-1', 'P1-39', '', 'gpiochip0:54'])
    assert.throws(() => findLine(name, [PI]), { code: 'GPIO_LINE_UNKNOWN' });
  assert.throws(() => findLine('led', [UNKNOWN, { ...UNKNOWN, name: 'gpiochip1' }]), /gpiochip0:led or gpiochip1:led/);
  assert.throws(() => findLine('led', []), /it has no GPIO chip/);
});

test('the header of the first Model B differs in three pins', () => {
  assert.deepEqual(
    [3, 5, 13, 11].map((pin) => raspberryPiGpio(pin, 'Revision\t: 0002\n')),
    [0, 1, 21, 17],
  );
  assert.deepEqual(
    [3, 5, 13, 11].map((pin) => raspberryPiGpio(pin, 'Revision\t: a02082\n')),
    [2, 3, 27, 17],
  );
  assert.equal(raspberryPiGpio(6, ''), null);
});
