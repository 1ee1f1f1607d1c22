import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskShare } from './disk-share.ts';

const GIB = 1024 ** 3;
const size = (bytes: number, files: number) => ({ bsize: 4096, blocks: bytes / 4096, files });

test('who says nothing may fill a quarter, of the files too', () => {
  assert.deepEqual(diskShare(size(8 * GIB, 400_000)), { kib: 2 * 1024 * 1024, files: 100_000 });
});

test('of the smallest media it is 16 MiB and 512 files', () => {
  assert.deepEqual(diskShare(size(16 * 1024 ** 2, 1024)), { kib: 16 * 1024, files: 1024 });
  assert.deepEqual(diskShare(size(64 * 1024 ** 2, 1024)), { kib: 16 * 1024, files: 512 });
});

test('what a manifest says counts, above the default and below; files never more than there are', () => {
  assert.deepEqual(diskShare(size(8 * GIB, 400_000), 100), { kib: 100 * 1024, files: 4883 });
  assert.deepEqual(diskShare(size(8 * GIB, 400_000), 6144), { kib: 6 * 1024 * 1024, files: 300_000 });
  assert.deepEqual(diskShare(size(8 * GIB, 400_000), 100_000), { kib: 100_000 * 1024, files: 400_000 });
});

test('where files are not counted, there is still a number', () => {
  assert.equal(diskShare(size(8 * GIB, 0)).files, 512);
});
