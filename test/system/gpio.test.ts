import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { build, sharedCache } from '../support/build.ts';
import { fillDataPartition } from '../support/data-partition.ts';

const LIMIT_MS = 300_000;
const HERE = join(import.meta.dirname, '../gpio');
/** Of Debian's `gpiod`: another implementation of the same interface judges ours. */
const LIBGPIOD = ['/usr/bin/gpioinfo', '/usr/bin/gpioget', '/usr/bin/gpioset'];
const folder = await mkdtemp(join(tmpdir(), 'nodeos-test-gpio-'));
after(() => rm(folder, { recursive: true }));

/** What the device said, by name. */
const said = new Map<string, unknown>();

before(async () => {
  const { files } = await build(['--agent', join(HERE, 'device.cjs'), '--out', folder]);
  const image = files.image as string;
  await runTool('gcc', ['-static', '-O1', '-Wall', '-o', join(folder, 'mount'), join(HERE, 'mount.c')]);
  const { stdout } = await runTool('ldd', [LIBGPIOD[0] as string]);
  const library = /libgpiod\.so\.\d+ => (\S+)/.exec(stdout.toString())?.[1] as string;
  const tool = (name: string, file: string) => ({ path: `/tools/${name}`, owner: 0, mode: 0o755, file });
  await fillDataPartition(image, [
    { path: '/tools', owner: 0, mode: 0o755 },
    tool('mount', join(folder, 'mount')),
    ...LIBGPIOD.map((file) => tool(file.split('/').at(-1) as string, file)),
    tool(library.split('/').at(-1) as string, realpathSync(library)),
    ...['onoff.mjs', 'rpi-gpio.cjs'].map((name) => tool(name, join(HERE, name))),
  ]);
  const { emulate } = await loadBoard('x86_64-usb');
  assert.ok(emulate);
  const cacheRoot = sharedCache();
  const { emulator } = await bootImage({ emulate, image, inPlace: true, folder, cacheRoot, memoryMiB: 256 });
  try {
    await emulator.console.expect(/^GPIO (end|failed) /, LIMIT_MS, 'expected the device to come to its end');
    for (const { text } of emulator.console.lines) {
      const [, name, value] = /^GPIO (.+?) ([[{"\d].*|true|false|null)$/.exec(text) ?? [];
      if (name !== undefined && value !== undefined) said.set(name, JSON.parse(value));
    }
  } finally {
    await emulator.stop();
  }
  assert.equal(said.get('failed'), undefined);
});

const SAID: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'an output has the level that it was given, and the line belongs to its app until it is closed': {
    output: [1, 0, 1, 1],
    gpioinfo: 'line 17: "GPIO17" "led" output active-high [used]',
    'libgpiod sees it taken': true,
    configured: 'line 17: "GPIO17" "led" output active-low [used open-drain]',
    'given back': 'line 17: "GPIO17" unused output active-high',
    closed: 'GPIO_UNAVAILABLE: GPIO17: closed already',
  },
  'a bias pulls an input': {
    bias: ['pull-up', 1, 'line 3: "button" "node" input active-high [used pull-up]'],
    'bias changed': ['pull-down', 0],
  },
  'many lines are set at once': {
    many: [
      [1, 0, 1, 1],
      [1, 0, 1, 1],
    ],
    'many, one set': [1, 0, 0, 1],
  },
  'edges come with the kernel’s time, in order, of the lines that asked for them': {
    edges: {
      seen: [
        ['GPIO22', true, 1],
        ['GPIO23', true, 2],
        ['GPIO22', false, 3],
        ['GPIO22', true, 4],
      ],
      inOrder: true,
    },
    'edges, beside them': [1, 0, 1],
    debounced: { seen: [['GPIO6', true, 1]], inOrder: true },
  },
  'a chip that goes away is an error of those who wait for its edges': { 'chip gone': 'GPIO_UNAVAILABLE' },
  'a program for onoff runs as it is where the kernel has no older interface': {
    onoff: {
      ...{ accessible: true, direction: 'out', edge: 'both', activeLow: 1, presses: [1, 0] },
      ...{ levels: [[1], [0], [1]], gone: null },
    },
  },
  'a program for rpi-gpio runs as it is where the kernel has no older interface': {
    'rpi-gpio': {
      ...{ change: [18, true], read: true, wrong: 'Channel 99 does not map to a GPIO pin' },
      ...{ levels: [[1], [0], [1]], gone: null },
    },
  },
};

for (const [title, expected] of Object.entries(SAID))
  test(title, () => {
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(said.get(name), value, name);
  });

test('chips and lines are told; what cannot be had is refused with the reason', () => {
  assert.deepEqual(said.get('chips'), [
    ['pinctrl-bcm2835', 54],
    ['sensors', 8],
  ]);
  const [line] = said.get('lines') as { offset: number; name: string; consumer: string; bias: string }[];
  assert.deepEqual([line?.offset, line?.name, line?.consumer, line?.bias], [3, 'button', 'node', 'pull-down']);
  assert.match(String(said.get('taken')), /^GPIO_LINE_BUSY: P1-11 of gpiochip\d: GPIO_V2_GET_LINE: /);
  assert.match(
    String(said.get('unknown')),
    /^GPIO_LINE_UNKNOWN: there is no line GPIO99 on gpiochip\d \(pinctrl-bcm2835/,
  );
  assert.match(String(said.get('two chips')), /^GPIO_OPTION_INVALID: GPIO5, gpiochip\d:1 are not lines of one chip/);
  const [consumer, level, busy] = said.get('of libgpiod') as string[];
  assert.deepEqual([consumer, level], ['gpioset', 1]);
  assert.match(busy as string, /^GPIO_LINE_BUSY: GPIO5 of /);
});
