import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { type BlockMap, blocksOf, parseBlockMap, renderBlockMap } from './block-map.ts';

const BLOCK = 4096;
/** Ten blocks and a half, each filled with its number. */
const image = Buffer.concat(
  Array.from({ length: 11 }, (_, index) => Buffer.alloc(index < 10 ? BLOCK : 2048, index + 1)),
);
const map: BlockMap = { imageBytes: image.length, blockBytes: BLOCK, ranges: [range(0, 0), range(3, 5), range(9, 10)] };

function range(first: number, last: number) {
  const bytes = image.subarray(first * BLOCK, (last + 1) * BLOCK);
  return { first, last, sha256: createHash('sha256').update(bytes).digest('hex') };
}

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-block-map-'));
  await writeFile(join(folder, 'disk.img'), image);
});
after(() => rm(folder, { recursive: true, force: true }));

/** Lets bmaptool write the image over a medium full of `x`. */
async function copyByJudge(text: string): Promise<Buffer> {
  await writeFile(join(folder, 'disk.img.bmap'), text);
  const target = join(folder, 'target');
  await rm(target, { force: true });
  await runTool('bmaptool', ['copy', '--bmap', join(folder, 'disk.img.bmap'), join(folder, 'disk.img'), target]);
  return readFile(target);
}

describe('a block map', () => {
  it('is taken by bmaptool, which writes the blocks in it and no others', async () => {
    const written = await copyByJudge(renderBlockMap(map));
    const expected = Buffer.alloc(image.length);
    for (const { first, last } of map.ranges) image.copy(expected, first * BLOCK, first * BLOCK, (last + 1) * BLOCK);
    assert.deepEqual(written, expected);
  });

  it('is refused by bmaptool where a hash in it is not that of the image', async () => {
    const [first, ...others] = map.ranges;
    assert.ok(first);
    const wrong = { ...map, ranges: [{ ...first, sha256: 'ab'.repeat(32) }, ...others] };
    await assert.rejects(copyByJudge(renderBlockMap(wrong)), /checksum mismatch/);
  });

  it('reads back as it was written', () => {
    assert.deepEqual(parseBlockMap(renderBlockMap(map), 'x.bmap'), map);
  });

  it('reads what bmaptool writes', async () => {
    const { stdout } = await runTool('bmaptool', ['create', join(folder, 'disk.img')]);
    const read = parseBlockMap(stdout.toString(), 'x.bmap');
    assert.equal(read.imageBytes, image.length);
    assert.ok(read.ranges.length > 0);
    for (const { first, last, sha256 } of read.ranges) assert.equal(sha256, range(first, last).sha256);
  });

  for (const [what, change, message] of [
    ['that is cut off', (text: string) => text.slice(0, 200), /no ChecksumType/],
    ['with one digit changed', (text: string) => text.replace(/(chksum=")./, '$1x'), /damaged/],
    ['of another version', (text: string) => text.replace('version="2.0"', 'version="1.2"'), /format 2/],
    ['that is something else', () => '<html></html>', /format 2/],
  ] as const) {
    it(`is refused: one ${what}`, () => {
      const text = change(renderBlockMap(map));
      assert.throws(() => parseBlockMap(text, 'x.bmap'), { code: 'INPUT_INVALID', message });
    });
  }

  for (const [what, ranges, message] of [
    ['overlap', [range(3, 5), range(5, 6)], /5-6 is out of order/],
    ['are backwards', [range(3, 5), { ...range(0, 0) }], /0-0 is out of order/],
    ['lie behind the image', [{ ...range(9, 10), last: 11 }], /9-11 is out of order/],
  ] as const) {
    it(`is refused where its ranges ${what}`, () => {
      const text = renderBlockMap({ ...map, ranges });
      assert.throws(() => parseBlockMap(text, 'x.bmap'), { code: 'INPUT_INVALID', message });
    });
  }
});

describe('blocksOf', () => {
  it('covers every byte of the extents, in order, with neighbours joined', () => {
    const extents = [
      { offset: 40_960, bytes: 1 },
      { offset: 4095, bytes: 2 },
      { offset: 8192, bytes: 4096 },
      { offset: 20_480, bytes: 0 },
    ];
    assert.deepEqual(blocksOf(extents, BLOCK), [
      { first: 0, last: 2 },
      { first: 10, last: 10 },
    ]);
  });
});
