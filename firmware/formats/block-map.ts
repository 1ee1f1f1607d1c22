import { createHash } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** Blocks of an image that must reach the medium; what is left out may stay as it is there. */
export interface BlockMap {
  readonly imageBytes: number;
  readonly blockBytes: number;
  readonly ranges: readonly BlockRange[];
}

export interface BlockRange {
  /** First and last block. */
  readonly first: number;
  readonly last: number;
  /** Of the range's bytes, hex; the last range may end with the image, in the middle of a block. */
  readonly sha256: string;
}

const NO_CHECKSUM = '0'.repeat(64);

/** Renders a block map in the XML format 2.0 of bmap-tools (the comments of its BmapCreate.py describe it). */
export function renderBlockMap({ imageBytes, blockBytes, ranges }: BlockMap): string {
  const mapped = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const lines = ranges.map(({ first, last, sha256 }) => {
    const blocks = first === last ? `${first}` : `${first}-${last}`;
    return `    <Range chksum="${sha256}"> ${blocks} </Range>`;
  });
  const text = `<?xml version="1.0" ?>
<bmap version="2.0">
  <ImageSize> ${imageBytes} </ImageSize>
  <BlockSize> ${blockBytes} </BlockSize>
  <BlocksCount> ${Math.ceil(imageBytes / blockBytes)} </BlocksCount>
  <MappedBlocksCount> ${mapped} </MappedBlocksCount>
  <ChecksumType> sha256 </ChecksumType>
  <BmapFileChecksum> ${NO_CHECKSUM} </BmapFileChecksum>
  <BlockMap>
${lines.join('\n')}
  </BlockMap>
</bmap>
`;
  // It is taken over the file with zeros in its own place.
  return text.replace(NO_CHECKSUM, sha256(text));
}

/**
 * Reads a block map of format 1.4 or 2.x with sha256 sums, as bmap-tools or this project make it.
 * @param name of the file, for messages
 * @throws NodeosError INPUT_INVALID where it is none, is damaged, or its ranges are not in order within the image
 */
export function parseBlockMap(text: string, name: string): BlockMap {
  const fail = (what: string): never => {
    throw new NodeosError('INPUT_INVALID', `${name}: ${what}`, {
      hint: 'Take the block map that was made with the image, or leave it out.',
    });
  };
  const field = (tag: string): string =>
    new RegExp(`<${tag}>\\s*([0-9a-z]+)\\s*</${tag}>`).exec(text)?.[1] ?? fail(`no ${tag}`);
  const version = /<bmap version="(\d+\.\d+)">/.exec(text)?.[1];
  if (version === undefined || !(version === '1.4' || version.startsWith('2.'))) fail('no block map of format 2');
  if (field('ChecksumType') !== 'sha256') fail('its sums are not sha256');
  const checksum = field('BmapFileChecksum');
  if (sha256(text.replace(checksum, NO_CHECKSUM)) !== checksum) fail('it is damaged: its own checksum does not fit');
  const [imageBytes, blockBytes] = [Number(field('ImageSize')), Number(field('BlockSize'))];
  const blocks = Number(field('BlocksCount'));
  if (!(blockBytes > 0) || blocks !== Math.ceil(imageBytes / blockBytes)) fail('its sizes do not fit together');
  const ranges: BlockRange[] = [];
  for (const [, sum = '', from, to] of text.matchAll(
    /<Range chksum="([0-9a-f]{64})">\s*(\d+)(?:-(\d+))?\s*<\/Range>/g,
  )) {
    const first = Number(from);
    const last = to === undefined ? first : Number(to);
    if (first <= (ranges.at(-1)?.last ?? -1) || last < first || last >= blocks)
      fail(`the range ${first}-${last} is out of order`);
    ranges.push({ first, last, sha256: sum });
  }
  const mapped = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  if (mapped !== Number(field('MappedBlocksCount'))) fail('ranges are missing');
  return { imageBytes, blockBytes, ranges };
}

/**
 * Blocks that pieces of an image touch, in order, neighbours joined.
 * @param extents offsets and sizes in bytes, in any order
 */
export function blocksOf(
  extents: readonly { readonly offset: number; readonly bytes: number }[],
  blockBytes: number,
): { first: number; last: number }[] {
  const ranges: { first: number; last: number }[] = [];
  for (const { offset, bytes } of extents.toSorted((one, other) => one.offset - other.offset)) {
    if (bytes === 0) continue;
    const [first, last] = [Math.floor(offset / blockBytes), Math.ceil((offset + bytes) / blockBytes) - 1];
    const before = ranges.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else ranges.push({ first, last });
  }
  return ranges;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
