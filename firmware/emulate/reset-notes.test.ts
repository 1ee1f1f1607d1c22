import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadBoard } from '../boards.ts';
import { onResetNotes } from './reset-notes.ts';

const [READ, WRITE, PET] = [
  'a10_pit_read: Bad offset 0xb8',
  'a10_pit_write: Bad offset 0xb8',
  'a10_pit_write: Bad offset 0xb0',
];

test('the Orange Pi’s system restarts by its watchdog: told from starting and petting that', async () => {
  const { emulate } = await loadBoard('orangepi-pc');
  let resets = 0;
  const note = onResetNotes(emulate?.resetNotes ?? '', () => resets++);
  // drivers/watchdog/sunxi_wdt.c: stop at probe; start; petting.
  for (const line of [WRITE, READ, WRITE, PET, READ, WRITE, PET, PET, PET]) note(line);
  assert.equal(resets, 0);
  // The same driver's restart: enabled over and over until the reset comes.
  for (const line of [READ, WRITE, PET, READ, WRITE, READ, WRITE, READ, WRITE]) note(line);
  assert.equal(resets, 1);
  for (const line of [READ, WRITE, READ, WRITE]) note(line);
  assert.equal(resets, 1);
});
