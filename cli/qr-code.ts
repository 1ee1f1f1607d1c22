import { encode } from 'uqr';

/** Four light modules around a code are part of it (ISO/IEC 18004, 6.3.8). */
const QUIET_MODULES = 4;

/**
 * A QR code of half-height blocks, as lines for a terminal. The colours are set, not the terminal's own: on a dark
 * background many readers do not take a code whose light and dark are exchanged.
 */
export function qrCodeLines(text: string): string[] {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET_MODULES });
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    const cells = data[row] as boolean[];
    const below = data[row + 1] ?? cells.map(() => false);
    const blocks = cells.map((dark, column) => BLOCKS[dark ? 1 : 0][below[column] ? 1 : 0]);
    lines.push(`\x1b[30;47m${blocks.join('')}\x1b[0m`);
  }
  return lines;
}

/** By upper and lower module, dark or not; black on white. */
const BLOCKS = [
  [' ', '▄'],
  ['▀', '█'],
] as const;
