import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runForTest, temporaryFolder } from '../cli.testing.ts';

const MARKS = {
  'disk.img': [510, Buffer.from('55aa', 'hex')],
  'disk.img.zst': [0, Buffer.from('28b52ffd', 'hex')],
  'disc.iso': [32_769, Buffer.from('CD001')],
  'root.tar': [257, Buffer.from('ustar')],
} as const;

describe('nodeos run', () => {
  for (const [name, argv, code, message] of [
    ['an image that is not there', ['none.img'], 'FILE_UNREADABLE', /none\.img does not exist/],
    ['a file that is no image', ['letter'], 'INPUT_INVALID', /no image/],
    ['an archive for containers', ['root.tar'], 'FORMAT_UNSUPPORTED', /no kernel/],
    ['a disk as a CD', ['disk.img', '--bus', 'cd'], 'FORMAT_UNSUPPORTED', /no image of a CD/],
    ['to write to a CD', ['disc.iso', '--keep'], 'INPUT_INVALID', /--keep/],
    ['to write to a compressed image', ['disk.img.zst', '--keep'], 'INPUT_INVALID', /--keep/],
    ['an image that is damaged', ['disk.img.zst'], 'INPUT_INVALID', /damaged/],
    ['an unknown bus', ['disk.img', '--bus', 'floppy'], 'INPUT_INVALID', /floppy is none of .*cd/],
    ['a folder that is not of the barebones layer', ['folder'], 'FILE_UNREADABLE', /kernel is missing/],
    ['a CD in a machine that has a card slot', ['disc.iso', '--board', 'raspberrypi3'], 'INPUT_INVALID', /card slot/],
  ] as const) {
    it(`refuses ${name}`, async (test) => {
      const cwd = await temporaryFolder(test);
      await mkdir(join(cwd, 'folder'));
      await writeFile(join(cwd, 'letter'), 'a letter');
      for (const [file, [offset, mark]] of Object.entries(MARKS)) {
        const bytes = Buffer.alloc(40_000);
        mark.copy(bytes, offset);
        await writeFile(join(cwd, file), bytes);
      }
      const result = await runForTest(['run', ...argv], { cwd });
      assert.equal(result.code, 1, result.stderr);
      assert.match(result.stderr, new RegExp(`^error ${code}: .+\n {2}next: .+\n$`));
      assert.match(result.stderr, message);
    });
  }
});
