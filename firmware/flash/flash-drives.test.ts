import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { renderBlockMap } from '../formats/block-map.ts';
import { runTool } from '../run-tool.ts';
import { type Faults, faultyDrive, fileDrive, MIB, systemError, temporaryFolder, testImage } from './flash.testing.ts';
import { type FlashProgress, flashDrives } from './flash-drives.ts';
import { inspectImage } from './image-source.ts';
import { type Receipt, receiptSchema } from './receipt.ts';

const never = new AbortController().signal;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Flashes the test image to a fake drive with faults; gives receipt, image and what the drive holds then. */
async function flashFaulty(
  t: TestContext,
  faults: Faults,
  options: { signal?: AbortSignal; onProgress?: (progress: FlashProgress) => void } = {},
): Promise<{ receipt: Receipt; drive: Buffer; image: Buffer }> {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const drive = await fileDrive(join(folder, 'drive'), bytes + 4 * MIB);
  const facts = await inspectImage(path, null, never);
  const [receipt] = await flashDrives(
    { image: facts, drives: [drive], fleetText: null },
    { signal: never, onProgress: () => {}, ...options, open: faultyDrive(faults) },
  );
  return { receipt: receiptSchema.parse(receipt), drive: await readFile(drive.path), image: await readFile(path) };
}

/** No fault may end in a drive that looks whole. */
async function assertFails(t: TestContext, faults: Faults, code: string): Promise<Receipt> {
  const { receipt, drive } = await flashFaulty(t, faults);
  assert.equal(receipt.verdict, 'failed');
  assert.equal(receipt.error?.code, code);
  assert.ok((receipt.error?.hint ?? '').length > 10);
  assert.notEqual(drive.readUInt16LE(510), 0xaa55, 'the drive has a partition table');
  return receipt;
}

test('a drive holds the image to the last byte, whatever was on it; zeros are written only where they are not', async (t) => {
  const { receipt, drive, image } = await flashFaulty(t, {});
  assert.equal(receipt.verdict, 'done');
  assert.equal(receipt.image.sha256, sha256(image));
  assert.equal(receipt.readBack?.bytes, image.length);
  assert.equal(receipt.written?.bytes, image.length);
  assert.ok(image.equals(drive.subarray(0, image.length)));
  assert.ok(drive.subarray(-MIB).every((byte) => byte === 0));
});

test('on a drive of zeros the holes of the image are not written', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const drive = await fileDrive(join(folder, 'drive'), bytes, 0);
  const job = { image: await inspectImage(path, null, never), drives: [drive], fleetText: null };
  const [receipt] = await flashDrives(job, { signal: never, onProgress: () => {} });
  assert.equal(receipt?.verdict, 'done');
  assert.ok((receipt.written?.bytes ?? 0) < 12 * MIB);
  assert.ok((await readFile(path)).equals(await readFile(drive.path)));
});

test('what a block map leaves out is neither written nor read; data is written whatever the map says', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  // Ends before the hole; the last MiB, which is data, is missing in the map.
  const ranges = [{ first: 0, last: 17 * 256 - 1, sha256: '1'.repeat(64) }];
  await writeFile(join(folder, 'disk.bmap'), renderBlockMap({ imageBytes: bytes, blockBytes: 4096, ranges }));
  const drive = await fileDrive(join(folder, 'drive'), bytes);
  const job = { image: await inspectImage(path, null, never), drives: [drive], fleetText: null };
  const [receipt] = await flashDrives(job, { signal: never, onProgress: () => {} });
  assert.equal(receipt?.verdict, 'done');
  assert.equal(receipt.readBack?.bytes, 18 * MIB);
  const [image, holds] = [await readFile(path), await readFile(drive.path)];
  assert.ok(image.subarray(0, 17 * MIB).equals(holds.subarray(0, 17 * MIB)));
  assert.ok(image.subarray(-MIB).equals(holds.subarray(-MIB)));
  assert.ok(holds.subarray(17 * MIB, bytes - MIB).every((byte) => byte === 0xee));
});

