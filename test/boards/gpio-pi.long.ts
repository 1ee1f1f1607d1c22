import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { build, sharedCache } from '../support/build.ts';
import { cannotEmulate } from './life.ts';

const LIMIT_MS = 300_000;
const AGENT = join(import.meta.dirname, '../gpio/pi.cjs');
/** 64-bit with the official Node.js, 32-bit with Debian's. */
const BOARDS: readonly (readonly [board: string, node: string])[] = [
  ['raspberrypi3', '24'],
  ['raspberrypi2', '20'],
];

for (const [board, node] of BOARDS)
  test(`${board}: lines of its own chip are set and read on Node.js ${node}, as the kernel's older interface sees them`, async (t) => {
    const reason = await cannotEmulate(board);
    if (reason !== false) return t.skip(reason);
    const folder = await mkdtemp(join(tmpdir(), 'nodeos-test-gpio-pi-'));
    try {
      const { files } = await build(['--board', board, '--agent', AGENT, '--out', folder]);
      const { emulate } = await loadBoard(board);
      assert.ok(emulate);
      const cacheRoot = sharedCache();
      const { emulator } = await bootImage({ emulate, image: files.image as string, folder, cacheRoot });
      const said: Record<string, unknown> = {};
      try {
        await emulator.console.expect(/gpio test: (end|failed): /, LIMIT_MS, 'expected the device to come to its end');
        for (const { text } of emulator.console.lines) {
          const [, name, value] = /gpio test: (.+?): (.+)$/.exec(text) ?? [];
          if (name !== undefined && value !== undefined && name !== 'end') said[name] = JSON.parse(value);
        }
      } finally {
        await emulator.stop();
      }
      assert.deepEqual(said, {
        node,
        chips: 54,
        set: [
          [1, 0],
          [0, 1],
        ],
        // Released lines are inputs again; on the emulated chip they keep their level.
        'as the older interface sees them': [
          ['in', '0'],
          ['in', '1'],
        ],
        taken: 'GPIO_LINE_BUSY',
        'as the older interface left it': 1,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
