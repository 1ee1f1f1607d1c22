import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTool } from '../run-tool.ts';
import { findDrive, listDrives, watchDrives } from './discover.ts';
import { assertMayFlash, isOffered } from './drives.ts';
import { MIB, temporaryFolder, testImage } from './flash.testing.ts';
import { flashDrives } from './flash-drives.ts';
import { inspectImage } from './image-source.ts';
import { loopDevice, makeLoopDevice } from './loop-device.testing.ts';

const signal = new AbortController().signal;
const quiet = { signal, onProgress: () => {} };

test('an image on a loop device: cmp finds no difference, read past the cache', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const loop = await loopDevice(t, folder, bytes + 8 * MIB);
  if (loop === null) return;
  const drive = await findDrive(loop.path);
  assert.equal(drive.bytes, bytes + 8 * MIB);
  const image = await inspectImage(path, null, signal);
  const [receipt] = await flashDrives({ image, drives: [drive], fleetText: null }, quiet);
  assert.equal(receipt?.verdict, 'done', receipt?.error?.message);
  assert.equal(receipt.readBack?.direct, true);
  await runTool('cmp', ['--bytes', String(bytes), path, loop.path]);
});

test('a mounted drive is unmounted first; one that is in use is refused by the kernel', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const loop = await loopDevice(t, folder, bytes);
  if (loop === null) return;
  await runTool('mke2fs', ['-q', '-t', 'ext4', loop.path]);
  const at = join(folder, 'mounted');
  await mkdir(at);
  await runTool('mount', [loop.path, at]);
  t.after(async () => {
    await runTool('umount', [at], { okCodes: [0, 32] });
  });
  const image = await inspectImage(path, null, signal);
  const mounted = await findDrive(loop.path);
  assert.deepEqual(mounted.mounts, [at]);
  const [refused] = await flashDrives({ image, drives: [{ ...mounted, mounts: [] }], fleetText: null }, quiet);
  assert.equal(refused?.error?.code, 'DRIVE_BUSY');
  const [receipt] = await flashDrives({ image, drives: [mounted], fleetText: null }, quiet);
  assert.equal(receipt?.verdict, 'done', receipt?.error?.message);
  assert.deepEqual((await findDrive(loop.path)).mounts, []);
});

test('a loop device whose file cannot grow reports an error of the drive', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const small = join(folder, 'small');
  await mkdir(small);
  const mounted = await runTool('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', small]).catch(() => null);
  if (mounted === null) return t.skip('HOST_UNSUPPORTED: nothing can be mounted here');
  let loop: Awaited<ReturnType<typeof makeLoopDevice>> | null = null;
  try {
    loop = await makeLoopDevice(small, bytes);
    const image = await inspectImage(path, null, signal);
    const [receipt] = await flashDrives({ image, drives: [await findDrive(loop.path)], fleetText: null }, quiet);
    assert.equal(receipt?.verdict, 'failed');
    assert.ok(['DRIVE_FAILED', 'DRIVE_TOO_SMALL'].includes(receipt.error?.code ?? ''), receipt.error?.code);
    assert.notEqual((await readFile(loop.path)).readUInt16LE(510), 0xaa55);
  } finally {
    await loop?.detach();
    await runTool('umount', [small]);
  }
});

test('the drive that this computer runs from is seen and never offered', async () => {
  const drives = await listDrives();
  const system = drives.filter(({ systemUse }) => systemUse !== null);
  for (const drive of system) {
    assert.equal(isOffered(drive), false);
    assert.throws(() => assertMayFlash(drive, true), { code: 'DRIVE_REFUSED' });
  }
});

test('a path that is no drive, and watching that is broken off', async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(findDrive(join(folder, 'nothing')), { code: 'DRIVE_UNKNOWN' });
  await assert.rejects(findDrive('/dev/null'), { code: 'DRIVE_UNKNOWN' });
  const end = new AbortController();
  const changes: string[] = [];
  const watching = (async () => {
    for await (const { kind } of watchDrives(end.signal)) changes.push(kind);
  })();
  end.abort();
  await watching;
  assert.deepEqual(changes, []);
});