test('a block map of another image is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const ranges = [{ first: 0, last: 1, sha256: '1'.repeat(64) }];
  await writeFile(`${path}.bmap`, renderBlockMap({ imageBytes: bytes + 4096, blockBytes: 4096, ranges }));
  await assert.rejects(inspectImage(path, null, never), { code: 'INPUT_INVALID' });
});

test('a packed image gives the same drive', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const image = await readFile(path);
  await writeFile(`${path}.zst`, zstdCompressSync(image));
  const drive = await fileDrive(join(folder, 'drive'), bytes);
  const facts = await inspectImage(`${path}.zst`, null, never);
  assert.equal(facts.bytes, bytes);
  assert.equal(facts.sha256, sha256(image));
  const job = { image: facts, drives: [drive], fleetText: null };
  const [receipt] = await flashDrives(job, { signal: never, onProgress: () => {} });
  assert.equal(receipt?.verdict, 'done');
  assert.ok(image.equals(await readFile(drive.path)));
});

test('the fleet file is on the boot partition, and the rest of the volume is whole', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const drive = await fileDrive(join(folder, 'drive'), bytes);
  const job = { image: await inspectImage(path, null, never), drives: [drive], fleetText: '{"hello":1}\n' };
  const [receipt] = await flashDrives(job, { signal: never, onProgress: () => {} });
  assert.equal(receipt?.verdict, 'done');
  assert.equal(receipt.fleetFile, true);
  const found = await runTool('mtype', ['-i', `${drive.path}@@${MIB}`, '::/fleet.json']);
  assert.equal(found.stdout.toString(), '{"hello":1}\n');
  const fat = join(folder, 'checked.fat');
  await writeFile(fat, (await readFile(drive.path)).subarray(MIB, 9 * MIB));
  await runTool('fsck.vfat', ['-n', fat]);
});

test('short writes are gone on with', async (t) => {
  let count = 0;
  const { receipt, drive, image } = await flashFaulty(t, {
    write: (_position, length) => (++count % 2 === 0 && length > 8192 ? length / 2 - ((length / 2) % 4096) : undefined),
  });
  assert.equal(receipt.verdict, 'done');
  assert.ok(image.equals(drive.subarray(0, image.length)));
});

for (const [title, faults, code] of [
  ['an error of the drive', { write: (at) => (at > 12 * MIB ? systemError('EIO') : undefined) }, 'DRIVE_FAILED'],
  ['a drive pulled out', { write: (at) => (at > 12 * MIB ? systemError('ENODEV') : undefined) }, 'DRIVE_GONE'],
  ['a drive without an address', { write: (at) => (at > 12 * MIB ? systemError('ENXIO') : undefined) }, 'DRIVE_GONE'],
  ['a full drive', { write: (at) => (at > 12 * MIB ? systemError('ENOSPC') : undefined) }, 'DRIVE_TOO_SMALL'],
  ['a drive that takes nothing more', { write: (at) => (at > 12 * MIB ? 0 : undefined) }, 'DRIVE_TOO_SMALL'],
  ['an error of the first flush', { sync: () => systemError('EIO') }, 'DRIVE_FAILED'],
  ['an error of a later flush', { sync: (n) => (n === 2 ? systemError('EIO') : undefined) }, 'DRIVE_FAILED'],
  ['an unreadable block', { read: (at) => (at > 12 * MIB ? systemError('EIO') : undefined) }, 'DRIVE_FAILED'],
  ['a drive pulled out late', { read: (at) => (at > 12 * MIB ? systemError('ENODEV') : undefined) }, 'DRIVE_GONE'],
  [
    'a drive that lies at the read-back',
    {
      read: (at, bytes) => {
        if (at > 12 * MIB) bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
        return undefined;
      },
    },
    'DRIVE_MISMATCH',
  ],
] satisfies [string, Faults, string][])
  test(`${title} ends in ${code}`, async (t) => {
    await assertFails(t, faults, code);
  });

