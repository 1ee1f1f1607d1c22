import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** What a build can be delivered as; all from the same layers. */
export const FORMATS = ['img', 'img.zst', 'iso', 'qcow2', 'oci', 'tar', 'barebones'] as const;
export type Format = (typeof FORMATS)[number];

/** @throws NodeosError FORMAT_UNSUPPORTED where the board has no use for the format */
export function requireFormat(board: Pick<Board, 'name' | 'boot'>, format: Format): void {
  if (format === 'iso' && board.boot.chain !== 'grub')
    throw new NodeosError('FORMAT_UNSUPPORTED', `${board.name} starts from no CD: there is no iso for it`);
}
