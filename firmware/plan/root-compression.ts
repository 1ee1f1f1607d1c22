import type { SquashfsCompression } from '../formats/squashfs.ts';

/** How the root is compressed. Measured in docs/decisions/003. */
export const ROOT_COMPRESSION: SquashfsCompression = { algorithm: 'zstd', level: 22, blockBytes: 1_048_576 };
