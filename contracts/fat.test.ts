import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { isNodeosError } from './errors.ts';
import { type FatVolume, openFat } from './fat.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-fat-'));
after(() => rmSync(folder, { recursive: true }));

const KERNEL = Buffer.from(Array.from({ length: 150_001 }, (_, index) => (index * 7) & 0xff));
const GRUBENV = Buffer.from('# GRUB Environment Block\nnodeos_slot=a\n'.padEnd(1024, '#'));
const MANY_FILES = Array.from({ length: 120 }, (_, index) => `A long name in a folder, number ${index}.txt`);

function makeImage(name: string, bytes: number, ...options: string[]): Buffer {
  const image = join(folder, name);
  writeFileSync(image, '');
  truncateSync(image, bytes);
  execFileSync('mkfs.vfat', ['--invariant', '-n', 'NODEOS', ...options, image], { stdio: 'pipe' });
  const put = (target: string, content: string | Buffer) => {
    writeFileSync(join(folder, 'piece'), content);
    execFileSync('mcopy', ['-i', image, join(folder, 'piece'), `::${target}`], { stdio: 'pipe' });
  };
  execFileSync('mmd', ['-i', image, '::grub', '::EFI', '::EFI/BOOT', '::many'], { stdio: 'pipe' });
  put('/grub/grubenv', GRUBENV);
  put('/kernel', KERNEL);
  put('/EFI/BOOT/BOOTX64.EFI', 'efi');
  put('/empty', '');
  put('/Ein längerer Name.json', '{}');
  for (const file of MANY_FILES) writeFileSync(join(folder, file), file);
  execFileSync('mcopy', ['-i', image, ...MANY_FILES.map((file) => join(folder, file)), '::many'], { stdio: 'pipe' });
  return readFileSync(image);
}

const open = (image: Buffer): FatVolume =>
  openFat((offset, length) => image.subarray(offset, Math.min(offset + length, image.length)));

const images: Record<string, Buffer> = {};
before(() => {
  images.FAT12 = makeImage('fat12', 1_474_560, '-F', '12', '-s', '4');
  images.FAT16 = makeImage('fat16', 32 * 1_048_576, '-F', '16');
  images.FAT32 = makeImage('fat32', 40 * 1_048_576, '-F', '32', '-s', '1');
});

for (const [kind, bits] of [
  ['FAT12', 12],
  ['FAT16', 16],
  ['FAT32', 32],
] as const) {
  test(`${kind}: what mtools wrote is listed, read and found at its place`, () => {
    const image = images[kind] as Buffer;
    const volume = open(image);
    assert.equal(volume.bits, bits);
    assert.deepEqual(
      volume
        .list('/')
        .map((entry) => entry.name)
        .sort(),
      ['EFI', 'Ein längerer Name.json', 'empty', 'grub', 'kernel', 'many'],
    );
    assert.deepEqual(
      volume
        .list('/many')
        .map((entry) => entry.name)
        .sort(),
      [...MANY_FILES].sort(),
    );
    assert.ok(volume.readFile('/kernel').equals(KERNEL));
    assert.ok(Buffer.concat([...volume.chunks('/kernel', 1000)]).equals(KERNEL));
    assert.equal(volume.readFile('/empty').length, 0);
    assert.equal(volume.readFile('/many/a long NAME in a folder, number 119.txt').toString(), MANY_FILES[119]);
    assert.equal(volume.readFile('/efi/boot/bootx64.efi').toString(), 'efi');
    assert.equal(volume.find('/grub/none'), null);
    assert.equal(volume.find('/kernel/none'), null);
    assert.deepEqual(volume.find('/grub/grubenv'), { name: 'grubenv', directory: false, bytes: 1024 });
    if (bits !== 32) {
      const { offset } = volume.locate('/grub/grubenv');
      assert.ok(image.subarray(offset, offset + 1024).equals(GRUBENV));
    }
    assert.throws(() => volume.locate('/kernel'), /just one cluster/);
    assert.throws(() => volume.readFile('/grub'), /not a file/);
    assert.throws(() => volume.list('/kernel'), /not a folder/);
    assert.throws(() => volume.readFile('/kernel', 1000), /more than 1000/);
  });
}

test('a volume without a boot sector is refused with a coded error', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(512), Buffer.alloc(4096, 0xff)])
    assert.throws(
      () => open(bytes),
      (error) => isNodeosError(error) && error.code === 'INPUT_INVALID',
    );
});

test('a chain that runs in a loop ends with an error', () => {
  const image = Buffer.from(images.FAT16 as Buffer);
  const fatOffset = image.readUInt16LE(14) * 512;
  for (let cell = 2; cell < 2000; cell++) image.writeUInt16LE(2 + (cell % 5), fatOffset + cell * 2);
  assert.throws(
    () => visitAll(open(image)),
    (error) => isNodeosError(error),
  );
});

test('random damage never hangs or crashes the reader', () => {
  for (const kind of ['FAT12', 'FAT16', 'FAT32']) {
    const whole = images[kind] as Buffer;
    const headEnd = 600_000;
    const change = fc.record({
      // Half of the damage hits the boot sector, where it does most harm.
      at: fc.oneof(fc.nat(90), fc.nat(headEnd - 1)),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const head = Buffer.from(whole.subarray(0, headEnd));
        for (const { at, bytes } of changes) head.set(bytes.subarray(0, headEnd - at), at);
        const read = (offset: number, length: number) => {
          const end = Math.min(offset + length, whole.length);
          if (offset >= headEnd) return whole.subarray(offset, end);
          return Buffer.concat([head.subarray(offset, end), whole.subarray(headEnd, Math.max(headEnd, end))]);
        };
        try {
          visitAll(openFat(read));
        } catch (error) {
          assert.ok(isNodeosError(error), String(error));
        }
      }),
      { numRuns: 60 },
    );
  }
});

/** Looks at everything, three folders deep. */
function visitAll(volume: FatVolume, path = '', depth = 0): void {
  for (const entry of volume.list(path || '/').slice(0, 50)) {
    if (entry.name.includes('/')) continue;
    const child = `${path}/${entry.name}`;
    const node = volume.find(child);
    if (node?.directory && depth < 2) visitAll(volume, child, depth + 1);
    else if (node && !node.directory && node.bytes < 1_000_000) volume.readFile(child);
  }
}
