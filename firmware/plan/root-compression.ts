import type { SquashfsCompression } from '../formats/squashfs.ts';

/** How the root is compressed. What the choice costs and gives is measured in docs/decisions. */
export const ROOT_COMPRESSION: SquashfsCompression = { algorithm: 'zstd', level: 22, blockBytes: 1_048_576 };
