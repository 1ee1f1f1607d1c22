import type { Board } from '@nodeos/contracts/board.ts';
import { HEADER_PACKAGES } from '../bundle/node-headers.ts';
import { rootPackages } from '../plan/root-files.ts';

/** Debian package of each GRUB platform's modules; in the archive of the processors that can start it. */
const GRUB_PACKAGES = {
  'i386-pc': 'grub-pc-bin',
  'i386-efi': 'grub-efi-ia32-bin',
  'x86_64-efi': 'grub-efi-amd64-bin',
  'arm64-efi': 'grub-efi-arm64-bin',
} as const;

/** Debian packages that a board names: those of its root, its Node's headers, its kernel's source, its boot chain. Sorted. */
export function boardPackages(board: Board): string[] {
  const headers = board.node.source === 'debian' ? HEADER_PACKAGES : [];
  return [...new Set([...rootPackages(board), ...headers, board.kernel.source, ...bootPackages(board.boot)])].sort();
}

function bootPackages(boot: Board['boot']): string[] {
  switch (boot.chain) {
    case 'grub':
      return boot.targets.map((target) => GRUB_PACKAGES[target]);
    case 'raspberrypi':
      return [boot.firmware, boot.stub].flatMap((item) => (item === null ? [] : [item.package]));
    case 'u-boot':
      return [boot.loader.package];
  }
}
