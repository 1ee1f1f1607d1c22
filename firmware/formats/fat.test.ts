import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { type FatRequest, fatBytesFor, makeFat } from './fat.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();
let folder: string;
let request: FatRequest;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-fat-'));
  await writeFile(join(folder, 'large'), Buffer.alloc(100_000, 'x'));
  await writeFile(join(folder, 'small'), 'pointer\n');
  request = {
    output: join(folder, 'first.img'),
    bytes: 8 * MIB,
    label: 'NODEOS',
    volumeId: 0xdead_beef,
    modified: 1_700_000_000,
    files: [
      { path: 'grub/grubenv', source: join(folder, 'small') },
      { path: 'EFI/BOOT/BOOTX64.EFI', source: join(folder, 'large') },
      { path: 'a-long-name.json', source: join(folder, 'small') },
    ],
  };
  await makeFat(request, signal);
});
after(() => rm(folder, { recursive: true, force: true }));

describe('FAT', () => {
  it('is clean to fsck.fat and of the size asked for', async () => {
    await runTool('fsck.fat', ['-n', request.output]);
    assert.equal((await stat(request.output)).size, 8 * MIB);
  });

  it('holds the files with their bytes and folders', async () => {
    const listing = (await runTool('mdir', ['-/', '-b', '-i', request.output])).stdout.toString();
    assert.deepEqual(listing.trim().split('\n').sort(), [
      '::/EFI/',
      '::/EFI/BOOT/',
      '::/EFI/BOOT/BOOTX64.EFI',
      '::/a-long-name.json',
      '::/grub/',
      '::/grub/grubenv',
    ]);
    const copy = await runTool('mtype', ['-i', request.output, '::EFI/BOOT/BOOTX64.EFI']);
    assert.ok(copy.stdout.equals(Buffer.alloc(100_000, 'x')));
  });

  it('has no date but the given one, and the same bytes in another order, from files of another date', async () => {
    await utimes(join(folder, 'large'), 1, 1);
    const dates = (await runTool('mdir', ['-/', '-a', '-i', request.output])).stdout
      .toString()
      .match(/\d{4}-\d\d-\d\d/g);
    assert.deepEqual(new Set(dates), new Set(['2023-11-14']));
    const output = join(folder, 'second.img');
    await makeFat({ ...request, output, files: [...request.files].reverse() }, signal);
    assert.ok((await readFile(output)).equals(await readFile(request.output)));
  });

  it('says that the files do not fit', async () => {
    const files = Array.from({ length: 60 }, (_, index) => ({ path: `${index}`, source: join(folder, 'large') }));
    const output = join(folder, 'full.img');
    await assert.rejects(makeFat({ ...request, output, bytes: 4 * MIB, files }, signal), /full|space/i);
  });
});

describe('fatBytesFor', () => {
  for (const sizes of [[1], [3 * MIB - 70_000], [33 * MIB, 4 * MIB, 400_000, 900, 1], Array(300).fill(5000)]) {
    it(`gives a volume that holds ${sizes.length} files of ${sizes[0]}… bytes and wastes less than 256 KiB`, async () => {
      const total = sizes.reduce((sum, size) => sum + Math.ceil(size / 4096) * 4096, 0);
      const bytes = fatBytesFor(sizes);
      assert.equal(bytes % 65_536, 0);
      assert.ok(bytes <= Math.max(4 * MIB, total + MIB / 4), `${bytes} bytes for ${total}`);
      const files = [];
      for (const [index, size] of sizes.entries()) {
        const source = join(folder, `file-${index}`);
        await writeFile(source, Buffer.alloc(size, 1));
        files.push({ path: `file-${index}`, source });
      }
      const output = join(folder, 'sized.img');
      await makeFat({ ...request, output, bytes, files: files.slice(0, 20) }, signal);
      await runTool('fsck.fat', ['-n', output]);
    });
  }
});
