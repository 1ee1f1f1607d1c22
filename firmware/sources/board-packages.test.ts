import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listBoards } from '../boards.ts';
import { boardPackages } from './board-packages.ts';
import { readLock } from './lock.ts';

test('the lock file pins every package that a board names', async () => {
  const { debian } = await readLock();
  const missing: string[] = [];
  for (const board of await listBoards())
    for (const [archive, names] of Object.entries(boardPackages(board)))
      for (const name of names)
        if (!debian[archive as keyof typeof debian]?.[name]) missing.push(`${board.name}: ${archive}/${name}`);
  assert.deepEqual(missing, []);
});

test('a board names its root, its kernel, its boot chain and the firmware of its drivers', async () => {
  const boards = new Map((await listBoards()).map((board) => [board.name, boardPackages(board)]));
  const pi = boards.get('raspberrypi3');
  for (const name of ['libc6', 'raspi-firmware', 'firmware-brcm80211']) assert.ok(pi?.arm64?.includes(name), name);
  assert.ok(boards.get('raspberrypi4')?.arm64?.includes('arm-trusted-firmware'));
  assert.deepEqual(pi?.amd64, ['linux-source-6.12']);
  assert.ok(boards.get('raspberrypi0')?.armel?.includes('libnode-dev'));
  assert.ok(boards.get('x86_64-usb')?.amd64?.includes('grub-pc-bin'));
});