test('a head that does not read back fails too', async (t) => {
  const { receipt, drive } = await flashFaulty(t, {
    read: (at, bytes) => {
      if (at === 0) bytes[0] = (bytes[0] as number) ^ 1;
      return undefined;
    },
  });
  assert.equal(receipt.error?.code, 'DRIVE_MISMATCH');
  assert.match(receipt.error?.message ?? '', /bytes 0 to 1048575/);
  assert.notEqual(drive.readUInt16LE(510), 0xaa55);
});

test('a drive that forgets old data, as a forged one does, is found out', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const drive = await fileDrive(join(folder, 'drive'), bytes);
  // Only the last 8 MiB are real; what is written before them ends up there.
  const real = 8 * MIB;
  const open = faultyDrive({});
  const wrapping: typeof open = async (each) => {
    const handle = await open(each);
    const wrap = (at: number): number => at % real;
    return {
      ...handle,
      write: (part, at) => handle.write(part.subarray(0, real - wrap(at)), wrap(at)),
      read: (part, at) => handle.read(part.subarray(0, real - wrap(at)), wrap(at)),
    };
  };
  const job = { image: await inspectImage(path, null, never), drives: [drive], fleetText: null };
  const [receipt] = await flashDrives(job, { signal: never, onProgress: () => {}, open: wrapping });
  assert.equal(receipt?.error?.code, 'DRIVE_MISMATCH');
});

test('one drive that fails does not hold up the others', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const good = await fileDrive(join(folder, 'good'), bytes);
  const bad = await fileDrive(join(folder, 'bad'), bytes);
  const faulty = faultyDrive({ write: (at) => (at > 12 * MIB ? systemError('EIO') : undefined) });
  const job = { image: await inspectImage(path, null, never), drives: [bad, good], fleetText: null };
  const receipts = await flashDrives(job, {
    ...{ signal: never, onProgress: () => {} },
    open: (drive) => (drive === bad ? faulty(drive) : faultyDrive({})(drive)),
  });
  assert.deepEqual(
    receipts.map(({ verdict, drive }) => [drive.path, verdict]),
    [
      [bad.path, 'failed'],
      [good.path, 'done'],
    ],
  );
});

test('a drive that is too small is refused before any is touched', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const small = await fileDrive(join(folder, 'small'), bytes - 512);
  const large = await fileDrive(join(folder, 'large'), bytes);
  const before = sha256(await readFile(large.path));
  const job = { image: await inspectImage(path, null, never), drives: [large, small], fleetText: null };
  await assert.rejects(flashDrives(job, { signal: never, onProgress: () => {} }), { code: 'DRIVE_TOO_SMALL' });
  assert.equal(sha256(await readFile(large.path)), before);
});

test('an abort leaves a failed receipt and no partition table', async (t) => {
  const end = new AbortController();
  const { receipt, drive } = await flashFaulty(
    t,
    {},
    { signal: end.signal, onProgress: ({ phase }) => phase === 'reading back' && end.abort() },
  );
  assert.equal(receipt.verdict, 'failed');
  assert.equal(receipt.error?.code, 'INTERRUPTED');
  assert.match(receipt.error?.hint ?? '', /unusable until it is flashed again/);
  assert.notEqual(drive.readUInt16LE(510), 0xaa55);
});

test('a packed image that is cut off is found before a drive is touched', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await testImage(folder);
  const packed = zstdCompressSync(await readFile(path));
  await writeFile(`${path}.zst`, packed.subarray(0, packed.length - 1000));
  await assert.rejects(inspectImage(`${path}.zst`, null, never), { code: 'IMAGE_DAMAGED' });
  await assert.rejects(inspectImage(path, '0'.repeat(64), never), { code: 'HASH_MISMATCH' });
});

test('an image that changes while it is written fails', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder);
  const drive = await fileDrive(join(folder, 'drive'), bytes);
  const job = { image: await inspectImage(path, null, never), drives: [drive], fleetText: null };
  await truncate(path, bytes - MIB);
  const [receipt] = await flashDrives(job, { signal: never, onProgress: () => {} });
  assert.equal(receipt?.error?.code, 'IMAGE_DAMAGED');
});
